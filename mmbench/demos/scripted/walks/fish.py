"""DeepMind Control's fish."""

from typing import Any

import numpy as np

from mmbench.agent import Expert
from mmbench.demos.scripted.walks.gait import Vector, wave
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

_NEAR_M = 0.1


def fish(env: TaskEnv, numbers: Vector, rate: float) -> Expert:
    """Beating tail and fins, bent toward the target, and calmer the nearer it is."""
    physics: Any = env.simulator.physics  # type: ignore[attr-defined]  # DeepMind Control's
    fins = numbers[1:31].reshape(5, 6)

    def act(env: TaskEnv) -> FloatArray:
        way = physics.mouth_to_target()
        distance = float(np.linalg.norm(way))
        far = min(1.0, distance / _NEAR_M)
        beat = (far + (1 - far) * numbers[31]) * wave(fins[:, 1:3], env.env_steps * rate)
        action = 0.3 * fins[:, 0] + 0.5 * beat + fins[:, 3:] @ (way / max(distance, _NEAR_M))
        return np.clip(action, -1, 1).astype(np.float32)

    return act
