"""Pictures of every task. Where none can be drawn they fail: `make graphics` installs a driver."""

import numpy as np
import pytest

import mmbench
from mmbench.env import TaskEnv
from mmbench.spec import TaskSpec

SIZE = 64
# An Atari game may stand still at first; everything else moves at once.
MOST_STEPS = 300


@pytest.mark.parametrize("spec", mmbench.tasks(), ids=lambda spec: spec.id)
def test_pictures_have_their_shape_and_change_with_the_state(spec: TaskSpec) -> None:
    rng = np.random.default_rng(0)
    with TaskEnv(spec.id, obs_type="state+rgb", image_size=SIZE, render_mode="rgb_array") as env:
        obs, _ = env.reset(seed=0)
        first = obs["rgb"]
        assert env.observation_space.contains(obs)
        assert first.shape == (SIZE, SIZE, 3)
        assert first.dtype == np.uint8
        assert first.std() > 1
        np.testing.assert_array_equal(env.render(), first)
        for _ in range(min(MOST_STEPS, spec.max_episode_steps)):
            obs, *_ = env.step(rng.uniform(-1, 1, spec.action_dim).astype(np.float32))
            if np.abs(obs["rgb"].astype(int) - first).max() > 10:
                break
        else:
            pytest.fail("the picture never changed")
        assert not np.shares_memory(obs["rgb"], first)
