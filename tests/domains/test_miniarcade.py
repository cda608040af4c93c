"""Worked values and statistics of the MiniArcade games."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mmbench
from mmbench.domains.miniarcade.games.cartpole import Cartpole
from mmbench.domains.miniarcade.games.game import Game
from tests.rollouts import made

GAMES = mmbench.tasks(domain="miniarcade")


def game_of(task: str, seed: int = 0) -> Any:
    env = mmbench.make(f"pygame-{task}")
    env.reset(seed=seed)
    return env.simulator.game


def near(found: Any, expected: Any, places: float = 1e-5) -> None:
    np.testing.assert_allclose(found, expected, atol=places, rtol=0)


class FixedDraws:
    """A generator whose draws are given; anything else is an error."""

    def __init__(self, *draws: float) -> None:
        self.draws = list(draws)

    def random(self) -> float:
        return self.draws.pop(0)


# Worked values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "action", "push", "after", "reward"),
    [
        (
            (0.1, -0.2, 0.05, 0.3),
            0.5,
            0.0,
            (0.095, -0.0528656283, 0.0575, 0.131633624),
            0.9633943630888641,
        ),
        ((-2.39, -1, 3, -2), -1.0, 0.0, (-2.415, -1.29192696, 2.95, -2.31799477), 0.0),
        (
            (0.1, -0.2, 0.05, 0.3),
            0.5,
            2.0,
            (0.095, -0.0561288718, 0.0575, 0.181633624),
            0.9633943630888641,
        ),
    ],
)
def test_cartpole_steps(
    state: tuple[float, ...], action: float, push: float, after: tuple[float, ...], reward: float
) -> None:
    game = Cartpole(start="balance", sparse=False, tremor=bool(push))
    game.begin(np.random.default_rng(0))
    game.x, game.v, game.angle, game.spin = state
    if push:
        game.tremor_left, game.tremor_strength = 3, push
    assert game.play([action]) == pytest.approx(reward, abs=1e-9)
    near((game.x, game.v, game.angle, game.spin), after, 1e-8)


def test_cartpole_swings_as_worked_out() -> None:
    game = game_of("cartpole-swingup")
    game.x, game.v, game.angle, game.spin = 0.0, 0.0, math.pi, 0.0
    for k in range(100):
        game.play([math.sin(0.15 * k)])
    near((game.x, game.v, game.angle, game.spin), (4.27964045, 3.36406642, 3.48389252, 4.23671229))


def test_tremors_begin_the_step_after_their_trigger() -> None:
    game = game_of("cartpole-tremor")
    game.countdown = 1
    pushes = [game._tremor() for _ in range(14)]
    assert pushes[0] == 0.0
    length = next(k for k in range(1, 14) if pushes[k] == 0.0) - 1
    assert 5 <= length <= 10
    assert 1.75 <= abs(pushes[1]) <= 5.0
    assert len(set(pushes[1 : length + 1])) == 1


def test_birds_turn_and_descend_on_time() -> None:
    game = game_of("bird-attack")
    flips, direction = [], game.direction
    for step in range(1, 501):
        game.shots = []
        game.play([0.0, 0.0])
        if game.direction != direction:
            flips.append(step)
            direction = game.direction
        if step == 250:
            assert not game.has_boss
        if step == 251:
            assert game.has_boss
        if step == 255:
            assert game.fade == 0
        if step == 304:
            assert game.ball is None
        if step == 305:
            assert game.ball is not None
    assert flips == list(range(11, 501, 31))
    assert game.birds[-1][1] == 124


def test_sustained_fire_is_one_shot_in_eight_steps() -> None:
    game = game_of("bird-attack")
    game.birds = []
    counts = []
    for _ in range(24):
        before = len(game.shots)
        game.play([0.0, 1.0])
        counts.append(len(game.shots) > before)
    assert [k for k, fired in enumerate(counts) if fired] == [0, 8, 16]


@pytest.mark.parametrize(
    ("is_evader", "agent", "opponent", "phase", "turning", "action", "expected"),
    [
        (
            True,
            (112, 180),
            (140, 100),
            0.0,
            1.0,
            (1, 0.5),
            ((115.325, 181.6625), (138.129958, 102.958538, -1.870042, 2.958538), 0.09104591),
        ),
        (
            False,
            (150, 118),
            (60, 90),
            0.3,
            -1.0,
            (-1, 0),
            ((140.762455, 108.304436), (58.630334, 86.970208, -1.369666, -3.029792), -0.09428637),
        ),
    ],
)
def test_chase_steps(
    is_evader: bool,
    agent: tuple[float, float],
    opponent: tuple[float, float],
    phase: float,
    turning: float,
    action: tuple[float, float],
    expected: Any,
) -> None:
    game = game_of("chase-evade")
    game.agent, game.opponent = [*agent, 0.0, 0.0], [*opponent, 0.0, 0.0]
    game.is_evader, game.phase, game.turning, game.num_steps = is_evader, phase, turning, 10
    reward = game.play(list(map(float, action)))
    near(game.agent[:2], expected[0])
    near(game.opponent, expected[1])
    assert reward == pytest.approx(expected[2], abs=1e-7)
    if phase == 0.0:
        near(game.obstacles[0], (151.80016661, 121.99333667))


def test_a_catch_swaps_roles_and_both_walk_to_their_places() -> None:
    game = game_of("chase-evade")
    game.agent, game.opponent = [175.0, 118.0, 0.0, 0.0], [160.0, 118.0, 0.0, 0.0]
    game.is_evader, game.phase, game.turning = True, 0.3, 1.0
    assert game.play([0.0, 0.0]) == pytest.approx(-0.0116502, abs=1e-6)
    assert not game.is_evader
    near(game.opponent[:2], (164.830307, 115.447299))
    xs, others = [], []
    for _ in range(6):
        game.play([1.0, 1.0])  # ignored during the role change
        xs.append(game.agent[0])
        others.append(game.opponent[0])
    near(xs[:3], (171.5, 168.0, 164.5))
    near(others[:4], (168.151432, 171.472558, 174.793683, 178.114808))
    near(game.opponent[:2], (178.921924, 114.766408))


def test_coconuts_bounce_and_the_traveller_slides() -> None:
    game = game_of("coconut-dodge")
    game.x, game.v = 100.0, 2.0
    game.coconuts = [[203.0, 195.0, 3.0, 4.0, 7.0, 0]]
    game.play([1.0])
    near((game.v, game.x), (2.7645, 102.7645))
    near(game.coconuts[0][:3], (205, 199, -3))
    game.play([-1.0])
    near((game.v, game.x), (1.857065, 104.621565))
    near(game.coconuts[0][:2], (202, 203))


def test_a_falling_coconut_hurts_for_as_long_as_it_touches() -> None:
    game = game_of("coconut-dodge")
    game.x, game.v = 112.0, 0.0
    game.coconuts = [[112.0, 180.0, 0.0, 3.0, 7.0, 0]]
    rewards, flags, offsets, heights = [], [], [], []
    for _ in range(20):
        rewards.append(game.play([0.0]))
        obs = game.observe()
        flags.append(obs[4])
        offsets.append((obs[2], obs[3]))
        heights.append(game.coconuts[0][1])
    assert rewards[:10] == [0, -1, -1, -1, -1, -1, -1, -1, 0, 0]
    assert heights[8] == 205
    assert flags[:13] == [0, *[1.0] * 11, 0]
    assert offsets[8] == (0.0, -1.0)
    assert heights[17] == 205
    assert heights[18] == 13 + game.coconuts[0][4]  # the tenth step after landing


JUMP = (
    *(143, 133, 124, 116, 109, 103, 98, 94, 91, 89, 88, 88),
    *(89, 91, 94, 98, 103, 109, 116, 124, 133, 143, 154),
)


def test_a_full_jump_follows_the_table() -> None:
    game = game_of("coinrun")
    heights, speeds = [], []
    for k in range(25):
        game.play([1.0 if k == 0 else -1.0])
        heights.append(game.runner.y)
        speeds.append(game.runner.v)
    assert tuple(heights[:23]) == JUMP
    assert speeds[22] == 11.0  # it comes to rest one step after it is back on the ground
    assert heights[23:] == [154.0, 154.0]
    assert speeds[23:] == [0.0, 0.0]


def test_idle_cowboy_earns_exactly_minus_458() -> None:
    game = game_of("cowboy")
    rewards = [game.play([0.0]) for _ in range(500)]
    assert sum(rewards) == -458
    assert rewards[:22] == [1.0] * 21 + [-1.0]
    assert game.left == 54


def test_highway_lets_traffic_through_as_time_goes_on() -> None:
    """The cap on vehicles is 1, 2, 3 and 4 from step 0, 167, 333 and 499 on."""
    game = game_of("highway")
    caps = []
    game._move_traffic = lambda cap: caps.append(cap) or False
    for _ in range(500):
        game.play([0.0, 0.0])
    changes = [k for k in range(1, 500) if caps[k] != caps[k - 1]]
    assert (caps[0], caps[-1], changes) == (1, 4, [167, 333, 499])


def test_a_locked_helicopter_earns_the_most_and_rides_along() -> None:
    game = game_of("landing")
    game.x, game.y = game.ship_x + game.ship_velocity - 14, 165.0
    game.vx, game.vy = game.ship_velocity, 0.0
    game.has_contact = game.is_locked = True
    rewards = []
    for _ in range(10):
        rewards.append(game.play([0.0, 0.0]))
        assert game.is_locked
        assert game.vx == game.ship_velocity
    assert max(rewards) == pytest.approx(1.118304, abs=0.03)


def test_leaving_the_deck_at_full_thrust_takes_nine_steps() -> None:
    game = game_of("landing")
    game.x, game.y = game.ship_x - 14, 165.0
    game.vx, game.vy = game.ship_velocity, 0.0
    game.has_contact = game.is_locked = True
    contacts = []
    for _ in range(12):
        game.play([0.0, -1.0])
        contacts.append(game.has_contact)
    assert contacts.index(False) == 8


def test_maze_walls_block_the_listed_ranges() -> None:
    game = game_of("point-maze-var1")
    blocked = ((14, 62), (51, 99), (88, 136), (124, 172), (161, 209))
    for row in range(5):
        for column in range(5):
            if not game.walls[row][column]:
                continue
            (x0, x1), (y0, y1) = blocked[column], blocked[row]
            for x, y in ((x0, y0), (x1, y1), (x1 + 0.99, y1 + 0.99)):
                assert game.hits(x, y)


def test_wind_pushes_inside_its_cell_only() -> None:
    game = game_of("point-maze-var4")
    game.wind_cell, game.wind_direction = (2, 2), 1
    game.x, game.y = 112.0, 112.0
    game.play([0.0, 0.0])
    assert (game.x, game.y, game.vx) == (114.0, 112.0, 2.0)
    game.x = 131.0
    game.play([0.4, 0.0])
    assert (game.x, game.vx) == (133.0, 2.0)


PONG = {
    1: (105.6, 116.8, -6.4, 4.8, 96.25, 86.83462),
    2: (99.2, 121.6, -6.4, 4.8, 100.5, 91.84080),
    6: (73.6, 140.8, -6.4, 4.8, 117.5, 110.27358),
    7: (67.2, 145.6, -6.4, 4.8, 121.75, 110.27358),
    12: (35.2, 169.6, 6.4, 4.8, 130.25, 110.27358),
    18: (73.6, 198.4, 6.4, -4.8, 117.5, 110.27358),
    19: (80.0, 193.6, 6.4, -4.8, 115.375, 110.27358),
}


def test_pong_rally() -> None:
    game = game_of("pong")
    game.x = game.y = 112.0
    game.vx, game.vy = -6.4, 4.8
    game.agent_y = game.opponent_y = 92.0
    game.is_in_zone, game.delay = True, 0
    for step in range(1, 20):
        assert game.play([0.5 if step <= 10 else -0.25]) == 0
        if step in PONG:
            found = (game.x, game.y, game.vx, game.vy, game.agent_y, game.opponent_y)
            near(found, PONG[step])


def test_pong_points_and_serves() -> None:
    game = game_of("pong")
    game.x, game.y, game.vx, game.vy = 25.0, 60.0, -8.0, 0.0
    game.agent_y = 164.0
    assert game.play([1.0]) == -1
    assert (game.x, game.y, game.points) == (112.0, 112.0, [0, 1])
    assert math.hypot(game.vx, game.vy) == pytest.approx(8)


ROCKET = {
    1: (112.3675, 183.265, 0.3675, -0.735, 98.5, 28, -2, 0.001423),
    2: (113.09515, 181.8097, 0.72765, -1.4553, 97, 26, -2, 0.001433),
    5: (117.36769, 173.26463, 1.76546, -3.53091, 92.5, 20, -2, 0.001494),
    8: (122.73425, 162.5315, 1.78885, -3.57771, 88, 14, -2, 0.001569),
    9: (124.5231, 158.95379, 1.78885, -3.57771, 86.5, 14, 2, 0.001595),
    20: (144.2005, 119.59899, 1.78885, -3.57771, 70, 36, 2, 0.001871),
}


def test_rocket_flight() -> None:
    game = game_of("rocket-collect")
    game.coin_x, game.coin_y = 150, 100
    game.asteroids = [[100.0, 30.0, -1.5, -2.0, 1.0, 0.0]]
    for step in range(1, 21):
        reward = game.play([0.5, -1.0])
        if step in ROCKET:
            rock = game.asteroids[0]
            found = (game.x, game.y, game.vx, game.vy, rock[0], rock[1], rock[3], reward)
            near(found, ROCKET[step], 6e-6)


def test_asteroids_appear_on_time() -> None:
    game = game_of("rocket-collect")
    counts = []
    for _ in range(500):
        game.play([0.0, 0.0])
        counts.append(len(game.asteroids))
    assert [counts.index(n) + 1 for n in (1, 2, 3)] == [1, 150, 300]


SHIP = {
    1: (40.325, 111.8375, 0.3087, -0.1544, 128.25),
    3: (41.8858, 111.0571, 0.8807, -0.4404, 104.25),
    5: (44.5619, 109.7190, 1.3969, -0.6985, 80.25),
    6: (46.2838, 108.8581, 1.6358, -0.8179, 68.25),
    7: (48.2447, 107.8777, 1.8628, -0.9314, 56.25),
    8: (50.4324, 106.7838, 2.0784, -1.0392, 44.25),
    9: (52.8358, 105.5821, 2.2832, -1.1416, 32.25),
}


def test_spaceship_flight() -> None:
    game = game_of("spaceship")
    game.coins = [[112, 120, False], [139, 120, False], [166, 138, False]]
    game.asteroid = [140.25, 90.0]
    rewards = []
    for step in range(1, 10):
        rewards.append(game.play([0.5, -0.25]))
        if step in SHIP:
            near((game.x, game.y, game.vx, game.vy, game.asteroid[0]), SHIP[step], 6e-5)
    assert rewards == [0, 0, 1, 0, 1, 0, -2, -2, 0]


ARM = {
    1: (0.336, -0.536, -0.111656, 0.035585, 1.8, -1.8),
    2: (0.403565, -0.580575, -0.109445, 0.026173, 3.37824, -2.22876),
    10: (1.419046, -0.957534, -0.015120, -0.107719, 7.083446, -2.361085),
    20: (2.847665, -1.429751, 0.188531, -0.090586, 7.152222, -2.361086),
}


def test_reacher_motion() -> None:
    game = game_of("reacher-easy")
    game.angles, game.speeds, game.target = [0.3, -0.5], [0.0, 0.0], (0.1, 0.05)
    near(game.observe(), (0.3, -0.5, -0.112894, 0.039346, 0, 0), 1e-6)
    for step in range(1, 21):
        assert game.play([1.0, -0.5]) == 0
        if step in ARM:
            near(game.observe(), ARM[step], 2e-6)


def test_reacher_elbow_stops() -> None:
    game = game_of("reacher-hard")
    game.angles, game.speeds = [0.0, 2.75], [0.0, 0.0]
    for _ in range(3):
        game.play([0.0, 1.0])
        near((game.angles[1], game.speeds[1]), (2.792527, 0.0), 1e-6)


# Statistics --------------------------------------------------------------------------------------

Policy = Callable[[np.ndarray, int], Any]


def constant(*values: float) -> Policy:
    return lambda obs, step: values


def linear(obs: np.ndarray, step: int) -> Any:
    return [0.1 * obs[0] + 0.3 * obs[1] + 3 * obs[2] + 0.6 * obs[3]]


def energy(obs: np.ndarray, step: int) -> Any:
    x, v, angle, spin = obs
    wrapped = (angle + math.pi) % (2 * math.pi) - math.pi
    if abs(wrapped) < 0.4:
        return linear(np.array([x, v, wrapped, spin]), step)
    pumped = 0.4 * spin**2 / 9.81 + math.cos(angle) - 1
    return [2 * pumped * spin * math.cos(angle) - 0.2 * x - 0.1 * v]


def chaser(obs: np.ndarray, step: int) -> Any:
    toward = obs[4:6] - obs[:2]
    toward = toward / max(1e-9, float(np.linalg.norm(toward)))
    return -toward if obs[8] > 0.5 else toward


def coin_pilot(obs: np.ndarray, step: int) -> Any:
    ahead = [obs[5 + 2 * i] * 224 - 9 for i in range(4) if obs[4 + 2 * i] > 0.17]
    target = ahead[0] if ahead else 103
    return [
        0.1 * (40 - 224 * obs[0]) - 5 * obs[2],
        0.15 * (target - 224 * obs[1]) - 5 * obs[3],
    ]


def arm(upper: float, lower: float) -> Policy:
    def policy(obs: np.ndarray, step: int) -> Any:
        q1, q2, dx, dy, w1, _ = obs
        x = upper * math.cos(q1) + lower * math.cos(q1 + q2) + dx
        y = upper * math.sin(q1) + lower * math.sin(q1 + q2) + dy
        cosine = (x * x + y * y - upper**2 - lower**2) / (2 * upper * lower)
        plans = []
        for sign in (1, -1):
            elbow = sign * min(math.acos(np.clip(cosine, -1, 1)), math.radians(160))
            shoulder = math.atan2(y, x) - math.atan2(
                lower * math.sin(elbow), upper + lower * math.cos(elbow)
            )
            turn = (shoulder - q1 + math.pi) % (2 * math.pi) - math.pi
            plans.append((max(abs(turn) / 7.15, abs(elbow - q2) / 4.71), turn, elbow - q2))
        _, turn, bend = min(plans)
        return [3 * turn - 0.15 * w1, 3 * bend]

    return policy


UNIFORM = "uniform"
# Task, policy, mean and standard deviation of the return over episodes of the original.
STATISTICS: list[tuple[str, Any, float, float]] = [
    ("air-hockey", constant(0, 0), -0.92, 1.50),
    ("air-hockey", UNIFORM, -0.60, 1.52),
    (
        "air-hockey",
        lambda o, k: (224 * (o[0] - o[4]) / 7.5, (224 * (o[1] - o[5]) + 8) / 7.5),
        3.97,
        1.64,
    ),
    ("bird-attack", constant(0, 0), -19.19, 4.78),
    ("bird-attack", UNIFORM, -1.93, 4.18),
    ("bird-attack", constant(0, 1), -5.53, 1.83),
    ("bird-attack", lambda o, k: (math.sin(k / 20), 1), 3.99, 3.41),
    ("chase-evade", constant(0, 0), -45.7, 8.3),
    ("chase-evade", UNIFORM, -45.9, 5.4),
    ("chase-evade", chaser, -8.7, 5.7),
    ("coconut-dodge", constant(0), -18.4, 9.2),
    ("coconut-dodge", UNIFORM, -15.1, 9.4),
    ("coconut-dodge", lambda o, k: [-1 if o[2] >= 0 else 1], -8.6, 7.3),
    ("cartpole-balance", constant(0), 44.0, 12.4),
    ("cartpole-balance", UNIFORM, 35.4, 14.9),
    ("cartpole-balance", linear, 499.46, 0.30),
    ("cartpole-balance-sparse", constant(0), 28.1, 12.6),
    ("cartpole-balance-sparse", UNIFORM, 19.5, 12.2),
    ("cartpole-balance-sparse", linear, 500.0, 0.0),
    ("cartpole-tremor", constant(0), 48.4, 15.2),
    ("cartpole-tremor", UNIFORM, 34.9, 13.9),
    ("cartpole-tremor", linear, 487.8, 1.7),
    ("cartpole-swingup", constant(0), 0.0, 0.0),
    ("cartpole-swingup", UNIFORM, 1.9, 6.8),
    ("cartpole-swingup", energy, 209, 207),
    ("cartpole-swingup-sparse", constant(0), 0.0, 0.0),
    ("cartpole-swingup-sparse", UNIFORM, 0.26, 1.65),
    ("cartpole-swingup-sparse", energy, 191, 189),
    ("coinrun", constant(0), 14.1, 5.9),
    ("coinrun", constant(0.7), 33.0, 6.2),
    ("coinrun", UNIFORM, 28.1, 6.0),
    ("cowboy", constant(0), -458, 0.0),
    ("cowboy", constant(0.7), -429, 49),
    ("cowboy", UNIFORM, -28, 107),
    ("highway", constant(0, 0), 2.83, 2.39),
    ("highway", constant(0.7, 0.7), 0.63, 2.75),
    ("highway", UNIFORM, 0.51, 2.06),
    ("landing", constant(0, 0), -14.4, 75.1),
    ("landing", constant(0.7, 0.7), -86.3, 8.1),
    ("landing", UNIFORM, -20.8, 77.1),
    ("point-maze-var1", constant(0, 0), 107.2, 26.2),
    ("point-maze-var1", constant(0.7, 0.7), 90.2, 38.3),
    ("point-maze-var1", UNIFORM, 106.2, 30.2),
    ("point-maze-var2", constant(0, 0), 106.1, 28.5),
    ("point-maze-var2", constant(0.7, 0.7), 73.5, 45.6),
    ("point-maze-var2", UNIFORM, 106.4, 33.3),
    ("point-maze-var3", constant(0, 0), 109.5, 30.2),
    ("point-maze-var3", constant(0.7, 0.7), 99.5, 39.5),
    ("point-maze-var3", UNIFORM, 114.7, 32.3),
    ("point-maze-var4", constant(0, 0), 125.1, 24.1),
    ("point-maze-var4", constant(0.7, 0.7), 103.1, 35.8),
    ("point-maze-var4", UNIFORM, 127.4, 27.2),
    ("pong", constant(0), -3.8, 2.8),
    ("pong", UNIFORM, -4.3, 2.9),
    ("pong", lambda o, k: [(224 * (o[1] - o[4]) - 20) / 8.5], 0.38, 0.62),
    ("rocket-collect", constant(0, 0), -8.0, 7.0),
    ("rocket-collect", UNIFORM, -5.2, 6.2),
    (
        "rocket-collect",
        lambda o, k: (44.8 * o[6] - 4 * o[2], 44.8 * o[7] - 4 * o[3]),
        22.8,
        5.7,
    ),
    ("spaceship", constant(0, 0), -13.3, 14.6),
    ("spaceship", UNIFORM, -6.1, 12.2),
    ("spaceship", coin_pilot, 27.0, 14.6),
    ("reacher-easy", UNIFORM, 6.2, 17),
    ("reacher-easy", arm(0.11, 0.11), 187.5, 6),
    ("reacher-hard", UNIFORM, 3.0, 11),
    ("reacher-hard", arm(0.11, 0.11), 186.1, 6),
    ("reacher-var1", UNIFORM, 5.0, 14),
    ("reacher-var1", arm(0.14, 0.08), 187.2, 6),
    ("reacher-var2", UNIFORM, 3.4, 10),
    ("reacher-var2", arm(0.08, 0.14), 185.9, 6),
]


@pytest.mark.parametrize(
    ("task", "policy", "mean", "deviation"),
    STATISTICS,
    ids=[f"{row[0]}-{index}" for index, row in enumerate(STATISTICS)],
)
def test_policies_earn_what_they_earn_in_the_original(
    task: str, policy: Any, mean: float, deviation: float
) -> None:
    returns = []
    with made(f"pygame-{task}") as env:
        dim = env.task.action_dim
        for seed in range(40):
            obs, info = env.reset(seed=500 + seed)
            rng = np.random.default_rng(seed)
            for step in range(env.task.max_episode_steps):
                wanted = rng.uniform(-1, 1, dim) if policy == UNIFORM else policy(obs, step)
                obs, *_, info = env.step(np.clip(np.array(wanted, np.float32), -1, 1))
            returns.append(info["return"])
    error = max(deviation, float(np.std(returns))) * math.sqrt(1 / 40 + 1 / 200)
    assert np.mean(returns) == pytest.approx(mean, abs=4 * error + 0.01)


# Properties --------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    moves=st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=12),
)
@pytest.mark.parametrize("spec", GAMES, ids=lambda spec: spec.id)
def test_nothing_breaks_under_any_actions(
    spec: mmbench.TaskSpec, seed: int, moves: list[tuple[float, float]]
) -> None:
    env = mmbench.make(spec.id)
    env.reset(seed=seed)
    game: Game = env.simulator.game
    for step in range(120):
        action = np.array(moves[step % len(moves)][: spec.action_dim], np.float32)
        obs, reward, *_, info = env.step(action)
        assert np.isfinite(obs).all()
        assert math.isfinite(reward)
        assert 0.0 <= info["score"] <= 1.0
        for name, low, high in BOUNDS.get(game.name, ()):
            assert low <= getattr(game, name) <= high, name


BOUNDS = {
    "air_hockey": (("x", 20, 204), ("y", -4, 228)),
    "bird_attack": (("x", 20, 190), ("stun", 0, 16), ("reload", 0, 16)),
    "coconut_dodge": (("x", 21, 203), ("v", -5, 5)),
    "highway": (("x", 0, 196), ("y", 18, 188), ("flash", 0, 3)),
    "landing": (("x", -43, 224), ("y", 0, 206), ("ship_x", 35, 189)),
    "point_maze": (("x", 27, 197), ("y", 27, 197)),
    "pong": (("agent_y", 20, 164), ("opponent_y", 20, 164), ("x", 12, 212)),
    "rocket_collect": (("x", 15, 209), ("y", 15, 209)),
    "spaceship": (("x", 0, 196), ("y", 0, 206)),
}


@pytest.mark.parametrize("spec", GAMES, ids=lambda spec: spec.id)
def test_drawing_changes_nothing(spec: mmbench.TaskSpec) -> None:
    watched, plain = (mmbench.make(spec.id, render_mode="rgb_array") for _ in range(2))
    watched.reset(seed=1)
    plain.reset(seed=1)
    rng = np.random.default_rng(2)
    pictures = []
    for step in range(60):
        action = rng.uniform(-1, 1, spec.action_dim).astype(np.float32)
        first, second = watched.step(action), plain.step(action)
        np.testing.assert_array_equal(first[0], second[0])
        assert first[1:] == second[1:]
        if step % 10 == 0:
            image = watched.render()
            assert image is not None
            assert image.shape == (224, 224, 3)
            np.testing.assert_array_equal(image, watched.render())
            pictures.append(image)
    assert any(not np.array_equal(pictures[0], image) for image in pictures[1:])
