"""One episode as it was played."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mmbench.errors import EpisodeError
from mmbench.platform_class import platform_class
from mmbench.registry import get_task
from mmbench.simulator import AssetVariant, FloatArray
from mmbench.spec import TaskSpec
from mmbench.versions import simulator_version, utc_now

_FLOAT32_ROUNDING = 2.0**-23
_SMALLEST_FLOAT32 = 1e-38
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeRecord:
    """One episode: enough to play it again and to check that it was so.

    A record is whole or refused: as long as the task's episodes, the return what its rewards add up
    to, the score what the task's rule makes of return and success. Whether the success was one, and
    the rewards were those, only replay can tell.

    Attributes:
        task_id: Id in the registry.
        task_version: Version of the task it was played on.
        seed: What `TaskEnv.reset` was given.
        actions: What the agent sent, float32, shape `(T, A)`.
        rewards: What the environment answered, float32, shape `(T,)`, task units.
        episode_return: Undiscounted sum of the rewards as the environment kept it (float64).
        score: Score at the last step, in [0, 1].
        success: Success at the last step.
        agent: Who played.
        created: UTC time in ISO 8601.
        simulator: Domain name.
        simulator_version: Versions of its packages.
        assets: Whether official assets or stand-ins were in use.
        labels: What the expert would have done in the states visited, float32, shape `(T, A)`, in
            [-1, 1]; `None` where that is what was played.
        disturbed: Whether another action than the expert's was played on purpose, shape `(T,)`, or
            `None`.
        platform: What `platform_class` said where it was played; `None` in files from before it was
            recorded.
    """

    task_id: str
    task_version: int
    seed: int
    actions: FloatArray
    rewards: FloatArray
    episode_return: float
    score: float
    success: bool
    agent: str
    created: str
    simulator: str
    simulator_version: str
    assets: AssetVariant
    labels: FloatArray | None = None
    disturbed: NDArray[np.bool_] | None = None
    platform: str | None = None

    @classmethod
    def now(
        cls,
        task: TaskSpec,
        *,
        seed: int,
        actions: Sequence[FloatArray],
        rewards: Sequence[float],
        info: Mapping[str, Any],
        agent: str,
        assets: AssetVariant,
    ) -> "EpisodeRecord":
        """Record an episode that has just been played.

        Args:
            task: What was played.
            seed: What `TaskEnv.reset` was given.
            actions: One per step, each of shape `(A,)`.
            rewards: One per step.
            info: `return`, `score` and `success` as the last step told them.
            agent: Who played.
            assets: Assets of the simulator.
        """
        return cls(
            task_id=task.id,
            task_version=task.version,
            seed=seed,
            actions=np.stack(actions),
            rewards=np.array(rewards, np.float32),
            episode_return=float(info["return"]),
            score=float(info["score"]),
            success=bool(info["success"]),
            agent=agent,
            created=utc_now(),
            simulator=task.domain.name,
            simulator_version=simulator_version(task.domain),
            assets=assets,
            platform=platform_class(),
        )

    def __post_init__(self) -> None:
        task = get_task(self.task_id)
        if self.rewards.ndim != 1 or self.actions.shape != (len(self.rewards), task.action_dim):
            raise EpisodeError(
                f"{self.task_id}: actions have shape {self.actions.shape} and rewards "
                f"{self.rewards.shape}; expected (T, {task.action_dim}) and (T,)"
            )
        if len(self.rewards) != task.max_episode_steps:
            raise EpisodeError(
                f"{self.task_id}: episode has {len(self.rewards)} steps, the task has "
                f"{task.max_episode_steps}"
            )
        for what, found, expected in (
            ("task version", self.task_version, task.version),
            ("simulator", self.simulator, task.domain.name),
        ):
            if found != expected:
                raise EpisodeError(f"{self.task_id}: {what} is {found!r}, expected {expected!r}")
        for name in ("actions", "rewards"):
            if not np.isfinite(getattr(self, name)).all():
                raise EpisodeError(f"{self.task_id}: {name} must be finite numbers")
        if not np.isfinite(self.episode_return):
            raise EpisodeError(
                f"{self.task_id}: return is {self.episode_return}, expected a number"
            )
        self._check_labels()
        sum_of_rewards = float(self.rewards.sum(dtype=np.float64))
        # Rewards are kept as float32, the return was added up before they were rounded.
        rounding = _FLOAT32_ROUNDING * float(np.abs(self.rewards).sum(dtype=np.float64))
        if abs(self.episode_return - sum_of_rewards) > rounding + _SMALLEST_FLOAT32:
            raise EpisodeError(
                f"{self.task_id}: return is {self.episode_return}, the rewards add up to "
                f"{sum_of_rewards}"
            )
        score = task.score.score(self.episode_return, self.success)
        if self.score != score:
            raise EpisodeError(
                f"{self.task_id}: score is {self.score}, the task's rule makes it {score}"
            )
        if not 0 <= self.seed <= MAX_SEED:
            raise EpisodeError(f"{self.task_id}: seed is {self.seed}, expected 0 to {MAX_SEED}")
        if self.assets not in get_args(AssetVariant):
            raise EpisodeError(
                f"{self.task_id}: assets are {self.assets!r}, expected official or stand-in"
            )

    def _check_labels(self) -> None:
        if self.labels is not None:
            if self.labels.shape != self.actions.shape:
                raise EpisodeError(
                    f"{self.task_id}: labels have shape {self.labels.shape}, expected that of the "
                    f"actions, {self.actions.shape}"
                )
            if not (np.abs(self.labels) <= 1).all():  # also false for NaN
                raise EpisodeError(f"{self.task_id}: labels must be numbers in [-1, 1]")
        if self.disturbed is not None and self.disturbed.shape != self.rewards.shape:
            raise EpisodeError(
                f"{self.task_id}: disturbed has shape {self.disturbed.shape}, expected that of the "
                f"rewards, {self.rewards.shape}"
            )

    @property
    def expert_actions(self) -> FloatArray:
        """What to imitate: the labels, or the actions where there are none, shape `(T, A)`."""
        return self.actions if self.labels is None else self.labels

    @property
    def length(self) -> int:
        """Number of env steps."""
        return len(self.rewards)

    @property
    def key(self) -> tuple[str, int]:
        """What names the episode inside one log."""
        return self.task_id, self.seed
