"""Rewards of the Box2D games as MMBench changes them, of a simulator step.

A potential's gain is what it is after the step, less what it was before.

Source:
    arXiv:2511.19584, on Gymnasium's `bipedal_walker` and `lunar_lander`.
"""

import math
from collections.abc import Sequence

FORWARD_SHAPING = 130 / 15  # Gymnasium's 130 / 30, in the original's scale of pictures


def walker_potential(x: float, hull_angle: float) -> float:
    """Far to the right with a level hull is good."""
    return FORWARD_SHAPING * x - 5.0 * abs(hull_angle)


def walker(gain: float, action: Sequence[float], is_lost: bool) -> float:
    """Pay for the potential's gain less effort; 1 is charged once the hull has touched ground."""
    hip1, knee1, hip2, knee2 = map(abs, action)
    effort = 0.028 * (hip1 + knee1 + hip2 + knee2)  # `sum` rounds otherwise from Python 3.12 on
    reward = -100.0 if is_lost else gain - effort
    return min(10.0, max(-1.0, reward))


def landing_potential(s: Sequence[float]) -> float:
    """Near the pad, slow, level and on both legs is good; `s` is the observation."""
    return (
        -100 * math.hypot(s[0], s[1])
        - 100 * math.hypot(s[2], s[3])
        - 100 * abs(s[4])
        + 10 * s[6]
        + 10 * s[7]
    )


def landing(gain: float, main: float, side: float, *, is_lost: bool, is_asleep: bool) -> float:
    """Pay for the potential's gain less fuel; rest is good, and a crash or leaving bad.

    Args:
        gain: Of `landing_potential`.
        main: Power of the main engine, in [0, 1].
        side: Power of the side engine, in [0, 1].
        is_lost: Whether the hull has touched ground or the lander is out of bounds.
        is_asleep: Whether nothing moves any more, crashed or not.
    """
    reward = gain - 0.30 * main - 0.03 * side
    if is_lost:
        reward = -100.0
    if is_asleep:
        reward = 100.0
    return min(10.0, max(-5.0, reward)) / 20


def nearness(distance: float, main: float, side: float) -> float:
    """Pay for being near the goal, less fuel."""
    return min(1.0, max(0.0, 1 - distance / 6 - 0.03 * main - 0.003 * side))
