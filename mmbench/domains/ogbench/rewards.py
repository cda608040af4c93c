"""Rewards of OGBench's tasks as MMBench defines them, of an env step. Lengths in metres.

Source:
    arXiv:2511.19584.
"""

import numpy as np
from numpy.typing import NDArray

from mmbench.arithmetic import dot, length

Vector = NDArray[np.float64]

MAZE_SCALE = 20.0
"""What a maze's observation, and the cost in its reward, are divided by."""


def maze(offset: Vector, distance: float, haste: float, is_success: bool) -> float:
    """1 at the goal, less the distance to it.

    Args:
        offset: From the goal, x and y.
        distance: Its length.
        haste: `point_haste` or `ant_haste`.
        is_success: Whether the goal is reached.
    """
    cost = 0.5 * float(np.abs(offset).sum()) + 0.5 * distance + haste
    return float(is_success) - cost / MAZE_SCALE


def point_haste(displacement: Vector) -> float:
    """Charge the point for the way of its last simulator step."""
    return 0.025 * length(displacement)


def ant_haste(velocities: Vector) -> float:
    """Charge the ant for all its velocities."""
    return 0.001 * length(velocities)


def along(displacement: Vector, direction: Vector) -> float:
    """Pay for the way along the wanted direction."""
    return dot(displacement, direction)


def ant_ball(before: tuple[float, float], after: tuple[float, float]) -> float:
    """Pay for approaching the ball, and 2.5 times for bringing it nearer to the goal.

    Args:
        before: Distances of ant and ball, and of ball and goal, before the step.
        after: The same after it.
    """
    return 10 * (2.5 * (before[1] - after[1]) + (before[0] - after[0]))
