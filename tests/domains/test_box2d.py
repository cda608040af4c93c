"""Checks of the Box2D games."""

import numpy as np
import pytest

import mmbench
from mmbench.domains.box2d.bipedal_walker import _TERRAINS as TERRAINS
from mmbench.domains.box2d.bipedal_walker import BASE_HEIGHT, STEP, BipedalWalkerGame
from mmbench.domains.box2d.lunar_lander import LunarLanderGame


def walk(terrain: str, seed: int, num_steps: int) -> list[tuple[np.ndarray, float, float]]:
    game = BipedalWalkerGame(terrain)
    game.start(np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(num_steps):
        action = rng.uniform(-1, 1, 4).astype(np.float32)
        before = 130 / 15 * game.hull.position.x - 5 * abs(game.hull.angle)
        reward = game.advance(action)
        obs = game.observe()
        after = 130 / 15 * game.hull.position.x - 5 * abs(game.hull.angle)
        expected = after - before - 0.028 * np.abs(action).sum()
        if game.game_over:
            expected = -1.0
        rows.append((obs, reward, float(np.clip(expected, -1, 10))))
        velocity = game.hull.linearVelocity
        np.testing.assert_allclose(obs[2:4], (0.0896 * velocity.x, 0.0896 * velocity.y), atol=1e-6)
    return rows


@pytest.mark.parametrize("terrain", TERRAINS)
def test_walker_reward_is_its_formula(terrain: str) -> None:
    for _, reward, expected in walk(terrain, seed=1, num_steps=120):
        assert reward == pytest.approx(expected, abs=1e-6)


def test_idle_walker_falls_and_pays_to_the_end() -> None:
    env = mmbench.make("bipedal-walker-flat")
    env.reset(seed=0)
    rewards = [env.step(np.zeros(4, np.float32))[1] for _ in range(250)]
    fallen = next(k for k in range(250) if all(r == -2.0 for r in rewards[k:]))
    assert 56 <= fallen <= 63
    assert sum(rewards) == pytest.approx(-360, abs=30)


def test_heights_stay_in_their_ranges() -> None:
    for seed in range(40):
        heights = {
            name: np.array(make(np.random.default_rng(seed))[0]) for name, make in TERRAINS.items()
        }
        assert (heights["flat"] == BASE_HEIGHT).all()
        assert (heights["uneven"][:21] == BASE_HEIGHT).all()
        assert (heights["uneven"] >= 1).all()
        assert (heights["uneven"] <= 5.5).all()
        assert heights["hills"].min() >= 1.53
        assert heights["hills"].max() <= 3.34
        assert heights["obstacles"].min() >= 0.1


def test_obstacles_have_the_published_sizes() -> None:
    sizes = set()
    for seed in range(60):
        _, blocks = TERRAINS["obstacles"](np.random.default_rng(seed))
        assert blocks[0][0][0] == pytest.approx(9.3333, abs=1e-3)
        for corners in blocks:
            (left, top), (right, _), (_, bottom), _ = corners
            sizes.add((round((right - left) / STEP, 3), round((top - bottom) / STEP, 3)))
    assert sizes == {(1.0, 3.0), (2.0, 1.5), (3.0, 2.25)}


def test_pad_is_level_and_the_lander_starts_above_it() -> None:
    for seed in range(20):
        game = LunarLanderGame("land")
        obs = game.start(np.random.default_rng(seed))
        pad = [y for x, y in game.ground if game.helipad_x1 <= x <= game.helipad_x2]
        np.testing.assert_allclose(pad, 3.30, atol=1e-9)
        assert (game.helipad_x1 + game.helipad_x2) / 2 == pytest.approx(6.666667)
        assert 0.91 < obs[1] < 1.11
        assert abs(obs[0]) < 0.06


def test_idle_takeoff_earns_nothing() -> None:
    env = mmbench.make("lunarlander-takeoff")
    obs, _ = env.reset(seed=0)
    assert obs[1] == pytest.approx(-0.0407, abs=0.002)
    assert (obs[6:8] == 1).all()
    assert sum(env.step(np.zeros(2, np.float32))[1] for _ in range(250)) == 0.0


def test_idle_landing_crashes_and_then_sleeps() -> None:
    env = mmbench.make("lunarlander-land")
    scores, slept = [], 0
    for seed in range(20):
        env.reset(seed=seed)
        rewards = [env.step(np.zeros(2, np.float32))[1] for _ in range(250)]
        assert -0.5 in rewards
        slept += rewards[-1] == 1.0
        scores.append(env._info()["score"])
    assert slept >= 12
    assert 0.1 < np.mean(scores) < 0.3
