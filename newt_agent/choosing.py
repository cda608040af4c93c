"""Whether a task is better played by plans or by the policy alone, measured on training seeds."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmbench import task
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.training.collector import Collector
from mmbench.training.journal import Episode
from mmbench.vision import ImageEncoder
from newt_agent.agent import Newt
from newt_agent.checkpoint import Checkpoint, Player
from newt_agent.config import Precision


def choose_plays(
    checkpoint: Checkpoint,
    *,
    episodes: int,
    seed: int = 0,
    device: str = "cpu",
    workers: int = 0,
    precision: Precision = "auto",
    on_progress: OnProgress = ignore_progress,
) -> Checkpoint:
    """Return the checkpoint with the better way to play each of its tasks in it.

    Both ways play the same episodes, whose seeds are never those of an evaluation. Plans must be
    better by more than one standard error of the difference: few episodes say little, and the
    policy alone is cheaper.

    Args:
        checkpoint: The model.
        episodes: Per task and way.
        seed: Of the episodes and the planner's noise.
        device: Where to compute.
        workers: Worker processes; 0 plays in this process.
        precision: Of the products in planning.
        on_progress: Called after every group of tasks.
    """
    better: dict[str, Player] = {}
    lengths = {name: task(name).max_episode_steps for name in checkpoint.tasks}
    # Tasks of one length end together: no slot plays on while others finish.
    for length in sorted(set(lengths.values())):
        tasks = [name for name in checkpoint.tasks if lengths[name] == length]
        scores = {}
        for way in ("plan", "policy"):
            newt = Newt(
                *(checkpoint, tasks),
                device=device,
                seed=seed,
                planning=way == "plan",
                precision=precision,
            )
            scores[way] = _scores(newt, tasks, episodes, seed, workers, checkpoint.vision)
        gains = scores["plan"] - scores["policy"]
        error = gains.std(axis=1) / np.sqrt(max(1, episodes - 1))
        for name, gain, least in zip(tasks, gains.mean(axis=1), error, strict=True):
            better[name] = "plan" if gain > least else "policy"
        on_progress(Progress("choosing plans or policy", len(better), len(lengths)))
    return dataclasses.replace(checkpoint, plays_by_task=better)


def _scores(
    newt: Newt, tasks: Sequence[str], episodes: int, seed: int, workers: int, vision: str | None
) -> NDArray[np.float64]:
    """Return the scores of every task's first episodes, shape `(num_tasks, episodes)`."""
    scores: list[list[float]] = [[] for _ in tasks]

    def keep(number: int, episode: Episode, score: float) -> None:
        scores[number].append(score)

    obs_type: Literal["state", "state+rgb"] = "state" if vision is None else "state+rgb"
    with Collector(
        tasks,
        own=range(len(tasks)),
        copies=1,
        seed=seed,
        obs_type=obs_type,
        workers=workers,
        images=None if vision is None else ImageEncoder(vision),
        on_episode=keep,
    ) as collector:
        while min(map(len, scores)) < episodes:
            collector.step(newt.act_on(*collector.seen))
    return np.array([of_task[:episodes] for of_task in scores])
