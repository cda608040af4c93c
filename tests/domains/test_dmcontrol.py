"""The conformance numbers of the extended DeepMind Control tasks."""

import numpy as np
import pytest

import mmbench
from mmbench.domains.dmcontrol_ext import bodies
from mmbench.domains.dmcontrol_ext.rewards import above, below, slower, toward, within
from mmbench.mujoco_support.control_suite import SuiteTask

# Joint positions after the first reset with RandomState(0).
FIRST_RESETS = {
    "walker-lie-down": (0, 0, 0.30670, 1.14882, -1.03996, 0.07050, 0.53823, -0.92705, -0.09804),
    "walker-run-incline": (0, 0, 0.30670, 1.14882, -1.03996, 0.07050, 0.53823, -0.92705, -0.09804),
    "cheetah-jump": (
        *(-0.04623, -0.09255, 0.02847, -0.05744, -0.01337),
        *(-0.08740, 0.00773, -0.01319, 0.00157),
    ),
    "giraffe-run": (
        *(-0.12050, -0.17304, 0.05812, 0.41336, 0.03433),
        *(0.06873, -0.00817, 0.02255, -0.21686, -0.18184),
    ),
    "spinner-spin": (-0.04664, -0.36785, 0, 0, 0.00275, -0.01029, 0.01029, -0.00275),
    "spinner-spin-four": (-0.07197, -0.36773, 0.00157, 0, 0.00302, -0.01146, 0.00843),
    "jumper-jump": (-0.05842, -0.36753, 0, -0.00936, 0.00936),
    "hopper-hop-backward": (0, 0, 0.30670, 0.22535, -1.07342, 1.46622, -0.11992),
    "reacher-three-easy": (0.30670, 0.60092, 0.28697),
    "cup-spin": (0, 0, 0.01156, 0.37041),
    "pendulum-spin": (0.30670,),
    "cartpole-balance-two-poles-sparse": (0.00976, 0.01463, 0.00699),
    "cartpole-balance-long-sparse": (0.00976, 0.01463),
}
WALKER = (-0.56592, 0.28644, 0.49457, 0.11270, -1.65084, -0.16435, 0.90125, -2.16616, 0.90452)
SLOPE = (-0.70876, 0.38770, 0.76204, 0.11316, -1.25572, -0.50517, -0.37176, -2.46162, 0.96163)
CHEETAH = (0.03074, -0.16633, 0.17015, 0.24465, 0.02472, -0.27296, -0.18903, -0.30654, -0.24301)
SPINNER = (-0.02863, -0.27360, -0.02306, 0.44718, 0.04540, -0.40129, -0.52385, -0.13519)
FOUR = (-0.03605, -0.27915, 0.01245, 0.42126, 0.03456, -0.41639, -0.57975)
# Joint positions, first reward and sum of rewards of 25 control steps from the default state.
ROLLOUTS = {
    "walker-walk-backward": (WALKER, 0.166664, 4.039295),
    "walker-run-backward": (WALKER, 0.166664, 3.521975),
    "walker-arabesque": (WALKER, 0.666720, 15.166559),
    "walker-lie-down": (WALKER, 0.000012, 0.080296),
    "walker-legs-up": (WALKER, 0.000076, 0.083086),
    "walker-headstand": (WALKER, 0.400141, 6.237554),
    "walker-stand-incline": (SLOPE, 0.999984, 21.096290),
    "walker-walk-incline": (SLOPE, 0.169960, 5.540961),
    "walker-run-incline": (SLOPE, 0.167076, 3.769162),
    "cheetah-run-backward": (CHEETAH, 0.000060, 0.076618),
    "cheetah-run-front": (CHEETAH, 0.013890, 0.219714),
    "cheetah-run-back": (CHEETAH, 0.013686, 0.210362),
    "cheetah-jump": (CHEETAH, 0.202186, 4.690395),
    "giraffe-run": (
        (
            *(-0.11588, -0.07317, 0.22762, 0.41652, 0.40991),
            *(0.00279, -0.24414, 0.02544, -0.18397, 0.09653),
        ),
        0.250375,
        6.259403,
    ),
    "spinner-spin": (SPINNER, 0.000137, 0.100354),
    "spinner-spin-backward": (SPINNER, None, 0.026893),
    "spinner-jump": (SPINNER, 0.232087, 3.600057),
    "spinner-spin-four": (FOUR, None, 0.086604),
    "spinner-spin-backward-four": (FOUR, 0.000278, 0.063877),
    "spinner-jump-four": (FOUR, 0.229967, 3.523292),
    "jumper-jump": ((0.00433, -0.30663, -0.15464, 0.38778, 0.00852), 0.226688, 3.461943),
    "hopper-hop-backward": (
        (0.06617, -0.40072, -0.19709, 0.27028, -0.36642, 2.41611, -0.80073),
        0.000174,
        0.000871,
    ),
    "reacher-three-easy": ((0.25647, 0.14033, -0.24404), 0.0, 0.0),
    "reacher-three-hard": ((0.25647, 0.14033, -0.24404), 0.0, 0.0),
    "cup-spin": ((0.08726, -0.04598, -0.08122, 0.03541), 0.249202, 7.502619),
    "pendulum-spin": ((0.17763,), 0.0, 0.986817),
    "cartpole-balance-two-poles-sparse": ((0.06219, -0.09837, 0.15459), 1.0, 25.0),
    "cartpole-balance-long-sparse": ((0.06027, -0.06422), 1.0, 25.0),
}


