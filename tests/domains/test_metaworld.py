"""The 49 Meta-World tasks: check returns, and equality with the package step by step."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from metaworld.env_dict import ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE
from metaworld.utils import reward_utils
from scipy.spatial.transform import Rotation

import mmbench
from mmbench.demos.scripted import metaworld as scripted
from mmbench.domains.metaworld import lean
from mmbench.env import TaskEnv
from mmbench.registry import load_simulator
from mmbench.simulator import FloatArray
from mmbench.spec import TaskSpec

RETURNS: dict[str, float] = {
    "mw-assembly": 16.97617,
    "mw-basketball": 0.76009,
    "mw-button-press-topdown": 5.70813,
    "mw-button-press-topdown-wall": 5.70813,
    "mw-button-press": 12.80245,
    "mw-button-press-wall": 1.44256,
    "mw-coffee-button": 14.73984,
    "mw-coffee-pull": 1.58010,
    "mw-coffee-push": 1.49542,
    "mw-dial-turn": 8.37249,
    "mw-disassemble": 17.46283,
    "mw-door-open": 24.43576,
    "mw-door-close": 1.76613,
    "mw-drawer-close": 1.89054,
    "mw-drawer-open": 52.23360,
    "mw-faucet-open": 96.65254,
    "mw-faucet-close": 102.87838,
    "mw-hammer": 37.45270,
    "mw-handle-press-side": 20.26743,
    "mw-handle-press": 24.45949,
    "mw-handle-pull-side": 0.82344,
    "mw-handle-pull": 3.19773,
    "mw-lever-pull": 28.03447,
    "mw-peg-insert-side": 0.70401,
    "mw-peg-unplug-side": 1.74015,
    "mw-pick-out-of-hole": 0.55004,
    "mw-pick-place": 0.24788,
    "mw-pick-place-wall": 0.00000,
    "mw-plate-slide": 27.01148,
    "mw-plate-slide-side": 5.66504,
    "mw-plate-slide-back": 12.08883,
    "mw-plate-slide-back-side": 10.14928,
    "mw-push-back": 0.46367,
    "mw-push": 1.77746,
    "mw-push-wall": 1.76118,
    "mw-reach": 60.97445,
    "mw-reach-wall": 60.48120,
    "mw-soccer": 0.83461,
    "mw-stick-push": 0.95566,
    "mw-stick-pull": 0.83403,
    "mw-sweep-into": 1.65695,
    "mw-sweep": 5.59846,
    "mw-window-open": 19.25195,
    "mw-window-close": 28.56576,
    "mw-bin-picking": 0.58809,
    "mw-box-close": 40.02550,
    "mw-door-lock": 47.40325,
    "mw-door-unlock": 34.87084,
    "mw-hand-insert": 0.87207,
}


def test_every_task_has_a_check_value() -> None:
    assert RETURNS.keys() == {spec.id for spec in mmbench.tasks(domain="metaworld")}


@pytest.mark.parametrize("task_id", RETURNS)
def test_twenty_random_steps_have_the_original_return(task_id: str) -> None:
    simulator = load_simulator(mmbench.task(task_id), pictures=False)
    env = simulator._env  # type: ignore[attr-defined]  # the check values need the package's draws
    before = np.random.get_state()
    try:
        env.seeded_rand_vec = False
        np.random.seed(0)
        env.reset()
    finally:
        np.random.set_state(before)
    env.step(np.zeros(4, np.float32))
    rng = np.random.default_rng(0)
    rewards = [simulator.step(rng.uniform(-1, 1, 4).astype(np.float32)).reward for _ in range(20)]
    assert sum(rewards) == pytest.approx(RETURNS[task_id], abs=2e-3)


def test_goal_and_previous_frame_are_where_they_should_be() -> None:
    with_goal = mmbench.make("mw-reach")
    obs, _ = with_goal.reset(seed=0)
    env = with_goal.simulator._env
    np.testing.assert_allclose(obs[36:39], env._target_pos, atol=1e-6)
    with_goal.step(np.array([1, 0, 0, 0], np.float32))
    later, *_ = with_goal.step(np.array([1, 0, 0, 0], np.float32))
    # One inner step apart: at most a centimetre.
    assert 0 < np.abs(later[:3] - later[18:21]).max() < 0.011


class Original:
    """The package's own environment, played as the task plays it."""

    def __init__(self, spec: TaskSpec) -> None:
        self.env: Any = ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE[spec.params["environment"]](seed=0)
        self.env._freeze_rand_vec = False
        self.env.seeded_rand_vec = True

    def reset(self, seed: int) -> FloatArray:
        self.env.np_random = np.random.Generator(np.random.PCG64(seed))
        self.env.reset()
        return self.env.step(np.zeros(4, np.float32))[0].astype(np.float32)

    def step(self, action: FloatArray) -> tuple[FloatArray, float, bool]:
        _, first, *_ = self.env.step(action)
        obs, second, _, _, info = self.env.step(action)
        return obs.astype(np.float32), float(first) + float(second), bool(info["success"])


