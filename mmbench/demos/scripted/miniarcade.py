"""Players of MiniArcade's games: mazes, paddle, spaceship, mallet, gun and rocket.

CMA-ES has found most of the numbers that have no name.
"""

from typing import Any

import numpy as np

from mmbench.agent import Expert
from mmbench.demos.scripted.mazes import Cell, distances_to, next_cell
from mmbench.domains.miniarcade.games import air_hockey, bird_attack, spaceship
from mmbench.domains.miniarcade.games.point_maze import WIND
from mmbench.domains.miniarcade.games.pong import PADDLE_HEIGHT
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

_GRID_PX = 4
_SPEED_PX = 5.0
_PADDLE_SPEED_PX = 8.5
_LIMITS_PX = (27, 197)


def build(env: TaskEnv) -> Expert:
    """Return the player of the environment's game."""
    game: Any = env.simulator.game  # type: ignore[attr-defined]  # MiniArcade's
    return _PLAYERS[game.name](game)


def _point_maze(game: Any) -> Expert:
    """Walk down the distances to the goal, against the wind."""

    def is_free(cell: Cell) -> bool:
        low, high = _LIMITS_PX
        x, y = cell[0] * _GRID_PX, cell[1] * _GRID_PX
        return low <= x <= high and low <= y <= high and not game.hits(x, y)

    distances = distances_to(_cell(*game.goal), is_free)

    def act(env: TaskEnv) -> FloatArray:
        here = _cell(game.x, game.y)
        ahead = here
        for _ in range(2):
            ahead = next_cell(ahead, distances)
        target = game.goal if ahead == _cell(*game.goal) else np.array(ahead) * _GRID_PX
        wind = WIND[game.wind_direction] if game._is_in_wind() else (0.0, 0.0)
        shift = np.array(target) - (game.x, game.y) - wind
        return np.clip(shift / _SPEED_PX, -1, 1).astype(np.float32)

    return act


def _pong(game: Any) -> Expert:
    """Keep the paddle's middle at the height of the ball, which is never faster."""

    def act(env: TaskEnv) -> FloatArray:
        offset = game.y + game.vy - (game.agent_y + PADDLE_HEIGHT / 2)
        return np.clip([offset / _PADDLE_SPEED_PX], -1, 1).astype(np.float32)

    return act


def _spaceship(game: Any) -> Expert:
    """Fly where the next coin is in reach, and above or below an asteroid that comes near."""
    middle = spaceship.HEIGHT / 2
    clearance = middle + spaceship.ASTEROID_RADIUS + 9.5

    def act(env: TaskEnv) -> FloatArray:
        height = game.y + middle
        coming = [(x, y) for x, y, is_taken in game.coins if not is_taken and x > game.x - 4.5]
        target = height
        if coming:
            coin = min(coming)[1]
            target = min(max(height, coin - 4.4), coin + 4.4)
        if game.asteroid is not None and -50 < game.asteroid[0] - game.x < 228:
            rock = game.asteroid[1]
            if abs(target - rock) < clearance:
                target = rock + _side(height, rock, clearance, (20, 204)) * clearance
        ahead = 0.053 * (21.4 - game.x) - 0.26 * game.vx
        down = 0.3 * (target - height) - 1.3 * game.vy
        return np.clip([ahead, down], -1, 1).astype(np.float32)

    return act


def _air_hockey(game: Any) -> Expert:
    """Get behind the puck, and drive it to the other goal."""
    goal = np.array([air_hockey.CENTRE, air_hockey.TOP_GOAL])
    wall = air_hockey.LEFT + air_hockey.PUCK_RADIUS, air_hockey.RIGHT - air_hockey.PUCK_RADIUS

    def act(env: TaskEnv) -> FloatArray:
        mallet, puck = np.array(game.agent[:2]), np.array([game.x, game.y])
        steps = min(11.0, float(np.linalg.norm(puck - mallet)) / 37)
        puck = puck + steps * np.array([game.vx, game.vy])
        puck[0] = puck[0] + 2 * (max(0.0, wall[0] - puck[0]) - max(0.0, puck[0] - wall[1]))
        way = (goal - puck) / np.linalg.norm(goal - puck)
        is_behind = (puck - mallet) @ way > 0.15 * np.linalg.norm(puck - mallet)
        if puck[1] < 34:
            target = np.array([air_hockey.CENTRE + 0.37 * (game.x - air_hockey.CENTRE), 145.0])
        elif is_behind:
            target = puck + 7 * way
        else:
            round_it = 23 * np.sign(mallet[0] - puck[0]) * (mallet[1] < puck[1] + 5)
            target = puck - 18 * way + (round_it, 0)
        return np.clip((target - mallet) / 7.5, -1, 1).astype(np.float32)

    return act


def _bird_attack(game: Any) -> Expert:
    """Fire from below the nearest bird, and step aside for what falls."""

    def act(env: TaskEnv) -> FloatArray:
        middle = game.x + bird_attack.GUN_WIDTH / 2
        xs = [bird[0] + bird_attack.BIRD_WIDTH / 2 for bird in game.birds]
        target = min(xs, key=lambda x: abs(x - middle)) if xs else middle
        falling = [(x, y, 7.3, 7.0) for x, y in game.bird_shots]
        if game.ball is not None:
            x, y, vx, _ = game.ball
            falling.append((x + 0.2 * vx, y, 32.0, 5.0))
        for x, y, reach, speed in falling:
            if -1 <= (bird_attack.GUN_Y - y) / speed < 7 and abs(x - target) < reach:
                limits = bird_attack.LOW + 8, bird_attack.HIGH - 8
                target = x + _side(middle, x, reach, limits) * reach
        return np.clip([(target - middle) / 6, 1.0], -1, 1).astype(np.float32)

    return act


def _side(here: float, danger: float, gap: float, limits: tuple[float, float]) -> float:
    """Return on which side of a danger to pass: the nearer one, if there is room."""
    side = 1.0 if here > danger else -1.0
    return side if limits[0] < danger + side * gap < limits[1] else -side


def _rocket_collect(game: Any) -> Expert:
    """Fly to the coin, pushed away by asteroids that are near."""

    def act(env: TaskEnv) -> FloatArray:
        here, velocity = np.array([game.x, game.y]), np.array([game.vx, game.vy])
        wanted = 0.25 * (np.array([game.coin_x, game.coin_y]) - here)
        wanted *= min(1.0, 4.0 / (np.linalg.norm(wanted) + 1e-6))
        for x, y, vx, vy, *_ in game.asteroids:
            away = here - (np.array([x, y]) + 6 * np.array([vx, vy]))
            gap = np.linalg.norm(away)
            wanted += 4.0 * away / gap * np.clip((60 - gap) / 25, 0, 1.5)
        return np.clip((wanted - velocity) / 0.75, -1, 1).astype(np.float32)

    return act


_PLAYERS = {
    "point_maze": _point_maze,
    "pong": _pong,
    "spaceship": _spaceship,
    "air_hockey": _air_hockey,
    "bird_attack": _bird_attack,
    "rocket_collect": _rocket_collect,
}


def _cell(x: float, y: float) -> Cell:
    return round(x / _GRID_PX), round(y / _GRID_PX)
