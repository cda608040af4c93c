"""Pictures of the games: functions of a game's state and its decoration seed.

Drawing never touches the game or its generator, so an episode is the same whether or not anybody
looks.
"""

from collections.abc import Callable
from typing import Any

from mmbench.domains.miniarcade.games.game import Game
from mmbench.domains.miniarcade.pictures import (
    arena_games,
    arm_and_maze,
    cartpole,
    ground_games,
    runner_games,
    space_games,
)
from mmbench.domains.miniarcade.pictures.canvas import Canvas
from mmbench.simulator import Image

__all__ = ["draw"]

_PAINTERS: dict[str, Callable[[Canvas, Any], None]] = {
    "air_hockey": arena_games.paint_air_hockey,
    "bird_attack": arena_games.paint_bird_attack,
    "cartpole": cartpole.paint,
    "chase_evade": arena_games.paint_chase_evade,
    "coconut_dodge": ground_games.paint_coconut_dodge,
    "coinrun": runner_games.paint_coinrun,
    "cowboy": runner_games.paint_cowboy,
    "highway": ground_games.paint_highway,
    "landing": ground_games.paint_landing,
    "point_maze": arm_and_maze.paint_point_maze,
    "pong": arena_games.paint_pong,
    "reacher": arm_and_maze.paint_reacher,
    "rocket_collect": space_games.paint_rocket_collect,
    "spaceship": space_games.paint_spaceship,
}


def draw(game: Game, height: int, width: int) -> Image:
    """Draw a game, uint8, shape `(height, width, 3)`."""
    canvas = Canvas(height, width)
    _PAINTERS[game.name](canvas, game)
    return canvas.image()
