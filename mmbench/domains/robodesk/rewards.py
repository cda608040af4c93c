"""Rewards and successes of RoboDesk's tasks, as the package defines them.

Source:
    robodesk 1.0.0; a test compares every number with the package's own.
"""

from collections.abc import Callable
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from mmbench.arithmetic import length

Vector = NDArray[np.float64]


class Goal(NamedTuple):
    """Reward of a control step (before clipping to [0, 1]) and success."""

    reward: Callable[[mujoco.MjData, Vector], float]
    is_reached: Callable[[mujoco.MjData], bool]


def _open_slide(model: mujoco.MjModel) -> Goal:
    door = model.joint("slide_joint").qposadr[0]
    handle = model.site("slide_handle").id

    def reward(data: mujoco.MjData, tip: Vector) -> float:
        goal = data.site_xpos[handle] - (0.15, 0.0, 0.0)
        progress = 0.75 * (data.qpos[door] / 0.6) + 0.25 * _nearness(tip, goal)
        # The package means to reward blocks left in place, but compares them with themselves.
        return 0.9 * progress + 0.1

    return Goal(reward, lambda data: bool(data.qpos[door] > 0.55))


def _open_drawer(model: mujoco.MjModel) -> Goal:
    drawer = model.joint("drawer_joint").qposadr[0]
    handle = model.geom("drawer_handle").id

    def reward(data: mujoco.MjData, tip: Vector) -> float:
        opening = abs(data.qpos[drawer]) / 0.3
        return 0.75 * opening + 0.25 * _nearness(tip, data.geom_xpos[handle])

    return Goal(reward, lambda data: bool(data.qpos[drawer] < -0.2))


def _flat_block_in_bin(model: mujoco.MjModel) -> Goal:
    block = model.body("flat_block").id

    def is_reached(data: mujoco.MjData) -> bool:
        x, y, z = data.xpos[block]
        return bool(0.28 < x < 0.52 and 0.38 < y < 0.62 and 0 < z < 0.4)

    def reward(data: mujoco.MjData, tip: Vector) -> float:
        return 0.5 * _nearness(tip, data.xpos[block]) + 0.5 * float(is_reached(data))

    return Goal(reward, is_reached)


def _push(colour: str) -> Callable[[mujoco.MjModel], Goal]:
    def goal(model: mujoco.MjModel) -> Goal:
        light = model.joint(f"{colour}_light").qposadr[0]
        button = model.body(f"{colour}_button").id

        def is_pressed(data: mujoco.MjData) -> bool:
            return bool(data.qpos[light] < -0.00453)

        def reward(data: mujoco.MjData, tip: Vector) -> float:
            return 0.25 * is_pressed(data) + 0.75 * _nearness(tip, data.xpos[button])

        return Goal(reward, is_pressed)

    return goal


GOALS: dict[str, Callable[[mujoco.MjModel], Goal]] = {
    "open_slide": _open_slide,
    "open_drawer": _open_drawer,
    "flat_block_in_bin": _flat_block_in_bin,
    "push_red": _push("red"),
    "push_green": _push("green"),
    "push_blue": _push("blue"),
}


def _nearness(tip: Vector, goal: Vector) -> float:
    return max(0.0, min(1.0, 1.0 - length(tip - goal)))
