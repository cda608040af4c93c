"""Stable-Baselines3 on the vector environment."""

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

import mmbench


class SB3Envs(VecEnv):
    """All slots of a `MultitaskVectorEnv` as Stable-Baselines3 wants them."""

    def __init__(self, envs: mmbench.MultitaskVectorEnv) -> None:
        self.envs = envs
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> Any:
        return self.envs.reset()[0]

    def step_async(self, actions: np.ndarray) -> None:
        self.envs.step_async(actions)

    def step_wait(self) -> Any:
        obs, rewards, _, dones, info = self.envs.step_wait()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for slot in np.flatnonzero(dones):
            final = {"terminal_observation": info["final_obs"][slot], "TimeLimit.truncated": True}
            infos[slot] = {**final, "score": float(info["final_info"]["score"][slot])}
        return obs, rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.envs, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs
