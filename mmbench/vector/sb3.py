"""Stable-Baselines3 on the vector environment."""

import time
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from mmbench.dependencies import needed_for
from mmbench.errors import UsageError
from mmbench.registry import get_task
from mmbench.vector.env import MultitaskVectorEnv
from mmbench.vector.narrow import Narrow

with needed_for("mmbench.vector.sb3", "sb3"):
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import VecEnv


class SB3Envs(VecEnv):
    """All slots of a `MultitaskVectorEnv` as Stable-Baselines3 wants them.

    Spaces are as wide as the widest task needs. Every end of an episode is a time limit: infos hold
    `terminal_observation` and `TimeLimit.truncated`, from which Stable-Baselines3 goes on valuing,
    the `episode` that its `Monitor` writes, and the task's `score` and `is_success`.

    Args:
        envs: The vector environment, with state observations; it is closed with this one.

    Raises:
        UsageError: If it observes images.
    """

    def __init__(self, envs: MultitaskVectorEnv) -> None:
        self._narrow = Narrow(envs)
        self.envs = envs
        self._lengths = np.zeros(envs.num_envs, np.int64)
        self._started = time.monotonic()
        super().__init__(
            envs.num_envs,
            gymnasium.spaces.Box(-np.inf, np.inf, (self._narrow.obs_dim,), np.float32),
            gymnasium.spaces.Box(-1, 1, (self._narrow.action_dim,), np.float32),
        )

    def reset(self) -> NDArray[np.float32]:
        """Begin an episode in every slot, with the seeds that `seed` has set."""
        obs, _ = self.envs.reset(seed=self._seeds)
        self._reset_seeds()
        self._lengths[:] = 0
        return self._narrow.obs(obs)

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Send actions, shape `(num_envs, action_dim)`."""
        self.envs.step_async(self._narrow.actions(actions))

    def step_wait(self) -> Any:
        """Return observations, rewards, ends of episodes and infos."""
        obs, rewards, _, dones, info = self.envs.step_wait()
        self._lengths += 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for slot in np.flatnonzero(dones):
            final = {name: info["final_info"][name][slot] for name in ("score", "return")}
            infos[slot] = {
                "terminal_observation": self._narrow.obs(info["final_obs"][slot]),
                "TimeLimit.truncated": True,
                "episode": {
                    "r": float(final["return"]),
                    "l": int(self._lengths[slot]),
                    "t": round(time.monotonic() - self._started, 6),
                },
                "score": float(final["score"]),
                "is_success": bool(info["final_info"]["success"][slot]),
            }
            self._lengths[slot] = 0
        return self._narrow.obs(obs), rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Close the vector environment."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return `task`, the specs of slots, or `render_mode`, which is `None`.

        Raises:
            AttributeError: For any other name: the environments live in other processes.
        """
        slots = self._get_indices(indices)
        if attr_name == "render_mode":
            return [None for _ in slots]
        if attr_name == "task":
            return [get_task(self.envs.tasks[slot]) for slot in slots]
        raise AttributeError(f"slots have no attribute {attr_name!r}; they have task, render_mode")

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Raise `UsageError`: the environments live in other processes."""
        raise UsageError(f"attribute {attr_name!r} cannot be set: slots live in other processes")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
        """Raise `UsageError`: the environments live in other processes."""
        raise UsageError(f"method {method_name!r} cannot be called: slots live in other processes")

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: Any = None
    ) -> list[bool]:
        """Return true for `Monitor`, whose infos these are, and false for all others."""
        slots: Sequence[int] = list(self._get_indices(indices))
        return [issubclass(wrapper_class, Monitor) for _ in slots]