def build(task_id: str) -> SuiteTask:
    return bodies.build(mmbench.task(task_id).params, np.random.RandomState(0))


@pytest.mark.parametrize("task_id", FIRST_RESETS)
def test_first_reset_draws_the_same_state(task_id: str) -> None:
    suite = build(task_id)
    with suite.physics.reset_context():
        suite.task.initialize_episode(suite.physics)
    np.testing.assert_allclose(suite.physics.data.qpos, FIRST_RESETS[task_id], atol=6e-6)
    if task_id.startswith("reacher"):
        target = suite.physics.named.model.geom_pos["target", :2]
        np.testing.assert_allclose(target, (-0.03160, -0.10906), atol=6e-6)


def test_every_extended_task_has_a_rollout() -> None:
    assert ROLLOUTS.keys() == {spec.id for spec in mmbench.tasks(domain="dmcontrol-ext")}


@pytest.mark.parametrize("task_id", ROLLOUTS)
def test_open_loop_rollout_reproduces(task_id: str) -> None:
    positions, first, total = ROLLOUTS[task_id]
    suite = build(task_id)
    physics = suite.physics
    physics.reset()
    if task_id.startswith("reacher"):
        physics.named.model.geom_pos["target", :2] = 0.1
        physics.after_reset()
    rewards = []
    for k in range(25):
        physics.set_control(np.sin(0.4 * k + np.arange(physics.model.nu)))
        physics.step(suite.substeps)
        rewards.append(float(suite.reward(physics)))
    np.testing.assert_allclose(physics.data.qpos, positions, atol=6e-6)
    if first is not None:
        assert rewards[0] == pytest.approx(first, abs=6e-7)
    assert sum(rewards) == pytest.approx(total, abs=6e-7)


def test_shaping_terms_have_their_closed_forms() -> None:
    assert above(1.3, 1.2, 0.6) == 1.0
    assert above(0.6, 1.2, 0.6) == pytest.approx(0.1)
    assert above(0.9, 1.2, 0.6) == pytest.approx(0.1**0.25)
    assert below(0.08, 0.08, 0.04) == 1.0
    assert below(0.12, 0.08, 0.04) == pytest.approx(0.1)
    assert [toward(x, 8) for x in (-1.0, 2.0, 9.0)] == [0.0, 0.25, 1.0]
    assert [slower(v, 0.5) for v in (-0.5, 0.75, -0.875, 2.0)] == [1.0, 0.5, 0.25, 0.0]
    assert [within(x, 0.6, 2) for x in (0.59, 0.6, 2.0, 2.01)] == [0.0, 1.0, 1.0, 0.0]
