"""Box2D's bipedal walker: a cycle of strides, without a clock."""

from typing import NamedTuple

import numpy as np

from mmbench.agent import Expert
from mmbench.demos.scripted.walks.gait import Vector
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray


class _Stride(NamedTuple):
    """Angles, rad; speeds and gains in the units of the observation."""

    lifted_hip: float
    lifted_knee: float
    straight_knee: float
    landing_hip: float
    pushing_knee: float
    passing_hip: float
    speed: float
    hip_stiffness: float
    hip_damping: float
    knee_stiffness: float
    knee_damping: float
    balance: float
    balance_damping: float
    bounce_damping: float
    pushed_knee: float
    straightening: float


_MIDDLE = _Stride(
    lifted_hip=1.1,
    lifted_knee=-0.6,
    straight_knee=0.1,
    landing_hip=0.1,
    pushing_knee=1.0,
    passing_hip=0.1,
    speed=0.22,
    hip_stiffness=0.45,
    hip_damping=0.125,
    knee_stiffness=2.0,
    knee_damping=0.125,
    balance=0.45,
    balance_damping=0.75,
    bounce_damping=6.7,
    pushed_knee=0.88,
    straightening=0.03,
)
_WIDTH = _Stride(
    lifted_hip=0.3,
    lifted_knee=0.3,
    straight_knee=0.15,
    landing_hip=0.2,
    pushing_knee=0.3,
    passing_hip=0.2,
    speed=0.08,
    hip_stiffness=0.2,
    hip_damping=0.1,
    knee_stiffness=0.7,
    knee_damping=0.1,
    balance=0.3,
    balance_damping=0.4,
    bounce_damping=3.0,
    pushed_knee=0.2,
    straightening=0.03,
)


def biped(env: TaskEnv, numbers: Vector, rate: float) -> Expert:
    """Swing one leg ahead, put it down, push off with the other, change legs.

    Source:
        The phases, and where the search began, follow Gymnasium's `BipedalWalkerHeuristics`.
    """
    walk = _BipedWalk(_Stride(*(np.array(_MIDDLE) + np.array(_WIDTH) * numbers)))
    return lambda env: walk(env.last_state.astype(np.float64))


class _BipedWalk:
    def __init__(self, stride: _Stride) -> None:
        self._stride = stride
        self._phase = "swing"
        self._swing = 0
        self._knee = stride.straight_knee

    def __call__(self, obs: Vector) -> FloatArray:
        s = self._stride
        hip, hip_velocity, knee, knee_velocity, contact = obs[4:14].reshape(2, 5).T
        swing, stance = self._swing, 1 - self._swing
        hip_target, knee_target = np.full(2, np.nan), np.full(2, np.nan)  # nan: left alone
        if self._phase == "swing":
            hip_target[swing], knee_target[swing] = s.lifted_hip, s.lifted_knee
            faster = 2 if obs[2] > s.speed else 1
            self._knee = min(self._knee + faster * s.straightening, s.straight_knee)
            knee_target[stance] = self._knee
            if hip[stance] < s.passing_hip:
                self._phase = "landing"
        if self._phase == "landing":
            hip_target[swing], knee_target[swing] = s.landing_hip, s.straight_knee
            knee_target[stance] = self._knee
            if contact[swing]:
                self._phase, self._knee = "push", min(knee[swing], s.straight_knee)
        if self._phase == "push":
            knee_target[:] = self._knee
            knee_target[stance] = s.pushing_knee
            if knee[stance] > s.pushed_knee or obs[2] > 1.2 * s.speed:
                self._phase, self._swing = "swing", stance
        hips = s.hip_stiffness * (hip_target - hip) - s.hip_damping * hip_velocity
        knees = s.knee_stiffness * (knee_target - knee) - s.knee_damping * knee_velocity
        action = np.nan_to_num(np.stack([hips, knees], axis=1))
        action[:, 0] += s.balance * obs[0] + s.balance_damping * obs[1]
        action[:, 1] -= s.bounce_damping * obs[3]
        return np.clip(action.ravel(), -1, 1).astype(np.float32)
