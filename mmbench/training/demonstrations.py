"""Demonstrations, ready to be learned from."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmbench.demos import load
from mmbench.demos.clock import clock_rates, timed
from mmbench.demos.dataset import MIN_SHARE_OF_BEST, is_by_practising, practising_experts
from mmbench.episodes import Trajectory
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.spec import MAX_ACTION_DIM, MAX_OBS_DIM
from mmbench.training.replay import Replay, Sampling
from mmbench.vision import ImageEncoder

SHIPPED = "shipped"
"""Stands for the demonstrations that come with mmbench."""
_LOG = logging.getLogger("mmbench")


def demonstration_replay(
    tasks: Sequence[str],
    where: str,
    *,
    obs_dim: int = MAX_OBS_DIM,
    action_dim: int = MAX_ACTION_DIM,
    feature_dim: int = 0,
    horizon: int,
    has_clock: bool = False,
    has_practice: bool = False,
    sampling: Sampling = "task",
    images: ImageEncoder | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Replay:
    """Replay demonstrations into a buffer of their own.

    What is worth imitating weighs as much as its score has to its task's best; practice is to be
    imitated by its labels, however it scored. A demonstration by another expert than practises the
    task is not imitated: two ways of doing one thing make a bad average. A demonstration whose
    replay differs here, on another maker's processor, is what happened here.

    Args:
        tasks: Task ids; a task's number is its place here.
        where: `shipped`, or a directory of demonstrations.
        obs_dim: Entries of a padded observation.
        action_dim: Entries of a padded action.
        feature_dim: Entries of an image feature; 0 without images.
        horizon: Steps of a sub-sequence.
        has_clock: Whether tasks whose experts walk to a rhythm show a clock.
        has_practice: Whether practice is learned from as well.
        sampling: How sub-sequences are drawn.
        images: Makes features of the pictures; without it there are none.
        on_progress: Called after each episode.

    Raises:
        DemonstrationError: If a task has no demonstration.
    """
    demonstrations = load(
        tasks,
        obs_type="state" if images is None else "state+rgb",
        path=None if where == SHIPPED else where,
        has_practice=has_practice,
    )
    replay = Replay(
        sum(record.length + 1 for record in demonstrations.records),
        obs_dim=obs_dim,
        action_dim=action_dim,
        feature_dim=feature_dim,
        num_tasks=len(tasks),
        horizon=horizon,
        has_labels=True,
        sampling=sampling,
    )
    best: dict[str, float] = {}
    for record in demonstrations.records:
        if record.labels is None:
            best[record.task_id] = max(record.score, best.get(record.task_id, 0.0))
    practising = practising_experts(demonstrations.records)
    num_different = num_spoilt = 0
    number = {name: index for index, name in enumerate(tasks)}
    rates = clock_rates(tasks, obs_dim) * has_clock
    for done, trajectory in enumerate(demonstrations, start=1):
        pictures = trajectory.images
        weight = _imitation_weight(trajectory, best.get(trajectory.task_id, 0.0))
        weight *= is_by_practising(demonstrations.records[done - 1], practising)
        if not np.array_equal(trajectory.rewards, demonstrations.records[done - 1].rewards):
            num_different += 1
            num_spoilt += weight == 0
        replay.add(
            number[trajectory.task_id],
            timed(trajectory.observations, rates[number[trajectory.task_id]], obs_dim),
            trajectory.actions,
            trajectory.rewards,
            images.features(pictures) if images and pictures is not None else None,
            label=trajectory.expert_actions,
            weight=weight,
        )
        on_progress(Progress("replaying demonstrations", done, len(demonstrations)))
    if num_different:
        _LOG.warning(
            "%d of %d demonstrations went otherwise on this machine and were kept as they went; %d "
            "of them score too little to be imitated",
            *(num_different, len(demonstrations), num_spoilt),
        )
    return replay


def _imitation_weight(trajectory: Trajectory, best: float) -> float:
    """Return how much to imitate a trajectory, given the score of its task's best one."""
    assert trajectory.score is not None
    if trajectory.labels is not None or best == 0:
        return 1.0
    share = min(1.0, trajectory.score / best)
    return share if share >= MIN_SHARE_OF_BEST else 0.0


def observation_scale(
    replay: Replay, num_tasks: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of every task's observations, each `(num_tasks, O)`."""
    found = [scale_of(replay.observations(number)) for number in range(num_tasks)]
    means, stds = zip(*found, strict=True)
    return np.stack(means), np.stack(stds)


def scale_of(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of observations `(N, O)`, each `(O,)`."""
    mean, std = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
    return mean.astype(np.float32), std.astype(np.float32)
