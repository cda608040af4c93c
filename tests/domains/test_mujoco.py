"""Check values of the Gymnasium MuJoCo tasks."""

import numpy as np
import pytest

import mmbench
from mmbench.registry import load_simulator

RETURNS = {
    "mujoco-ant": (-371.78781, 0.0),
    "mujoco-halfcheetah": (-216.99717, 0.0),
    "mujoco-hopper": (-935.19638, 0.0),
    "mujoco-inverted-pendulum": (6.0, 0.006),
    "mujoco-reacher": (-45.343156, 0.093137),
    "mujoco-walker": (-971.44440, 0.0),
}


@pytest.mark.parametrize("task_id", RETURNS)
def test_full_random_episode_has_the_original_return(task_id: str) -> None:
    spec = mmbench.task(task_id)
    simulator = load_simulator(spec, pictures=False)
    simulator.reset(np.random.default_rng(0))
    rng = np.random.default_rng(0)
    rewards = [
        simulator.step(rng.uniform(-1, 1, spec.action_dim).astype(np.float32)).reward
        for _ in range(spec.max_episode_steps)
    ]
    expected, score = RETURNS[task_id]
    assert sum(rewards) == pytest.approx(expected, abs=0.02)
    assert spec.score.score(sum(rewards), False) == pytest.approx(score, abs=1e-4)
