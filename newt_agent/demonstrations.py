"""Demonstrations, ready to be learned from."""

from collections.abc import Sequence

from mmbench.demos import load
from mmbench.progress import OnProgress, Progress, ignore_progress
from newt_agent.config import NewtConfig
from newt_agent.replay import Replay, Sampling
from newt_agent.vision import ImageEncoder

SHIPPED = "shipped"
"""Stands for the demonstrations that come with mmbench."""


def demonstration_replay(
    tasks: Sequence[str],
    where: str,
    *,
    config: NewtConfig,
    horizon: int,
    sampling: Sampling = "task",
    images: ImageEncoder | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Replay:
    """Replay demonstrations into a buffer of their own.

    Args:
        tasks: Task ids; a task's number is its place here.
        where: `shipped`, or a directory of demonstrations.
        config: Sizes of observations and actions.
        horizon: Steps of a sub-sequence.
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
    )
    replay = Replay(
        sum(record.length + 1 for record in demonstrations.records),
        obs_dim=config.obs_dim,
        action_dim=config.action_dim,
        feature_dim=config.feature_dim,
        num_tasks=len(tasks),
        horizon=horizon,
        sampling=sampling,
    )
    number = {name: index for index, name in enumerate(tasks)}
    for done, trajectory in enumerate(demonstrations, start=1):
        pictures = trajectory.images
        replay.add(
            number[trajectory.task_id],
            trajectory.observations,
            trajectory.actions,
            trajectory.rewards,
            images.features(pictures) if images and pictures is not None else None,
        )
        on_progress(Progress("replaying demonstrations", done, len(demonstrations)))
    return replay
