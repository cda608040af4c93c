"""Other libraries train on the vector environment."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.monitor import Monitor
from tensordict import TensorDict
from torchrl.envs.utils import check_env_specs

import mmbench
from mmbench.errors import UsageError
from mmbench.vector.sb3 import SB3Envs
from mmbench.vector.torchrl import TorchRLEnvs

# Episodes of 500 and of 200 env steps, actions of 1 and 2 entries.
TASKS = ("pygame-cartpole-balance", "pygame-reacher-easy")
PAGE = Path(__file__).parents[2] / "docs" / "vector.md"


@pytest.fixture
def sb3() -> Iterator[SB3Envs]:
    envs = SB3Envs(mmbench.make_vec(TASKS, backend="serial"))
    yield envs
    envs.close()


@pytest.fixture
def torchrl() -> Iterator[TorchRLEnvs]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        envs = TorchRLEnvs(mmbench.make_vec(TASKS, copies=2, backend="serial"))
        yield envs
        envs.close()


@pytest.mark.parametrize(
    ("library", "full", "short"),
    [
        ("Stable-Baselines3", "learn(100_000)", "learn(2_048)"),
        ("TorchRL", "range(100)", "range(2)"),
    ],
)
def test_the_example_of_the_page_runs(
    library: str, full: str, short: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(rf"## {library}\n.*?```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    assert full in found[1]
    code = found[1].replace(full, short).replace("num_workers=2", "num_workers=0")
    names: dict[str, Any] = {"__name__": "__main__"}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(code, str(PAGE), "exec"), names)


def test_sb3_sees_spaces_as_wide_as_the_widest_task(sb3: SB3Envs) -> None:
    assert sb3.observation_space.shape == (6,)
    assert sb3.action_space.shape == (2,)
    assert sb3.reset().shape == (2, 6)


def test_sb3_sees_every_end_as_a_time_limit(sb3: SB3Envs) -> None:
    sb3.seed(5)
    sb3.reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (200, 2, 2)).astype(np.float32)
    obs = rewards = np.zeros(0)
    total = 0.0
    for action in actions:
        sb3.step_async(action)
        obs, rewards, dones, infos = sb3.step_wait()
        total += float(rewards[1])
    assert dones.tolist() == [False, True]
    assert infos[0] == {}
    assert infos[1]["TimeLimit.truncated"] is True
    assert infos[1]["episode"]["l"] == 200
    assert infos[1]["episode"]["r"] == pytest.approx(total)
    assert infos[1]["score"] == pytest.approx(total / 200)
    # The terminal observation is the old episode's, what comes back is the new one's.
    alone = mmbench.make(TASKS[1])
    alone.reset(seed=6)  # slot 1 of seed 5
    for action in actions[:, 1]:
        last, *_ = alone.step(action)
    np.testing.assert_array_equal(infos[1]["terminal_observation"], last)
    assert not np.array_equal(obs[1], last)


def test_sb3_reset_takes_the_seed_once(sb3: SB3Envs) -> None:
    sb3.seed(3)
    first = sb3.reset()
    assert not np.array_equal(sb3.reset(), first)
    sb3.seed(3)
    np.testing.assert_array_equal(sb3.reset(), first)


def test_sb3_asks_slots_for_what_they_have_only(sb3: SB3Envs) -> None:
    assert [task.id for task in sb3.get_attr("task")] == list(TASKS)
    assert sb3.get_attr("render_mode", indices=[1]) == [None]
    assert sb3.env_is_wrapped(Monitor) == [True, True]
    with pytest.raises(AttributeError) as error:
        sb3.get_attr("num_envs")
    assert str(error.value) == "slots have no attribute 'num_envs'; they have task, render_mode"
    with pytest.raises(UsageError, match="slots live in other processes"):
        sb3.env_method("render")


def test_torchrl_finds_its_specs_kept(torchrl: TorchRLEnvs) -> None:
    check_env_specs(torchrl)


def test_torchrl_sees_ends_and_values_from_there(torchrl: TorchRLEnvs) -> None:
    torchrl.set_seed(5)
    rollout = torchrl.rollout(410, break_when_any_done=False)
    done = rollout["next", "done"][..., 0]
    # Two slots of the 500-step game, two of the 200-step game.
    assert done.sum(dim=1).tolist() == [0, 0, 2, 2]
    assert done[2].nonzero().flatten().tolist() == [199, 399]
    assert torch.equal(rollout["next", "truncated"], rollout["next", "done"])
    assert not rollout["next", "terminated"].any()
    # Within an episode the next observation is the following row's; over an end it is not.
    following = rollout["observation"][:, 1:]
    told = rollout["next", "observation"][:, :-1]
    same = (following == told).all(dim=-1)
    assert torch.equal(same, ~done[:, :-1])
    alone = mmbench.make(TASKS[1])
    alone.reset(seed=7)  # slot 2 of seed 5
    for action in rollout["action"][2, :200].numpy():
        last, _, _, _, info = alone.step(action)
    np.testing.assert_array_equal(rollout["next", "observation"][2, 199].numpy(), last)
    assert rollout["next", "score"][2, 199].item() == pytest.approx(info["score"])


def test_torchrl_cannot_reset_a_slot_within_its_episode(torchrl: TorchRLEnvs) -> None:
    torchrl.reset()
    mask = torch.tensor([[True], [False], [False], [False]])
    with pytest.raises(UsageError) as error:
        torchrl.reset(TensorDict({"_reset": mask}, batch_size=[4]))
    assert str(error.value) == "slots [0] are within an episode; reset all, or none"


@pytest.mark.parametrize("adapter", [SB3Envs, TorchRLEnvs])
def test_images_are_refused(adapter: type) -> None:
    envs = mmbench.make_vec(TASKS[:1], obs_type="rgb", image_size=8, backend="serial", lazy=True)
    with pytest.raises(UsageError) as error:
        adapter(envs)
    envs.close()
    assert str(error.value) == "obs_type is 'rgb', expected state"
