"""What a gait is, and what gaits share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.agent import Expert
from mmbench.env import TaskEnv

Vector = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Gait:
    """How the robot of a task walks.

    Attributes:
        build: Called with the environment, the numbers, and by how much the phase grows in an env
            step, rad.
        num_numbers: How many numbers it takes; the first is for the frequency.
        frequency_hz: About how fast the oscillators turn; 0 without oscillators.
        step_s: Length of an env step.
        spread: How much the first number changes the frequency.
        objective: What the search adds up: a name in `mmbench.demos.objectives`.
    """

    build: Callable[[TaskEnv, Vector, float], Expert]
    num_numbers: int
    frequency_hz: float = 0.0
    step_s: float = 0.0
    spread: float = 0.5
    objective: str = "reward"

    def phase_step(self, numbers: Vector) -> float:
        """Return by how much the phase grows in an env step, rad."""
        frequency = self.frequency_hz * np.exp(self.spread * numbers[0])
        return float(2 * np.pi * frequency * self.step_s)

    def expert(self, env: TaskEnv, numbers: Vector) -> Expert:
        """Return who walks so; the phase is 0 when the episode begins."""
        return self.build(env, numbers, self.phase_step(numbers))


def wave(numbers: Vector, phase: float) -> Any:
    """Return a cosine and a sine with amplitudes in the last axis of `numbers`."""
    return numbers[..., 0] * np.cos(phase) + numbers[..., 1] * np.sin(phase)


def wrapped(angle: float) -> float:
    """Return the angle in [-pi, pi]."""
    return float(np.arctan2(np.sin(angle), np.cos(angle)))


def yaw(quaternion: Any) -> float:
    """Return where a body heads, rad, from its quaternion (w, x, y, z)."""
    w, x, y, z = (float(entry) for entry in quaternion)
    return float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))
