import math
from pathlib import Path

import pytest
import torch

import baselines.mrq
from baselines.mrq import MRQConfig, n_step_rewards, reward_cross_entropy, train
from mmbench.errors import CheckpointError, UsageError
from mmbench.progress import OnProgress
from mmbench.training.online import RunConfig
from tests.baselines.online import TASK, assert_resumes, score

SMALL = MRQConfig(width=64, action_width=32, batch_size=64, encoder_horizon=3, renewal_interval=50)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mrq")
    run = RunConfig(
        tasks=(TASK,),
        env_steps=2500,
        seeding_episodes=10,
        updates_per_env_step=0.5,
        eval_interval=2500,
        eval_episodes=1,
        workers=0,
    )
    train(run, SMALL, out)
    return out


def test_it_learns(trained: Path, tmp_path: Path) -> None:
    learned = score("mrq", tmp_path / "mrq", TASK, trained / "final")
    assert learned > score("random", tmp_path / "random", TASK) + 0.3


def test_a_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    run = RunConfig(
        tasks=(TASK, "og-point-arena"),  # episodes of 50 and 100 steps
        env_steps=600,
        seeding_episodes=1,
        updates_per_env_step=0.1,
        eval_interval=300,
        eval_episodes=1,
        workers=0,
    )
    config = MRQConfig(width=16, action_width=8, batch_size=16, renewal_interval=10)

    def go(run: RunConfig, out: Path, on_progress: OnProgress) -> None:
        train(run, config, out, on_progress)

    assert_resumes(go, run, tmp_path)


def test_rewards_are_summed_up_to_the_end_of_the_episode() -> None:
    reward = torch.tensor([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]])
    present = torch.tensor([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    total, num_steps = n_step_rewards(reward, present, torch.tensor([0.5, 0.5]))
    assert total.tolist() == [3.0, 1.0]  # 1 + 2 / 2 + 4 / 4, and 1
    assert num_steps.tolist() == [3, 1]


def test_a_reward_is_shared_by_the_bins_beside_it() -> None:
    logits = torch.zeros(2, 65)
    logits[:, 32] = math.log(3)  # the bin of 0, three times as likely as each of the others
    at_zero, halfway = reward_cross_entropy(
        logits, torch.tensor([0.0, math.expm1(10 / 32) / 2])
    ).tolist()
    assert at_zero == pytest.approx(math.log(67 / 3), rel=1e-5)
    assert halfway == pytest.approx(math.log(67) - math.log(3) / 2, rel=1e-5)


def test_what_cannot_be_played_is_told(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="agent 'mrq' plays a checkpoint"):
        baselines.mrq.make([TASK], checkpoint=None, device="cpu", seed=0)
    with pytest.raises(CheckpointError, match=r"it has no model\.safetensors"):
        baselines.mrq.make([TASK], checkpoint=str(tmp_path), device="cpu", seed=0)
    with pytest.raises(UsageError, match="encoder_horizon is 2, expected 3 or more"):
        MRQConfig(encoder_horizon=2)
