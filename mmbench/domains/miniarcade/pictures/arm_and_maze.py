"""Pictures of the point maze and the reacher."""

import math

from mmbench.domains.miniarcade.games import point_maze
from mmbench.domains.miniarcade.games.point_maze import PointMaze
from mmbench.domains.miniarcade.games.reacher import Reacher
from mmbench.domains.miniarcade.pictures.canvas import ORANGE, SIZE, Canvas, Point

_LIGHT = (180, 180, 190)
_REACH_PIXELS = 82.8


def paint_point_maze(canvas: Canvas, game: PointMaze) -> None:
    """Grey walls, a green lamp, an orange disc, and blue where the wind blows."""
    canvas.rect((6, 8, 10), 0, 0, SIZE, SIZE)
    canvas.rect((20, 24, 34), 20, 20, 184, 184)
    row, column = game.wind_cell
    left, top, cell = point_maze.EDGES[column], point_maze.EDGES[row], point_maze.CELL
    canvas.tint((60, 120, 220), 90, (left, top, cell, cell))
    wx, wy = point_maze.WIND[game.wind_direction]
    ux, uy = wx / 2, wy / 2
    for k in range(2):
        along = (1.2 * game.num_steps + 16 * k) % 32 - 16
        for across in (-9, 9):
            x = left + cell / 2 + ux * along + uy * across
            y = top + cell / 2 + uy * along + ux * across
            base = [(x - 3 * ux + 4 * s * uy, y - 3 * uy + 4 * s * ux) for s in (-1, 1)]
            canvas.polygon((170, 220, 240), [*base, (x + 3 * ux, y + 3 * uy)])
    goal_x, goal_y = game.goal
    pulse = 0.75 + 0.25 * math.sin(2 * math.pi * game.num_steps / 40)
    canvas.glow((80, 220, 120), goal_x, goal_y, 38, 110 * pulse)
    canvas.disc((80, 220, 120), goal_x, goal_y, point_maze.RADIUS)
    for age, (x, y) in enumerate(reversed(game.trail)):
        shade = max(0.0, 0.5 - age / 48)
        canvas.disc((int(20 + 200 * shade), int(24 + 90 * shade), 30), x, y, 3)
    for top, left in game.wall_corners:
        canvas.rect(_LIGHT, left, top, cell, cell, rounding=4)
        canvas.rect((120, 120, 130), left, top, cell, cell, outline=1, rounding=4)
    canvas.rect(_LIGHT, 20, 20, 184, 184, outline=2)
    canvas.disc((255, 180, 80), game.x, game.y, point_maze.RADIUS)
    canvas.disc((255, 120, 0), game.x, game.y, point_maze.RADIUS, rim=2)


def paint_reacher(canvas: Canvas, game: Reacher) -> None:
    """A neon panel with a two-link arm and a red disc."""
    canvas.gradient((118, 128, 162), (138, 92, 148), 0, SIZE)
    canvas.tint((120, 160, 160), 90, (0, 0, 110, 110))
    canvas.tint((160, 90, 130), 90, (114, 114, 110, 110))
    canvas.tint((0, 0, 0), 30, (20, 20, 184, 184))
    canvas.rect((60, 220, 255), 20, 20, 184, 184, outline=2, rounding=8)
    canvas.rect((255, 70, 200), 25, 25, 174, 174, outline=1, rounding=6)
    scale = _REACH_PIXELS / sum(game.links)

    def pixel(point: Point) -> Point:
        return 112 + scale * point[0], 112 - scale * point[1]

    target = pixel(game.target)
    radius = int(scale * game.target_radius)
    canvas.disc((210, 70, 60), *target, radius)
    canvas.disc((240, 110, 95), *target, radius, rim=3)
    base, elbow, tip = (pixel(p) for p in ((0.0, 0.0), game.elbow, game.fingertip))
    canvas.line((180, 180, 180), base, elbow, 6)
    canvas.line(ORANGE, elbow, tip, 6)
    canvas.disc((160, 160, 160), *base, 4)
    canvas.disc((255, 200, 120), *elbow, 4)
    canvas.disc((230, 230, 230), *tip, 3)
