"""DeepMind Control's quadruped."""

import numpy as np

from mmbench.agent import Expert
from mmbench.demos.scripted.walks.gait import Vector, wave
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray


def quadruped(env: TaskEnv, numbers: Vector, rate: float) -> Expert:
    """A trot: each leg half a cycle behind the one beside it.

    Actions are yaw, lift and extension of the legs: front left, front right, back right, back left.
    """
    legs = numbers[1:].reshape(2, 3, 3) * np.array([0.6, 0.8, 0.8])
    mirror = np.array([-1.0, 1.0, 1.0])

    def act(env: TaskEnv) -> FloatArray:
        rest, swing = legs[..., 0], wave(legs[..., 1:], env.env_steps * rate)
        (front_left, back_left), (front_right, back_right) = rest + swing, mirror * (rest - swing)
        action = np.concatenate([front_left, front_right, back_right, back_left])
        return np.clip(action, -1, 1).astype(np.float32)

    return act
