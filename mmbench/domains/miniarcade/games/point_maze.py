"""A disc in a maze with wind."""

import math
from collections.abc import Sequence

from mmbench.domains.miniarcade.games.game import SCREEN, Game, clip, distance, integer, uniform

EDGES = (20, 57, 94, 130, 167)
CELL = 37
LOW, SIDE = 20.0, 184.0
RADIUS = 6
WIND = ((0.0, -2.0), (2.0, 0.0), (0.0, 2.0), (-2.0, 0.0))  # up, right, down, left
_LIMITS = (27.0, 197.0)
_SPEED = 5.0
_GOAL_DISTANCE = (36.8, 128.8)
_TOUCH = 12.0
_MAX_TRIES = 4000


class PointMaze(Game):
    """Near the goal is good; touching it on the last step is success."""

    name = "point_maze"

    def __init__(self, walls: Sequence[str]) -> None:
        self.walls = tuple(tuple(cell == "1" for cell in row) for row in walls)
        self.wall_corners = [
            (EDGES[i], EDGES[j]) for i in range(5) for j in range(5) if self.walls[i][j]
        ]

    def reset(self) -> None:
        rng = self.rng
        free = [(i, j) for i in range(5) for j in range(5) if not self.walls[i][j]]
        self.wind_cell = free[integer(rng, 0, len(free) - 1)]
        self.wind_direction = integer(rng, 0, 3)
        self.x, self.y = self._free_place(None)
        self.goal = self._free_place((self.x, self.y))
        self.vx = self.vy = 0.0
        self.trail: list[tuple[float, float]] = []
        pattern = [float(cell) for row in self.walls for cell in row]
        pattern[5 * self.wind_cell[0] + self.wind_cell[1]] = -1.0
        self._pattern = pattern + [float(self.wind_direction == k) for k in range(4)]

    def step(self, action: list[float]) -> float:
        self.trail = [*self.trail[-23:], (self.x, self.y)]
        self.vx, self.vy = _SPEED * action[0], _SPEED * action[1]
        if self._is_in_wind():
            wx, wy = WIND[self.wind_direction]
            self.vx += wx
            self.vy += wy
        x = clip(self.x + self.vx, *_LIMITS)
        if not self.hits(x, self.y):
            self.x = x
        y = clip(self.y + self.vy, *_LIMITS)
        if not self.hits(self.x, y):
            self.y = y
        return 1 - clip(self._goal_distance() / SIDE, 0, 1)

    def observe(self) -> list[float]:
        goal_x, goal_y = self.goal
        dx, dy = (goal_x - self.x) / SIDE, (goal_y - self.y) / SIDE
        is_in_wind = self._is_in_wind()
        wx, wy = WIND[self.wind_direction] if is_in_wind else (0.0, 0.0)
        return [
            self.x / SCREEN,
            self.y / SCREEN,
            goal_x / SCREEN,
            goal_y / SCREEN,
            self.vx / _SPEED,
            self.vy / _SPEED,
            *self._pattern,
            dx,
            dy,
            distance(dx, dy),
            float(self.is_success()),
            float(is_in_wind),
            wx / _SPEED,
            wy / _SPEED,
            clip(math.floor(5 * (self.y - LOW) / SIDE), 0, 4) / 4,
            clip(math.floor(5 * (self.x - LOW) / SIDE), 0, 4) / 4,
        ]

    def is_success(self) -> bool:
        return self._goal_distance() <= _TOUCH

    def hits(self, x: float, y: float) -> bool:
        """Whether a disc centred there would touch a wall."""
        ix, iy = int(x), int(y)
        return any(
            left - RADIUS <= ix < left + CELL + RADIUS and top - RADIUS <= iy < top + CELL + RADIUS
            for top, left in self.wall_corners
        )

    def _goal_distance(self) -> float:
        return distance(self.x - self.goal[0], self.y - self.goal[1])

    def _is_in_wind(self) -> bool:
        row, column = self.wind_cell
        top, left = EDGES[row], EDGES[column]
        return left <= int(self.x) < left + CELL and top <= int(self.y) < top + CELL

    def _free_place(self, start: tuple[float, float] | None) -> tuple[float, float]:
        """Draw a place off the walls and, for a goal, at a fair distance from the start."""
        nearest, farthest = _GOAL_DISTANCE
        for _ in range(_MAX_TRIES):
            x, y = uniform(self.rng, 28, 196), uniform(self.rng, 28, 196)
            if self.hits(x, y):
                continue
            if start is None or nearest <= distance(x - start[0], y - start[1]) <= farthest:
                return x, y
        return 112.0, 112.0
