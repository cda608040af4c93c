"""The ANYmal C."""

from typing import Any

import numpy as np

from mmbench.agent import Expert
from mmbench.demos.scripted.walks.gait import Vector, wave, wrapped, yaw
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

_FRONT = np.array([1.0, 1.0, -1.0, -1.0])
_LEFT = np.array([1.0, -1.0, 1.0, -1.0])
_ARRIVED_M = 0.2


def anymal(env: TaskEnv, numbers: Vector, rate: float) -> Expert:
    """A trot to the goal; legs in the order left front, right front, left hind, right hind."""
    gain = 3 * np.exp(0.5 * numbers[1])
    thighs, shins = numbers[2:14].reshape(2, 2, 3)[:, [0, 0, 1, 1]]
    steering, splay, sidestep = 0.5 + numbers[14], 0.1 * numbers[15], 0.2 * numbers[16]
    trot = _FRONT * _LEFT

    def act(env: TaskEnv) -> FloatArray:
        simulator: Any = env.simulator
        obs = env.last_state.astype(np.float64)
        dx, dy = obs[33:35]
        aside = wrapped(np.arctan2(dy, dx) - yaw(simulator.goal.base.q))
        is_there = np.hypot(dx, dy) < _ARRIVED_M
        stride = 0.0 if is_there else 1 - np.clip(steering * aside, -1, 1) * _LEFT
        lift = 0.0 if is_there else 1.0
        phase = env.env_steps * rate
        hips = 0.03 * _LEFT + splay * _LEFT + sidestep * np.clip(aside, -1, 1)
        thigh = _FRONT * (0.4 + 0.2 * thighs[:, 0])
        thigh = thigh + 0.3 * stride * trot * wave(thighs[:, 1:], phase)
        shin = 0.8 + 0.2 * shins[:, 0] + 0.3 * lift * trot * wave(shins[:, 1:], phase)
        rest = np.concatenate([hips, thigh, -_FRONT * shin])
        return np.clip(gain * (rest - obs[:12]), -1, 1).astype(np.float32)

    return act
