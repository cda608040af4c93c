"""How tasks are best played, measured on training seeds: by plans, the policy, or as before."""

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

_GOOD_ENOUGH = 0.95


def choose_plays(
    checkpoint: Checkpoint,
    *,
    episodes: int,
    tasks: Sequence[str] | None = None,
    before: Checkpoint | None = None,
    seed: int = 0,
    device: str = "cpu",
    workers: int = 0,
    precision: Precision = "auto",
    on_progress: OnProgress = ignore_progress,
) -> Checkpoint:
    """Return the checkpoint with the better way to play tasks in it.

    All ways play the same episodes, whose seeds are never those of an evaluation. Plans must be
    better by more than one standard error of the difference: few episodes say little, and the
    policy alone is cheaper. Where it scores 0.95 or more, plans are not tried. What training began
    with, if it is given, is returned instead where it scores as well, in the mean over tasks.

    Args:
        checkpoint: The model.
        episodes: Per task and way.
        tasks: What to choose for; all that the checkpoint was trained on by default.
        before: What training began with, for the same tasks.
        seed: Of the episodes and the planner's noise.
        device: Where to compute.
        workers: Worker processes; 0 plays in this process.
        precision: Of the products in planning.
        on_progress: Called after every group of tasks.
    """

    def scores(
        played: Checkpoint, tasks: Sequence[str], is_planning: bool | None
    ) -> NDArray[np.float64]:
        newt = Newt(
            *(played, tasks),
            device=device,
            seed=seed,
            planning=is_planning,
            precision=precision,
        )
        return _scores(newt, tasks, episodes, seed, workers, played.vision)

    better: dict[str, Player] = {}
    gain_over_before = 0.0
    lengths = {name: task(name).max_episode_steps for name in tasks or checkpoint.tasks}
    # Tasks of one length end together: no slot plays on while others finish.
    for length in sorted(set(lengths.values())):
        group = [name for name in lengths if lengths[name] == length]
        by_policy = dict(zip(group, scores(checkpoint, group, False), strict=True))
        best = {name: of_task.mean() for name, of_task in by_policy.items()}
        better.update(dict.fromkeys(group, "policy"))
        open_tasks = [name for name in group if by_policy[name].mean() < _GOOD_ENOUGH]
        if open_tasks:
            planned_scores = scores(checkpoint, open_tasks, True)
            for name, planned in zip(open_tasks, planned_scores, strict=True):
                gains = planned - by_policy[name]
                if gains.mean() > gains.std() / np.sqrt(max(1, episodes - 1)):
                    better[name], best[name] = "plan", planned.mean()
        if before is not None:
            gain_over_before += sum(best.values()) - scores(before, group, None).mean(1).sum()
        on_progress(Progress("choosing how to play", len(better), len(lengths)))
    if before is not None and gain_over_before <= 0:
        on_progress(Progress("nothing was gained: keeping what was there before", 1, 1))
        return before
    return dataclasses.replace(checkpoint, plays_by_task={**checkpoint.plays_by_task, **better})


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
