"""TorchRL on the vector environment."""

import torch
from tensordict import TensorDict
from torchrl.data import Bounded, Categorical, Composite, Unbounded
from torchrl.envs import EnvBase

import mmbench


class TorchRLEnvs(EnvBase):
    """All slots of a `MultitaskVectorEnv` as one batched TorchRL environment.

    Episodes follow each other inside it (same-step autoreset), so `done` is always false for
    TorchRL; `ended` marks the steps whose `final_observation` closes an episode.
    """

    def __init__(self, envs: mmbench.MultitaskVectorEnv) -> None:
        n = envs.num_envs
        super().__init__(batch_size=torch.Size([n]))
        self.envs = envs
        vector = Unbounded((n, mmbench.MAX_OBS_DIM))
        ended = Categorical(2, shape=(n, 1), dtype=torch.bool)
        self.observation_spec = Composite(
            observation=vector, final_observation=vector.clone(), ended=ended, shape=(n,)
        )
        self.action_spec = Bounded(-1, 1, (n, mmbench.MAX_ACTION_DIM))
        self.reward_spec = Unbounded((n, 1))

    def _reset(self, tensordict: TensorDict | None, **kwargs: object) -> TensorDict:
        obs = torch.from_numpy(self.envs.reset()[0])
        ended = torch.zeros(self.envs.num_envs, 1, dtype=torch.bool)
        data = {"observation": obs, "final_observation": torch.zeros_like(obs), "ended": ended}
        return TensorDict(data, batch_size=self.batch_size)

    def _step(self, tensordict: TensorDict) -> TensorDict:
        obs, rewards, _, ended, info = self.envs.step(tensordict["action"].numpy())
        final = torch.from_numpy(info["final_obs"] if ended.any() else obs * 0)
        data = {
            "observation": torch.from_numpy(obs),
            "final_observation": final,
            "ended": torch.from_numpy(ended)[:, None],
            "reward": torch.from_numpy(rewards).float()[:, None],
            "done": torch.zeros(self.envs.num_envs, 1, dtype=torch.bool),
        }
        return TensorDict(data, batch_size=self.batch_size)

    def _set_seed(self, seed: int | None) -> None:
        self.envs.reset(seed=seed)
