"""Steering OGBench's point from cell to cell of its maze."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.agent import Expert
from mmbench.demos.scripted.mazes import Cell, distances_to, next_cell
from mmbench.domains.ogbench.mazes import MAPS, OFFSET, UNIT, centre
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

_REACH_M = 0.8  # that the point moves in an env step


def build(env: TaskEnv) -> Expert:
    """Return the pilot of a point maze."""
    maze: Any = env.simulator.task  # type: ignore[attr-defined]  # OGBench's
    route = Route(env.task.params["maze"], maze.goal)

    def act(env: TaskEnv) -> FloatArray:
        offset = route.waypoint(maze.xy) - maze.xy
        return np.clip(offset / _REACH_M, -1, 1).astype(np.float32)

    return act


class Route:
    """The shortest way to a goal through the cells of a maze."""

    def __init__(self, maze: str, goal: NDArray[np.float64]) -> None:
        walls = MAPS[maze]

        def is_free(cell: Cell) -> bool:
            row, column = cell
            return 0 <= row < len(walls) and 0 <= column < len(walls) and walls[row][column] == "0"

        self._goal = goal
        self._distances = distances_to(_cell(goal), is_free)

    def waypoint(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the point to move to in a straight line."""
        here = _cell(xy)
        cell = next_cell(here, self._distances)
        return self._goal if cell == here else np.array(centre(cell))

    def distance(self, xy: NDArray[np.float64]) -> float:
        """Return the length of the way from `xy` to the goal."""
        here = _cell(xy)
        waypoint = self.waypoint(xy)
        cell = next_cell(here, self._distances)
        rest = UNIT * self._distances.get(cell, 0)
        return float(np.linalg.norm(waypoint - xy)) + rest


def _cell(xy: NDArray[np.float64]) -> Cell:
    column, row = np.rint((xy + OFFSET) / UNIT).astype(int)
    return int(row), int(column)
