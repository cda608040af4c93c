"""Check values of the OGBench tasks."""

import numpy as np
import pytest

import mmbench
from mmbench.domains.ogbench.mazes import MAPS, PAIRS

CENTRED = np.array([8.0, 8.0])


def arena() -> mmbench.TaskEnv:
    env = mmbench.make("og-point-arena")
    env.reset(seed=0)
    maze = env.simulator.task
    maze.data.qpos[:] = (8.0, 8.0)
    maze.data.qvel[:] = 0.0
    maze.goal = np.array([4.0, 5.0])
    return env


def test_point_moves_and_pays_as_worked_out() -> None:
    env = arena()
    for action, expected, reward in (
        ((0, 0), (8, 8, 0, 0, 4, 5, 4, 3, 5), -0.3),
        ((1, 0), (8.8, 8, 0.2, 0, 4, 5, 4.8, 3, 5.6604), -0.336760),
        ((0, -0.5), (8.8, 7.6, 0, -0.1, 4, 5, 4.8, 2.6, 5.4589), -0.321598),
    ):
        obs, found, *_ = env.step(np.array(action, np.float32))
        np.testing.assert_allclose(obs * 20, expected, atol=1e-4)
        assert found == pytest.approx(reward, abs=2e-6)


def test_point_stops_at_the_wall() -> None:
    env = arena()
    for _ in range(40):
        obs, *_ = env.step(np.array([1, 0], np.float32))
    assert obs[0] * 20 == pytest.approx(21.34, abs=0.02)


def test_near_the_goal_is_success() -> None:
    env = arena()
    env.simulator.task.goal = CENTRED + (0.643, 0)
    _, reward, _, _, info = env.step(np.zeros(2, np.float32))
    assert info["success"]
    assert reward == pytest.approx(0.96785, abs=1e-5)


def test_pairs_are_counted_and_on_free_cells() -> None:
    counts = {name: len(pairs) for name, pairs in PAIRS.items()}
    assert counts == {
        "arena": 48,
        "maze": 10,
        "bottleneck": 312,
        "circle": 300,
        "spiral": 204,
        "var1": 300,
        "var2": 312,
    }
    for name, pairs in PAIRS.items():
        rows = MAPS[name]
        assert len(rows) == 8
        assert all(len(row) == 8 for row in rows)
        for start, goal in pairs:
            assert rows[start[0]][start[1]] == rows[goal[0]][goal[1]] == "0"


def test_direction_changes_after_every_hundredth_step() -> None:
    env = mmbench.make("og-ant")
    obs, _ = env.reset(seed=3)
    directions = [obs[27:]]
    for _ in range(300):
        before = env.simulator.task.xy
        wanted = directions[-1]
        obs, reward, *_ = env.step(np.zeros(8, np.float32))
        moved = env.simulator.task.xy - before
        assert reward == pytest.approx(float(moved @ wanted), abs=1e-6)
        directions.append(obs[27:])
    changes = [
        step for step in range(1, 301) if not np.array_equal(directions[step], directions[step - 1])
    ]
    assert changes == [100, 200, 300]
    assert all(np.linalg.norm(d) == pytest.approx(1, abs=1e-6) for d in directions)
