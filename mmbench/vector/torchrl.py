"""TorchRL on the vector environment."""

import numpy as np
import torch
from numpy.typing import NDArray

from mmbench.dependencies import needed_for
from mmbench.errors import UsageError
from mmbench.vector.env import MultitaskVectorEnv
from mmbench.vector.narrow import Narrow

with needed_for("mmbench.vector.torchrl", "torchrl"):
    from tensordict import TensorDict, TensorDictBase
    from torchrl.data import Bounded, Categorical, Composite, Unbounded
    from torchrl.envs import EnvBase


class TorchRLEnvs(EnvBase):
    """All slots of a `MultitaskVectorEnv` as one batched TorchRL environment.

    Spaces are as wide as the widest task needs. A step that ends an episode brings its last
    observation with `done` and `truncated` (never `terminated`), so that advantages and targets go
    on valuing from there; the next episode's first observation is what TorchRL's reset of that slot
    returns. `score` is the task's, in [0, 1], as it stands.

    Args:
        envs: The vector environment, with state observations; it is closed with this one.

    Raises:
        UsageError: If it observes images.
    """

    def __init__(self, envs: MultitaskVectorEnv) -> None:
        n = envs.num_envs
        super().__init__(batch_size=torch.Size([n]))
        self.envs = envs
        self._narrow = Narrow(envs)
        # What the slots show once those at an end have been reset.
        self._obs = np.zeros((n, self._narrow.obs_dim), np.float32)
        self._score = np.zeros(n)
        self._next_seed: int | None = None
        self._is_waiting = np.zeros(n, np.bool_)  # for a reset, after the end of an episode
        self.observation_spec = Composite(
            observation=Unbounded((n, self._narrow.obs_dim)), score=Unbounded((n, 1)), shape=(n,)
        )
        self.action_spec = Bounded(-1, 1, (n, self._narrow.action_dim))
        self.reward_spec = Unbounded((n, 1))
        flags = ("done", "terminated", "truncated")
        self.done_spec = Composite(
            {name: Categorical(2, shape=(n, 1), dtype=torch.bool) for name in flags}, shape=(n,)
        )

    def close(self, *, raise_if_closed: bool = True) -> None:
        """Close the vector environment."""
        self.envs.close()
        super().close(raise_if_closed=raise_if_closed)

    def _reset(self, tensordict: TensorDictBase | None = None, **kwargs: object) -> TensorDict:
        mask = None if tensordict is None else tensordict.get("_reset", None)
        if mask is None:
            obs, info = self.envs.reset(seed=self._next_seed)
            self._next_seed = None
            self._obs, self._score = self._narrow.obs(obs), info["score"]
        else:
            slots = mask.reshape(self.batch_size).numpy()
            if (slots & ~self._is_waiting).any():
                running = np.flatnonzero(slots & ~self._is_waiting).tolist()
                raise UsageError(f"slots {running} are within an episode; reset all, or none")
        self._is_waiting[:] = False
        return self._state(self._obs, self._score)

    def _step(self, tensordict: TensorDictBase) -> TensorDict:
        actions = self._narrow.actions(tensordict["action"].numpy())
        obs, rewards, _, ended, info = self.envs.step(actions)
        self._obs, self._score, self._is_waiting = self._narrow.obs(obs), info["score"], ended
        shown, score = self._obs, self._score
        if ended.any():
            shown = np.where(ended[:, None], self._narrow.obs(info["final_obs"]), shown)
            score = np.where(ended, info["final_info"]["score"], score)
        state = self._state(shown, score)
        state["reward"] = torch.from_numpy(rewards).float()[:, None]
        state["truncated"] = torch.tensor(ended)[:, None]
        state["done"] = state["truncated"].clone()
        return state

    def _set_seed(self, seed: int | None) -> None:
        self._next_seed = seed

    def _state(self, obs: NDArray[np.float32], score: NDArray[np.float64]) -> TensorDict:
        flag = torch.zeros(self.envs.num_envs, 1, dtype=torch.bool)
        return TensorDict(
            {
                "observation": torch.tensor(obs),
                "score": torch.tensor(score, dtype=torch.float32)[:, None],
                "done": flag,
                "terminated": flag.clone(),
                "truncated": flag.clone(),
            },
            batch_size=self.batch_size,
        )
