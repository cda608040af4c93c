"""Check returns of the 49 Meta-World tasks."""

import numpy as np
import pytest

import mmbench
from mmbench.registry import load_simulator

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
