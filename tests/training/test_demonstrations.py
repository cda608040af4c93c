"""What is learned from, and how much of it is imitated."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from mmbench.demos import load
from mmbench.demos.dataset import PRACTICE, record_and_keep
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord, write
from mmbench.training.demonstrations import demonstration_replay

TASK = "pygame-cartpole-balance"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMBENCH_CACHE", str(tmp_path / "cache"))


def episode(agent: str, seed: int) -> EpisodeRecord:
    env = TaskEnv(TASK)
    env.reset(seed=seed)
    return record_and_keep(env, lambda _: np.zeros(1, np.float32), agent=agent)


def imitated(folder: Path) -> list[float]:
    """Return the weights that occur in what is learned from."""
    replay = demonstration_replay([TASK], str(folder), horizon=1, has_practice=True)
    batch = replay.sample(500, np.random.default_rng(0), torch.device("cpu"))
    assert batch.weight is not None
    return sorted(set(batch.weight[0].tolist()))


def test_beside_practice_another_experts_demonstrations_are_not_imitated(tmp_path: Path) -> None:
    folder = tmp_path / "demos"
    (folder / PRACTICE).mkdir(parents=True)
    write([episode("plan", 1), episode("scripted", 2)], folder / "demos.parquet")
    both = imitated(folder)
    assert both[0] > 0
    practice = episode("scripted", 3)
    labels = np.ones_like(practice.actions)
    write([dataclasses.replace(practice, labels=labels)], folder / PRACTICE / "practice.parquet")
    assert imitated(folder)[0] == 0
    assert len(imitated(folder)) <= 1 + len(both)


def test_rows_on_a_device_make_the_same_batches(tmp_path: Path) -> None:
    write([episode("scripted", seed) for seed in range(3)], tmp_path / "demos.parquet")
    replay = demonstration_replay([TASK], str(tmp_path), horizon=2)
    before = replay.sample(20, np.random.default_rng(0), torch.device("cpu"))
    replay.copy_to(torch.device("cpu"))
    after = replay.sample(20, np.random.default_rng(0), torch.device("cpu"))
    for name in ("obs", "action", "reward", "task", "label", "weight"):
        assert torch.equal(getattr(before, name), getattr(after, name)), name


def test_what_was_just_played_is_not_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = episode("scripted", 1)
    write([record], tmp_path / "demos.parquet")
    (replayed,) = load([TASK], path=tmp_path, cache=tmp_path / "elsewhere")

    def fail(*arguments: object, **options: object) -> None:
        raise AssertionError("replayed although it was kept")

    monkeypatch.setattr("mmbench.demos.dataset.replay", fail)
    (kept,) = load([TASK], path=tmp_path)
    for name in ("observations", "rewards", "successes", "score"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(replayed, name))
