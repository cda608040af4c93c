"""Cheaper simulators for planning: near enough to the exact ones."""

import numpy as np
import pytest

import mmbench
from mmbench.registry import load_simulator
from mmbench.simulator import RoughlyRestorable, Simplifiable
from tests.rollouts import made, random_actions


@pytest.mark.parametrize(
    "task", ["bipedal-walker-rugged", "lunarlander-hover", "ms-lift-peg", "ms-hopper-hop"]
)
def test_a_rough_state_continues_nearly_like_the_exact_one(task: str) -> None:
    with made(task) as env:
        model = load_simulator(env.task, pictures=False)
        env.reset(seed=3)
        actions = random_actions(env, 20, seed=1)
        for action in actions[:10]:
            env.step(action)
        assert isinstance(env.simulator, RoughlyRestorable)
        assert isinstance(model, RoughlyRestorable)
        for _ in range(2):  # going back to it changes nothing
            model.set_rough_state(env.simulator.get_rough_state())
        for action in actions[10:14]:
            predicted = model.step(action)
            obs, reward, *_ = env.step(action)
            assert predicted.reward == pytest.approx(reward, abs=0.05)
            np.testing.assert_allclose(predicted.obs, obs, atol=0.05)
        model.close()


@pytest.mark.parametrize("task", ["cheetah-run", "cup-spin", "og-ant", "mujoco-halfcheetah"])
def test_a_simplified_simulator_earns_about_the_same(task: str) -> None:
    spec = mmbench.task(task)
    exact, simple = (load_simulator(spec, pictures=False) for _ in range(2))
    assert isinstance(simple, Simplifiable)
    simple.simplify()
    exact.reset(np.random.default_rng(0))
    simple.reset(np.random.default_rng(0))
    simple.set_state(exact.get_state())
    rng = np.random.default_rng(1)
    rewards = []
    for _ in range(5):
        action = rng.uniform(-1, 1, spec.action_dim).astype(np.float32)
        rewards.append((exact.step(action).reward, simple.step(action).reward))
    exact_sum, simple_sum = np.sum(rewards, axis=0)
    assert simple_sum == pytest.approx(exact_sum, rel=0.35, abs=0.15)


@pytest.mark.parametrize("task", ["bipedal-walker-flat", "walker-run"])
def test_simplifying_one_leaves_others_as_they_are(task: str) -> None:
    with made(task) as env:
        before = play_some(env)
        model = load_simulator(env.task, pictures=False)
        assert isinstance(model, Simplifiable)
        model.simplify()
        np.testing.assert_array_equal(play_some(env), before)
        model.close()


def play_some(env: mmbench.TaskEnv) -> np.ndarray:
    env.reset(seed=5)
    return np.stack([env.step(action)[0] for action in random_actions(env, 5, seed=0)])
