"""The lander that comes down: tilts toward the pad, and brakes as late as its engine allows."""

import math
from typing import Any

import numpy as np

from mmbench.agent import Expert
from mmbench.domains.box2d.lunar_lander import CENTRE_X, LEG_CLEARANCE, PAD_HEIGHT
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

_TILT = (0.05, 0.5)
"""Tilt per metre beside the pad's middle, and per m/s to the side; rad."""
_MAX_TILT = 0.55
_TURN = (6.5, 2.4)
"""Side engine per rad that the tilt is wrong, and per rad/s."""
_SINK = (0.37, 2.7)
"""Speed at which to touch down, m/s, and how much faster to sink per root of a metre above."""
_BRAKE = 1.6
"""Main engine per m/s that it sinks too fast."""


def build(env: TaskEnv) -> Expert:
    """Return the pilot, who is a function of the state."""
    game: Any = env.simulator.game  # type: ignore[attr-defined]  # Box2D's
    hull, legs = game.lander, game.legs

    def act(env: TaskEnv) -> FloatArray:
        if all(leg.ground_contact for leg in legs):
            return np.zeros(2, np.float32)  # engines would wake it
        (x, y), (vx, vy) = hull.position, hull.linearVelocity
        height = max(0.0, y - PAD_HEIGHT - LEG_CLEARANCE)
        tilt = np.clip(np.dot(_TILT, (x - CENTRE_X, vx)), -_MAX_TILT, _MAX_TILT)
        side = np.dot(_TURN, (hull.angle - tilt, hull.angularVelocity))
        sink = np.dot(_SINK, (1.0, math.sqrt(height)))
        return np.clip([_BRAKE * (-sink - vy), side], -1, 1).astype(np.float32)

    return act
