"""The joystick mapping, and the console against its own Gymnasium environment."""

import ale_py
import gymnasium
import numpy as np
import pytest

import mmbench
from mmbench.domains.atari.adapter import joystick_position

UP_RIGHT, UP_LEFT, DOWN_RIGHT, DOWN_LEFT, DOWN = 6, 7, 8, 9, 5


@pytest.mark.parametrize(
    ("action", "position"),
    [
        ((1.0, 0.25, -1.0), UP_RIGHT),  # radius 1 at 45 degrees
        ((1.0, 0.25, 0.1), UP_RIGHT + 8),
        ((1.0, 0.75, 0.0), UP_LEFT),
        ((1.0, 0.0, -1.0), DOWN_RIGHT),
        ((1.0, 0.0, 1.0), DOWN_RIGHT + 8),
        ((-1.0, 0.3, -1.0), DOWN_LEFT),  # radius 0
        ((-1.0, 0.3, 1.0), DOWN_LEFT + 8),
        ((0.0, 0.0, 0.0), DOWN),  # x is exactly 0.5: neither right nor left
    ],
)
def test_joystick_positions(action: tuple[float, ...], position: int) -> None:
    assert joystick_position(np.array(action, np.float32)) == position


@pytest.mark.parametrize("task_id", ["atari-pong", "atari-ms-pacman", "atari-krull"])
def test_memory_and_rewards_are_the_consoles_own(task_id: str) -> None:
    gymnasium.register_envs(ale_py)
    env = mmbench.make(task_id)
    reference = gymnasium.make(
        f"ALE/{env.task.params['game']}-v5",
        obs_type="ram",
        full_action_space=True,
        continuous=False,
        repeat_action_probability=0.0,
    )
    ours, _ = env.reset(seed=0)
    theirs, _ = reference.reset(seed=0)
    np.testing.assert_array_equal(ours * 255, theirs)
    rng = np.random.default_rng(0)
    for _ in range(300):
        action = rng.uniform(-1, 1, 3).astype(np.float32)
        ours, reward, *_ = env.step(action)
        theirs, expected, *_ = reference.step(joystick_position(action))
        np.testing.assert_array_equal((ours * 255).round().astype(np.uint8), theirs)
        assert reward == float(expected)
    reference.close()
