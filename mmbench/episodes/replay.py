"""Playing recorded episodes again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mmbench.env import IMAGE_SIZE, ObsType, TaskEnv
from mmbench.episodes.record import EpisodeRecord
from mmbench.errors import ReplayError
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import get_task
from mmbench.simulator import FloatArray, Image, Simulator
from mmbench.versions import simulator_version


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """An episode of T steps with its observations.

    Attributes:
        task_id: Id in the registry.
        observations: States, float32, shape `(T + 1, O)`: the first is the reset's.
        actions: Float32, shape `(T, A)`.
        rewards: Float32, shape `(T,)`, task units.
        successes: Success flag after every step, shape `(T,)`, where known.
        images: Pictures, uint8, shape `(T + 1, H, W, 3)`, where asked for.
        record: What was replayed; `None` if the episode comes from elsewhere.
        labels: What to imitate, float32, shape `(T, A)`, where it is not the actions.
        score: Score of the last step, as it was seen here; `None` if not known.
        episode_return: Return of the last step, as it was seen here; `None` if not known.
    """

    task_id: str
    observations: FloatArray
    actions: FloatArray
    rewards: FloatArray
    successes: NDArray[np.bool_] | None = None
    images: Image | None = None
    record: EpisodeRecord | None = None
    labels: FloatArray | None = None
    score: float | None = None
    episode_return: float | None = None

    @property
    def expert_actions(self) -> FloatArray:
        """What to imitate: the labels, or the actions where there are none, shape `(T, A)`."""
        return self.actions if self.labels is None else self.labels


def replay(
    record: EpisodeRecord,
    *,
    obs_type: ObsType = "state",
    image_size: int = IMAGE_SIZE,
    env: TaskEnv | None = None,
    on_progress: OnProgress = ignore_progress,
    is_strict: bool = True,
    on_reset: Callable[[Simulator], None] | None = None,
) -> Trajectory:
    """Play a record again and compare every reward.

    Args:
        record: The episode.
        obs_type: `state`, or `rgb` / `state+rgb` to collect pictures as well.
        image_size: Height and width of the pictures.
        env: An environment of the record's task to use instead of building one; for pictures it
            must have `obs_type="state+rgb"`.
        on_progress: Called after every env step.
        is_strict: Whether a difference is an error. Without, the trajectory is what happened here:
            on a processor of another maker the last bits can differ, and it is true experience.
        on_reset: Called with the simulator before the first step.

    Raises:
        ReplayError: If versions or assets differ, or at the first reward, return or score that
            does.
    """
    has_images = obs_type != "state"
    if env is None:
        made = TaskEnv(
            record.task_id, obs_type="state+rgb" if has_images else "state", image_size=image_size
        )
        try:
            return replay(
                record,
                obs_type=obs_type,
                image_size=image_size,
                env=made,
                on_progress=on_progress,
                is_strict=is_strict,
                on_reset=on_reset,
            )
        finally:
            made.close()
    check_replayable(record, env)
    obs, info = env.reset(seed=record.seed)
    if on_reset is not None:
        on_reset(env.simulator)
    observed = [obs]
    successes, rewards = [], []
    for step, (action, recorded) in enumerate(zip(record.actions, record.rewards, strict=True)):
        obs, reward, _, _, info = env.step(action)
        if is_strict and np.float32(reward) != recorded:
            raise ReplayError(
                f"{record.task_id}, seed {record.seed}: reward {step} is {np.float32(reward)} in "
                f"the replay and {recorded} in the record"
            )
        observed.append(obs)
        successes.append(info["success"])
        on_progress(Progress("replaying env steps", step + 1, record.length))
        rewards.append(reward)
    for name, found, expected in (
        ("return", info["return"], record.episode_return),
        ("score", info["score"], record.score),
        ("success", info["success"], record.success),
    ):
        if is_strict and found != expected:
            raise ReplayError(
                f"{record.task_id}, seed {record.seed}: {name} is {found} in the replay and "
                f"{expected} in the record"
            )
    if has_images:
        pairs = cast(list[dict[str, Any]], observed)
        states, images = ([pair[key] for pair in pairs] for key in ("state", "rgb"))
    else:
        states, images = cast(list[Any], observed), []
    return Trajectory(
        task_id=record.task_id,
        observations=np.stack(states),
        actions=record.actions,
        rewards=np.array(rewards, np.float32),
        successes=np.array(successes, np.bool_),
        images=np.stack(images) if has_images else None,
        record=record,
        labels=record.labels,
        score=info["score"],
        episode_return=info["return"],
    )


def check_replayable(record: EpisodeRecord, env: TaskEnv) -> None:
    """Raise `ReplayError` if the record was made with another task version, simulator or assets."""
    task = get_task(record.task_id)
    for name, recorded, present in (
        ("task version", record.task_version, task.version),
        ("simulator", record.simulator_version, simulator_version(task.domain)),
        ("assets", record.assets, env.simulator.assets),
    ):
        if recorded != present:
            raise ReplayError(
                f"{record.task_id}, seed {record.seed}: recorded with {name} {recorded!r}, "
                f"here is {present!r}; the two are not comparable"
            )
