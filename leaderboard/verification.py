"""Whether a submission's episodes earn what they claim, and whether its agent played them.

Replay shows that the actions earn the claimed scores. It cannot show who chose the actions: the
seeds are public, and a planner inside the simulator could be passed off as a policy. So a second
step plays the agent itself on fresh seeds, and tests whether its scores come from the same
distribution.
"""

import math
import secrets
from collections.abc import Mapping
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from leaderboard.submission import SubmissionError, unpacked, validate
from mmbench.agent import Expert
from mmbench.demos.expert import build_expert
from mmbench.env import TaskEnv
from mmbench.episodes import record_episode
from mmbench.errors import WorkerError
from mmbench.evaluation.verification import Verification, verify_result
from mmbench.pool import worker_pool
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.scoring import Scores
from mmbench.seeding import fresh_seed

SIGNIFICANCE = 0.01
NUM_PERMUTATIONS = 9999
_POWER = 0.8
_Z_SIGNIFICANCE, _Z_POWER = 2.5758, 0.8416
"""Quantiles of the normal distribution: of 1 - SIGNIFICANCE / 2, and of the power."""


def verify(
    file: Path | str,
    *,
    episodes: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Verification:
    """Validate a submission, and replay all its episodes or some drawn at random.

    Args:
        file: A submission.
        episodes: How many to replay; default all.
        seed: Seed of the draw; by default nobody can foresee which episodes are replayed.
        workers: Worker processes; default one per core.
        on_progress: Called as episodes are replayed.

    Raises:
        SubmissionError: If the submission breaks a rule.
    """
    validate(file)
    with unpacked(file) as folder:
        return verify_result(
            folder,
            episodes=episodes,
            seed=seed,
            workers=workers,
            on_progress=on_progress,
        )


def probability_missed(num_forged: int, num_replayed: int, num_episodes: int) -> float:
    """Return how probably a random sample for replay holds none of the forged episodes.

    Source:
        Hypergeometric distribution: C(N - k, n) / C(N, n).
    """
    honest = num_episodes - num_forged
    return math.comb(honest, num_replayed) / math.comb(num_episodes, num_replayed)


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """How an agent's scores on fresh seeds compare with those it is said to have.

    Attributes:
        claimed: Mean score of the submission over the tasks played.
        fresh: Mean score on fresh seeds.
        p_value: Probability of such a difference if both come from the same distribution.
        worst_task: The task with the smallest p value.
        worst_p_value: That value, times the number of tasks (Bonferroni).
        detectable: Difference of the means that would have been found with 80 % probability.
    """

    claimed: float
    fresh: float
    p_value: float
    worst_task: str
    worst_p_value: float
    detectable: float

    @property
    def is_reproduced(self) -> bool:
        """Whether neither the mean nor any task differs significantly."""
        return min(self.p_value, self.worst_p_value) >= SIGNIFICANCE


def reproduce(
    file: Path | str,
    *,
    agent: str,
    checkpoint: str | None = None,
    options: Mapping[str, Any] | None = None,
    fresh_seeds: int = 3,
    salt: str | None = None,
    tasks: tuple[str, ...] = (),
    workers: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Reproduction:
    """Play the agent of a submission on seeds that its authors could not know, and compare scores.

    Args:
        file: A submission.
        agent: As `mmbench evaluate --agent` takes it.
        checkpoint: For the agent.
        options: For the agent.
        fresh_seeds: Episodes per task.
        salt: What the seeds are made of; by default nobody can foresee it.
        tasks: Only these; default all of the submission.
        workers: Worker processes; default one per core.
        on_progress: Called after every episode.

    Raises:
        SubmissionError: If the submission breaks a rule, does not hold a task, or a worker dies.
    """
    submission = validate(file)
    claimed = submission.result.scores
    if unknown := set(tasks) - set(claimed):
        raise SubmissionError(f"{file} has no episodes of {min(unknown)}")
    chosen = tasks or tuple(claimed)
    salt = secrets.token_hex(8) if salt is None else salt
    jobs = [
        (task, fresh_seed(task, salt, index)) for task in chosen for index in range(fresh_seeds)
    ]
    given = tuple((options or {}).items())
    scores: dict[str, list[float]] = {task: [] for task in chosen}
    try:
        with worker_pool(workers) as pool:
            running = {pool.submit(_score, *job, agent, checkpoint, given): job[0] for job in jobs}
            for done, future in enumerate(as_completed(running), start=1):
                scores[running[future]].append(future.result())
                on_progress(Progress("playing fresh seeds", done, len(jobs), running[future]))
    except WorkerError as error:
        raise SubmissionError(f"the agent cannot be played: {error}") from error
    return compare(
        {task: claimed[task] for task in chosen},
        {task: np.sort(scores[task]) for task in chosen},
    )


def compare(claimed: Scores, fresh: Scores) -> Reproduction:
    """Test whether the scores of the same tasks come from the same distributions.

    Episodes are permuted between the two groups within each task. The statistic of the whole is the
    difference of the means over tasks; that of a task is the difference of its own.

    Source:
        Stratified permutation test: Good, "Permutation, Parametric and Bootstrap Tests of
        Hypotheses", 2005, chapters 3 and 6.
    """
    rng = np.random.default_rng(0)
    differences = np.empty((len(claimed), NUM_PERMUTATIONS + 1))  # the first is what was observed
    variances = []
    for row, (task, ours) in zip(differences, claimed.items(), strict=True):
        both = np.concatenate([ours, fresh[task]])
        order = np.tile(np.arange(len(both)), (NUM_PERMUTATIONS + 1, 1))
        order[1:] = rng.permuted(order[1:], axis=1)
        shuffled = both[order]
        row[:] = shuffled[:, : len(ours)].mean(1) - shuffled[:, len(ours) :].mean(1)
        variances.append(both.var(ddof=1) * (1 / len(ours) + 1 / len(fresh[task])))
    tasks = list(claimed)
    by_task = _p_values(differences)
    worst = int(np.argmin(by_task))
    error = float(np.sqrt(np.sum(variances))) / len(tasks)
    return Reproduction(
        claimed=float(np.mean([scores.mean() for scores in claimed.values()])),
        fresh=float(np.mean([scores.mean() for scores in fresh.values()])),
        p_value=float(_p_values(differences.mean(0, keepdims=True))[0]),
        worst_task=tasks[worst],
        worst_p_value=min(1.0, float(by_task[worst]) * len(tasks)),
        detectable=(_Z_SIGNIFICANCE + _Z_POWER) * error,
    )


def _p_values(differences: "np.ndarray[Any, np.dtype[np.float64]]") -> Any:
    """Return the share of permutations as extreme as the first, two-sided, of every row."""
    is_extreme = np.abs(differences) >= np.abs(differences[:, :1]) - 1e-12
    return is_extreme.mean(1)


def _score(
    task: str, seed: int, agent: str, checkpoint: str | None, options: tuple[tuple[str, Any], ...]
) -> float:
    """Play one episode; runs in a worker."""
    env = _env(task)
    env.reset(seed=seed)
    return record_episode(env, _player(env, agent, checkpoint, options), agent=agent).score


@lru_cache(maxsize=1)
def _env(task: str) -> TaskEnv:
    return TaskEnv(task)


@lru_cache(maxsize=1)
def _player(
    env: TaskEnv, agent: str, checkpoint: str | None, options: tuple[tuple[str, Any], ...]
) -> Expert:
    return build_expert(env, agent, checkpoint=checkpoint, options=dict(options))
