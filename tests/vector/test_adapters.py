"""Other libraries train on the vector environment through the documented adapters."""

import warnings

import numpy as np
import torch
from tensordict.nn import TensorDictModule

import mmbench
from tests.vector.sb3_adapter import SB3Envs
from tests.vector.torchrl_adapter import TorchRLEnvs

TASKS = ("pygame-cartpole-balance", "pygame-reacher-easy")


def test_stable_baselines3_trains() -> None:
    from stable_baselines3 import PPO

    envs = SB3Envs(mmbench.make_vec(["pygame-cartpole-balance"], copies=8, num_workers=2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = PPO("MlpPolicy", envs, n_steps=128, batch_size=256, seed=0, device="cpu")
        before = [p.detach().clone() for p in model.policy.parameters()]
        model.learn(8 * 128 * 5)
    assert any(
        not torch.equal(old, new)
        for old, new in zip(before, model.policy.parameters(), strict=True)
    )
    envs.close()


def test_stable_baselines3_sees_the_end_of_episodes() -> None:
    envs = SB3Envs(mmbench.make_vec(TASKS, num_workers=2))
    envs.reset()
    for _ in range(200):
        envs.step_async(np.zeros((2, 16), np.float32))
        _, _, dones, infos = envs.step_wait()
    assert dones.tolist() == [False, True]
    assert infos[1]["TimeLimit.truncated"]
    assert infos[1]["terminal_observation"].shape == (128,)
    assert 0 <= infos[1]["score"] <= 1
    envs.close()


def test_torchrl_collects_and_trains() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        envs = TorchRLEnvs(mmbench.make_vec(TASKS, copies=2, num_workers=2))
        policy = torch.nn.Sequential(torch.nn.Linear(128, 16), torch.nn.Tanh())
        optimiser = torch.optim.Adam(policy.parameters(), lr=1e-3)
        with torch.no_grad():
            rollout = envs.rollout(
                220,
                policy=TensorDictModule(policy, in_keys=["observation"], out_keys=["action"]),
                break_when_any_done=False,
            )
        assert rollout["next", "reward"].shape == (4, 220, 1)
        assert rollout["next", "ended"].sum(dim=1).flatten().tolist() == [0, 0, 1, 1]
        loss = (policy(rollout["observation"]) - 0.5).square().mean()
        loss.backward()
        optimiser.step()
    assert torch.isfinite(loss)
    envs.close()
