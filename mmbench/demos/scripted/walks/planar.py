"""Robots in a plane."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmbench.agent import Expert
from mmbench.demos.scripted.walks.gait import Gait, Vector, wave
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray


@dataclass(frozen=True)
class PlanarRobot:
    """Joints in the order of the actions; the second half of a walker's is its other leg."""

    num_joints: int
    has_two_legs: bool
    frequency_hz: float
    step_s: float
    objective: str = "reward"

    @property
    def gait(self) -> Gait:
        """How it walks."""
        num_free = self.num_joints // 2 if self.has_two_legs else self.num_joints
        return Gait(
            build=lambda env, numbers, rate: _planar(self, numbers, rate),
            num_numbers=1 + 9 * num_free,
            frequency_hz=self.frequency_hz,
            step_s=self.step_s,
            spread=0.4,
            objective=self.objective,
        )


def _planar(robot: PlanarRobot, numbers: Vector, rate: float) -> Expert:
    """Spring-loaded joints whose rest angles oscillate and answer to how the body moves."""
    joints = numbers[1:].reshape(-1, 9)
    sides = (1.0, -1.0) if robot.has_two_legs else (1.0,)
    stiffness = 2 * np.exp(0.7 * joints[:, 5])
    damping = 0.05 * np.exp(0.7 * joints[:, 6])

    def act(env: TaskEnv) -> FloatArray:
        qpos, qvel = _planar_state(env)
        angle, velocity = qpos[3:], qvel[3:]
        lean = 0.3 * joints[:, 0] + 0.4 * joints[:, 3] * qpos[2]
        lean = lean + 0.1 * joints[:, [7, 8, 4]] @ qvel[:3]
        swing = 0.4 * wave(joints[:, 1:3], env.env_steps * rate)
        rest = np.concatenate([lean + side * swing for side in sides])
        force = np.tile(stiffness, len(sides)) * (rest - angle)
        force -= np.tile(damping, len(sides)) * velocity
        return np.clip(force, -1, 1).astype(np.float32)

    return act


def _planar_state(env: TaskEnv) -> tuple[Vector, Vector]:
    """Return qpos and qvel: two coordinates of the body, its pitch, the joints."""
    simulator: Any = env.simulator
    data = simulator.physics.data if hasattr(simulator, "physics") else simulator.env.data
    return data.qpos, data.qvel
