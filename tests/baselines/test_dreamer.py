import math
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.dreamer import (
    Dreamer,
    DreamerConfig,
    divergence,
    draw,
    gaussian_log_likelihood,
    lambda_returns,
    masked_mean,
    train,
)
from mmbench.progress import OnProgress
from mmbench.training.online import RunConfig
from tests.baselines.online import TASK, assert_resumes, score


def test_policy_and_critic_learn_from_what_the_model_imagines() -> None:
    config = DreamerConfig(
        width=32,
        deter_dim=32,
        num_latents=4,
        num_classes=4,
        batch_size=16,
        sequence_length=4,
        horizon=3,
        model_learning_rate=3e-3,
        behaviour_learning_rate=3e-3,
    )
    learner = Dreamer(RunConfig(tasks=(TASK,), encoder="none"), config)
    rng = np.random.default_rng(0)
    for _ in range(20):  # nothing to see, and the first entry of the action is the reward
        actions = rng.uniform(-1, 1, (10, 2)).astype(np.float32)
        learner.replay.add(0, np.zeros((11, 11), np.float32), actions, actions[:, 0])
    for _ in range(300):
        learner.update()
    player = learner.player([TASK])
    action = player.act(np.zeros((1, 128), np.float32), first=np.array([True]))
    assert action[0, 0] > 0.8
    assert not action[0, 2:].any()


def test_it_learns(tmp_path: Path) -> None:
    run = RunConfig(
        tasks=(TASK,),
        env_steps=3000,
        seeding_episodes=10,
        updates_per_env_step=0.4,
        eval_interval=3000,
        eval_episodes=1,
        workers=0,
    )
    config = DreamerConfig(
        width=64,
        deter_dim=64,
        num_latents=8,
        num_classes=8,
        batch_size=8,
        sequence_length=16,
        horizon=8,
        model_learning_rate=1e-3,
        behaviour_learning_rate=1e-3,
    )
    train(run, config, tmp_path)
    learned = score("dreamer", tmp_path / "dreamer", TASK, tmp_path / "final")
    assert learned > score("random", tmp_path / "random", TASK) + 0.3


def test_a_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    run = RunConfig(
        tasks=(TASK,),
        env_steps=300,
        seeding_episodes=1,
        updates_per_env_step=0.05,
        eval_interval=150,
        eval_episodes=1,
        workers=0,
    )
    config = DreamerConfig(
        width=16, deter_dim=16, num_latents=4, num_classes=4, batch_size=2, sequence_length=8
    )

    def go(run: RunConfig, out: Path, on_progress: OnProgress) -> None:
        train(run, config, out, on_progress)

    assert_resumes(go, run, tmp_path)


def test_lambda_returns() -> None:
    reward = torch.tensor([[1.0], [2.0]])
    value = torch.tensor([[9.0], [10.0], [20.0]])
    discount = torch.tensor([0.5])
    # R_1 = 2 + 0.5 * 20 = 12; R_0 = 1 + 0.5 * (0.25 * 10 + 0.75 * 12) = 6.75
    assert lambda_returns(reward, value, discount, 0.75).flatten().tolist() == [6.75, 12.0]
    assert lambda_returns(reward, value, discount, 0.0).flatten().tolist() == [6.0, 12.0]


def test_divergence_sums_over_latents() -> None:
    p = torch.tensor([[0.5, 0.5], [1 - 1e-9, 1e-9]]).log()
    q = torch.tensor([[0.25, 0.75], [0.5, 0.5]]).log()
    first = 0.5 * math.log(2) + 0.5 * math.log(0.5 / 0.75)
    assert float(divergence(p, q)) == pytest.approx(first + math.log(2), abs=1e-5)
    assert float(divergence(q, q)) == 0


def test_drawn_latents_are_one_hot_and_have_the_gradient_of_their_probabilities() -> None:
    log_p = torch.tensor([[[0.9, 0.1], [0.2, 0.8]]]).log().requires_grad_()
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([draw(log_p, generator) for _ in range(2000)])
    assert set(drawn.detach().round().flatten().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(
        drawn.mean((0, 1)).detach(), torch.tensor([0.9, 0.1, 0.2, 0.8]), rtol=0, atol=0.03
    )
    drawn[0, 0, 0].backward()
    assert log_p.grad is not None
    torch.testing.assert_close(log_p.grad, torch.tensor([[[0.9, 0.0], [0.0, 0.0]]]))


def test_only_what_is_present_counts() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 100.0]])
    assert float(masked_mean(x, torch.tensor([[1.0, 1.0], [1.0, 0.0]]))) == 2.0


def test_likelihood_of_a_gaussian() -> None:
    found = gaussian_log_likelihood(torch.tensor(3.0), torch.tensor(1.0), torch.tensor(2.0))
    assert float(found) == pytest.approx(-0.5 - math.log(2) - 0.5 * math.log(2 * math.pi))
