"""Players for MiniArcade's mazes and its paddle."""

from typing import Any

import numpy as np

from mmbench.agent import Expert
from mmbench.demos.scripted.mazes import Cell, distances_to, next_cell
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


_PLAYERS = {"point_maze": _point_maze, "pong": _pong}


def _cell(x: float, y: float) -> Cell:
    return round(x / _GRID_PX), round(y / _GRID_PX)
