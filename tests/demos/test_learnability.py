"""Whether demonstrations can be learned from is measured, task by task."""

from pathlib import Path

import numpy as np
import pytest
import torch

import mmbench.demos.learnability as learnability_module
from mmbench.demos.learnability import learnability, learnability_table
from mmbench.env import TaskEnv
from mmbench.errors import RunError, UsageError

TASKS = ("og-point-arena", "pendulum-spin")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("learnability")
    learnability(TASKS, out=out, updates=300, episodes=1, workers=0)
    return out


def test_clones_of_good_demonstrations_play_well(folder: Path) -> None:
    results = learnability(TASKS, out=folder, updates=300, episodes=1, workers=0)
    assert [result.task for result in results] == list(TASKS)
    assert all(result.has_labels and result.demo_score > 0.7 for result in results)
    assert sum(result.clone_score for result in results) > 1.0  # random play: below 0.2


def test_finished_tasks_are_not_repeated(folder: Path) -> None:
    files = {task: (folder / f"{task}.json").stat().st_mtime_ns for task in TASKS}
    results = learnability(TASKS, out=folder, updates=300, episodes=1, workers=0)
    assert {task: (folder / f"{task}.json").stat().st_mtime_ns for task in TASKS} == files
    table = learnability_table(results)
    assert [row[0] for row in table.rows] == [*TASKS, "2 tasks"]


def test_other_settings_are_another_run(folder: Path) -> None:
    with pytest.raises(RunError, match="holds a run with other settings"):
        learnability(TASKS, out=folder, updates=400, episodes=1, workers=0)


def test_impossible_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="updates is 0, expected 1 or more"):
        learnability(TASKS, out=tmp_path, updates=0)


def test_the_clone_of_a_gait_sees_a_clock() -> None:
    seen = []

    class Standing(torch.nn.Module):
        def forward(self, obs: torch.Tensor) -> torch.Tensor:
            seen.append(obs.numpy()[0])
            return torch.zeros(1, 6)

    env = TaskEnv("mujoco-walker")
    rates = np.array([0.25], np.float32)
    learnability_module._play(env, Standing(), rates, 0)
    learnability_module._play(env, Standing(), np.zeros(1, np.float32), 0)
    length, obs_dim = env.task.max_episode_steps, env.task.obs_dim
    assert [len(obs) for obs in seen] == [obs_dim + 2] * length + [obs_dim] * length
    angles = 0.25 * np.arange(length)
    expected = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    np.testing.assert_allclose([obs[-2:] for obs in seen[:length]], expected, atol=1e-5)
    env.close()
