"""Shaping terms of the extended DeepMind Control tasks, in closed form.

Each equals `dm_control.utils.rewards.tolerance` with the parameters its docstring names.
"""


def above(x: float, bound: float, margin: float) -> float:
    """1 from `bound` upward, a Gaussian below that is 0.1 at `bound - margin`."""
    return 1.0 if x >= bound else float(0.1 ** (((bound - x) / margin) ** 2))


def below(x: float, bound: float, margin: float) -> float:
    """1 up to `bound`, a Gaussian above that is 0.1 at `bound + margin`."""
    return above(-x, -bound, margin)


def toward(x: float, goal: float) -> float:
    """Rises in a straight line from 0 at 0 to 1 at `goal` (linear sigmoid)."""
    return min(1.0, max(0.0, x / goal))


def slower(speed: float, limit: float) -> float:
    """1 up to `limit` in either direction, falls in a straight line to 0 at twice `limit`."""
    return min(1.0, max(0.0, 1.0 - (abs(speed) - limit) / limit))


def within(x: float, low: float, high: float) -> float:
    """1 inside the closed interval, else 0."""
    return 1.0 if low <= x <= high else 0.0
