"""Rewards of the extended DeepMind Control tasks: of a control step, from the physics after it.

First the shaping terms in closed form; each equals `dm_control.utils.rewards.tolerance` with the
parameters its docstring names.

Source:
    arXiv:2511.19584, whose tasks these are. Heights in metres, speeds in m/s.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mmbench.arithmetic import length

Physics = Any
Reward = Callable[[Physics], float]

_FOOT_HEIGHT_M = 1.1


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


def _height(physics: Physics, body: str) -> float:
    return float(physics.data.xpos[physics.model.name2id(body, "body"), 2])


def _mean_height(physics: Physics, left: str, right: str) -> float:
    return (_height(physics, left) + _height(physics, right)) / 2


def inverted(physics: Physics) -> float:
    """1 for a torso upside down, 0 for an upright one."""
    return float((1 - physics.torso_upright()) / 2)


def stand(physics: Physics) -> float:
    """High and upright: three parts height, one part tilt."""
    standing = above(physics.torso_height(), 1.2, 0.6)
    return float((3 * standing + (1 + physics.torso_upright()) / 2) / 4)


def walk(physics: Physics, *, velocity: float) -> float:
    """Reward walking at `velocity`, in m/s; negative is rearward."""
    speed = math.copysign(1.0, velocity) * physics.horizontal_velocity()
    return stand(physics) * (5 * toward(speed, abs(velocity)) + 1) / 6


def arabesque(physics: Physics) -> float:
    """On the left foot, with the right one raised and the torso tilted over."""
    return (
        3 * above(physics.torso_height(), 1.0, 0.5)
        + below(_height(physics, "left_foot"), 0.08, 0.5)
        + above(_height(physics, "right_foot"), 1.0, 0.5)
        + inverted(physics)
    ) / 6


def lie_down(physics: Physics) -> float:
    """Torso and thighs on the floor."""
    thighs = _mean_height(physics, "left_thigh", "right_thigh")
    return (
        3 * below(physics.torso_height(), 0.08, 0.04)
        + below(thighs, 0.08, 0.04)
        + inverted(physics)
    ) / 5


def legs_up(physics: Physics) -> float:
    """Torso on the floor, feet up."""
    thighs = _mean_height(physics, "left_thigh", "right_thigh")
    feet = _mean_height(physics, "left_foot", "right_foot")
    return (
        3 * below(physics.torso_height(), 0.08, 0.04)
        + 2 * above(feet, _FOOT_HEIGHT_M, _FOOT_HEIGHT_M / 2)
        + below(thighs, 0.08, 0.04)
        + inverted(physics)
    ) / 7


def headstand(physics: Physics) -> float:
    """Feet and thighs up."""
    thighs = _mean_height(physics, "left_thigh", "right_thigh")
    feet = _mean_height(physics, "left_foot", "right_foot")
    return (3 * above(feet, _FOOT_HEIGHT_M, _FOOT_HEIGHT_M / 2) + 2 * above(thighs, 1.0, 0.5)) / 5


def gallop(physics: Physics, *, velocity: float) -> float:
    """Run at `velocity`, in m/s; negative is rearward."""
    return toward(math.copysign(1.0, velocity) * physics.speed(), abs(velocity))


def run_on_one_leg(physics: Physics, *, raised_foot: str) -> float:
    """Run with `raised_foot` and the torso high."""
    posture = (
        3 * above(_height(physics, raised_foot), 1.2, 0.6)
        + 2 * above(_height(physics, "torso"), 1.2, 0.6)
    ) / 5
    return posture * (5 * toward(physics.speed(), 6) + 1) / 6


def cheetah_jump(physics: Physics) -> float:
    """Torso and both feet high, without drifting."""
    calm = slower(physics.speed(), 0.5)
    torso = _height(physics, "torso")

    def lifted(foot: str) -> float:
        return (5 * above((torso + _height(physics, foot)) / 2, 1.2, 0.6) + calm) / 6

    return (lifted("bfoot") + lifted("ffoot")) / 2


def giraffe_run(physics: Physics) -> float:
    """Run with the head high."""
    return above(_height(physics, "head"), 0.5, 0.25) * (3 * toward(physics.speed(), 10) + 1) / 4


def spin(physics: Physics, *, direction: int) -> float:
    """Roll and travel in `direction`, 1 or -1."""
    roll = physics.named.data.sensordata["torso_subtreeangmom"][1]
    return (2 * toward(direction * roll, 8) + 3 * toward(direction * physics.speed(), 8)) / 5


def fling(physics: Physics) -> float:
    """Throw the torso up."""
    return above(_height(physics, "torso"), 1.5, 0.75)


def hop_backward(physics: Physics) -> float:
    """Hop rearward with the torso above the foot."""
    return within(physics.height(), 0.6, 2) * toward(-physics.speed(), 1)


def is_in_cup(physics: Physics) -> bool:
    """Tell whether the ball is wholly inside the cup."""
    dx, dz = np.abs(physics.ball_to_target())
    return bool(dx < 0.025 and dz < 0.025)


def cup_spin(physics: Physics) -> float:
    """Swing the ball fast and far outside of the cup."""
    if is_in_cup(physics):
        return 0.0
    distance = length(physics.ball_to_target())
    speed = length(physics.data.qvel[2:4])
    return (toward(distance, 0.5) + 2 * toward(speed, 6)) / 3


def pendulum_spin(physics: Physics) -> float:
    """Turn at 9 rad/s, either way."""
    return toward(abs(float(physics.data.qvel[0])), 9)
