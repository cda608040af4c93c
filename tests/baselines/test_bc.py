import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import mmbench
import mmbench.spec
from baselines.bc import (
    BCConfig,
    best_demonstrations,
    by_likelihood,
    clone,
    follow,
    make,
    shortfall,
)
from mmbench.errors import RunError, UsageError
from newt_agent.agent import make as make_newt
from newt_agent.checkpoint import SHIPPED_WEIGHTS, load_checkpoint

TASKS = ("og-point-arena", "pygame-point-maze-var1")


@pytest.fixture(scope="module")
def cloned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    out = tmp_path_factory.mktemp("bc")
    config = BCConfig(tasks=TASKS, size="XS", updates=400, batch_size=64, warmup_updates=50)
    return out, clone(config, out)


def test_the_error_falls(cloned: tuple[Path, list[float]]) -> None:
    _, losses = cloned
    assert np.mean(losses[-50:]) < 0.3 * losses[0]


def test_the_clone_is_better_than_chance(cloned: tuple[Path, list[float]], tmp_path: Path) -> None:
    scores = {}
    for agent, checkpoint in (("bc", str(cloned[0])), ("random", None)):
        result = mmbench.evaluate(
            agent, tasks=TASKS, episodes=3, out=tmp_path / agent, workers=0, checkpoint=checkpoint
        )
        scores[agent] = np.mean(list(result.scores.values()))
    assert scores["bc"] > scores["random"] + 0.2


def test_only_encoder_and_policy_are_trained(cloned: tuple[Path, list[float]]) -> None:
    model = load_checkpoint(cloned[0]).model
    assert not model.q.matrices[-1].any()  # as it began


def test_a_tasks_error_follows_its_mean_in_a_batch() -> None:
    means = torch.ones(3)
    follow(means, torch.tensor([0, 2, 0]), torch.tensor([3.0, 0.5, 1.0]), rate=0.1)
    torch.testing.assert_close(means, torch.tensor([1.1, 1.0, 0.95]))


def test_a_task_with_small_errors_counts_more() -> None:
    weights = by_likelihood(torch.tensor([0.001, 0.007]))  # 1 / 0.002 and 1 / 0.008, of mean 312.5
    torch.testing.assert_close(weights, torch.tensor([1.6, 0.4]))


def test_a_run_goes_on_bit_for_bit(cloned: tuple[Path, list[float]], tmp_path: Path) -> None:
    config = BCConfig(tasks=TASKS, size="XS", updates=150, batch_size=64, warmup_updates=50)
    losses = clone(config, tmp_path)
    losses += clone(dataclasses.replace(config, updates=400), tmp_path)
    assert losses == cloned[1]
    whole, parts = (load_checkpoint(folder).model for folder in (cloned[0], tmp_path))
    for ours, theirs in zip(parts.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler has some of its own
def test_compiling_changes_nothing_but_the_last_bits(
    cloned: tuple[Path, list[float]], tmp_path: Path
) -> None:
    config = BCConfig(tasks=TASKS, size="XS", updates=20, batch_size=64, warmup_updates=50)
    losses = clone(dataclasses.replace(config, compile=True), tmp_path)
    np.testing.assert_allclose(losses, cloned[1][:20], rtol=1e-4)


def test_another_run_is_not_gone_on_with(cloned: tuple[Path, list[float]]) -> None:
    config = BCConfig(tasks=TASKS, size="XS", updates=400, batch_size=32, warmup_updates=50)
    with pytest.raises(RunError, match="holds a run with batch_size 64, not 32"):
        clone(config, cloned[0])


def test_what_ships_plays_when_no_checkpoint_is_named() -> None:
    task = "reacher-easy"
    obs = np.zeros((1, mmbench.spec.MAX_OBS_DIM), np.float32)
    first = np.ones(1, bool)
    actions = [
        factory([task], checkpoint=checkpoint, device="cpu", seed=0).act(obs, first=first)
        for factory in (make, make_newt)
        for checkpoint in (None, str(SHIPPED_WEIGHTS))
    ]
    assert actions[0].any()
    for others in actions[1:]:  # what ships is a clone: newt plays its policy, too
        np.testing.assert_array_equal(others, actions[0])


def test_what_ships_is_small_and_knows_all_tasks() -> None:
    loaded = load_checkpoint(SHIPPED_WEIGHTS)
    assert loaded.tasks == mmbench.SUITES["full"]
    assert loaded.model.config.has_normalised_obs
    assert sum(file.stat().st_size for file in SHIPPED_WEIGHTS.iterdir()) < 12 * 2**20


def test_what_a_clone_plays_badly_comes_more_often(tmp_path: Path) -> None:
    tasks = ("pygame-cartpole-balance", "pygame-point-maze-var1")
    mmbench.evaluate("zero", tasks=tasks, episodes=1, out=tmp_path / "zero", workers=0)
    (played,) = mmbench.load_result(tmp_path / "zero").scores[tasks[0]]
    # Experts of both reach a score of 1; doing nothing leaves a maze as it is.
    weights = shortfall(tasks, tmp_path / "zero", best_demonstrations(tasks, "shipped"))
    assert weights == pytest.approx([max(0.25, 1 - played), 1.0], abs=0.01)
    weights = shortfall(tasks, tmp_path / "zero", {tasks[0]: 2 * played, tasks[1]: 1.0})
    assert weights == pytest.approx([0.5, 1.0])
    # What is better than hoped for, or hopeless, comes seldom.
    weights = shortfall(tasks, tmp_path / "zero", {tasks[0]: played / 2, tasks[1]: 0.0})
    assert weights == pytest.approx([0.25, 0.25])
    with pytest.raises(UsageError, match="holds no episode of walker-run"):
        shortfall(("walker-run",), tmp_path / "zero", {"walker-run": 1.0})
    with pytest.raises(UsageError, match="give --focus"):
        BCConfig(tasks=TASKS, within_reach="learnability.json")
    with pytest.raises(UsageError, match="which score is within reach in pygame-cartpole-balance"):
        shortfall(tasks, tmp_path / "zero", {})