def random_play(env: TaskEnv) -> Callable[[TaskEnv], FloatArray]:
    rng = np.random.default_rng(env.episode_seed)
    return lambda env: rng.uniform(-1, 1, 4).astype(np.float32)


PLAYERS = {"random": random_play, "expert": scripted.build}


def assert_equals_the_package(task: str, player: str, seeds: range, env_steps: int) -> None:
    env = TaskEnv(task)
    original = Original(env.task)
    for seed in seeds:
        obs, _ = env.reset(seed=seed)
        np.testing.assert_array_equal(obs, original.reset(seed))
        act = PLAYERS[player](env)
        for _ in range(env_steps):
            action = act(env)
            obs, reward, _, _, info = env.step(action)
            expected_obs, expected_reward, expected_success = original.step(action)
            np.testing.assert_array_equal(obs, expected_obs)
            assert reward == expected_reward
            assert info["success"] == expected_success


@pytest.mark.parametrize(
    ("task", "player", "env_steps"),
    [
        ("mw-pick-place", "expert", 25),
        ("mw-stick-pull", "random", 25),
        ("mw-stick-push", "expert", 100),  # succeeds, by the touch of the fingers
        ("mw-assembly", "random", 25),
        ("mw-dial-turn", "expert", 25),
    ],
)
def test_observations_and_rewards_are_those_of_the_package(
    task: str, player: str, env_steps: int
) -> None:
    assert_equals_the_package(task, player, range(1), env_steps)


@pytest.mark.slow
@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize("task", RETURNS)
def test_every_observation_and_reward_is_that_of_the_package(task: str, player: str) -> None:
    assert_equals_the_package(task, player, range(3), env_steps=100)


def test_rotations_are_those_of_scipy() -> None:
    for rotation in Rotation.random(500, rng=0):
        matrix = rotation.as_matrix()
        expected = Rotation.from_matrix(matrix).as_quat()
        np.testing.assert_array_equal(lean.Rotation.from_matrix(matrix).as_quat(), expected)


@pytest.mark.parametrize("sigmoid", ["long_tail", "gaussian", "linear"])
@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_tolerances_are_those_of_the_package(sigmoid: Any, margin: float) -> None:
    for x in np.random.default_rng(0).normal(0, 0.2, 300):
        expected = reward_utils.tolerance(x, (0.0, 0.05), margin, sigmoid)
        assert lean.tolerance(x, (0.0, 0.05), margin, sigmoid) == expected


def test_the_package_itself_stays_as_it_is() -> None:
    load_simulator(mmbench.task("mw-push"), pictures=False)
    module = ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE["push-v3-goal-observable"].__mro__[1]
    scope = module.compute_reward.__globals__
    assert scope["np"] is np
    assert scope["reward_utils"] is reward_utils
    assert scope["Rotation"] is Rotation
