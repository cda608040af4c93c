"""The ants of Gymnasium and OGBench."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mmbench.agent import Expert
from mmbench.demos.scripted.ogbench import Route
from mmbench.demos.scripted.walks.gait import Vector, wave, wrapped, yaw
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

_SIDES = np.array([1.0, 1.0, -1.0, -1.0])
"""Left or right of the legs, which stand counter-clockwise from the front left one."""
_ANKLES = np.array([1.0, -1.0, -1.0, 1.0])
_ACTUATORS = [3, 0, 1, 2]
_QUARTER = np.pi / 2
_ARRIVED_M = 0.2
# A little more than half of a quarter turn, so that legs do not change roles back and forth.
_CHANGE_OF_ROLES = 0.575 * _QUARTER
_REST_ANKLE = 0.87  # rad, amid the ankles' range
_Direction = Callable[[TaskEnv], Vector | None]
"""Says where an ant is to go, in the world, shape `(2,)`; `None`: nowhere."""


def _ant(
    numbers: Vector, rate: float, data: Any, direction: _Direction, effort: float = 1.0
) -> Expert:
    """A trot toward any side: the legs change roles when the direction leaves a quarter turn.

    `effort` is the largest share of the motors' torque that is used.
    """
    stiffness, damping = 3 * np.exp(0.5 * numbers[1]), 0.1 * np.exp(0.7 * numbers[2])
    joints = 0.3 * numbers[3:15].reshape(2, 2, 3)[[0, 1, 1, 0]]
    narrower, bias = 0.5 * numbers[15], 0.3 * numbers[16]
    front = 0

    def act(env: TaskEnv) -> FloatArray:
        nonlocal front
        ahead = direction(env)
        aside, swing = 0.0, np.zeros(4)
        if ahead is not None:
            turn = np.arctan2(ahead[1], ahead[0]) - yaw(data.qpos[3:7])
            if abs(wrapped(turn - front * _QUARTER)) > _CHANGE_OF_ROLES:
                front = round(turn / _QUARTER)
            aside = wrapped(turn - front * _QUARTER)
            swing = _SIDES - narrower * aside
        phase = env.env_steps * rate
        hips = _SIDES * (joints[:, 0, 0] + swing * wave(joints[:, 0, 1:], phase))
        ankles = _REST_ANKLE + joints[:, 1, 0] + swing * wave(joints[:, 1, 1:], phase)
        rest = np.empty((4, 2))
        legs = (np.arange(4) + front) % 4
        rest[legs, 0] = hips + bias * aside
        rest[legs, 1] = _ANKLES[legs] * ankles
        angle, velocity = data.qpos[7:15].reshape(4, 2), data.qvel[6:14].reshape(4, 2)
        force = stiffness * (rest - angle) - damping * velocity
        return effort * np.clip(force[_ACTUATORS].ravel(), -1, 1).astype(np.float32)

    return act


def straight_ant(env: TaskEnv, numbers: Vector, rate: float) -> Expert:
    """Gymnasium's ant, whose motors are five times as strong as the others'."""
    data = env.simulator.env.data  # type: ignore[attr-defined]  # Gymnasium's
    return _ant(numbers, rate, data, lambda env: np.array([1.0, 0.0]), effort=0.3)


def commanded_ant(env: TaskEnv, numbers: Vector, rate: float) -> Expert:
    """The ant that is told its direction."""
    task: Any = env.simulator.task  # type: ignore[attr-defined]  # OGBench's
    return _ant(numbers, rate, task.data, lambda env: task.direction)


def maze_ant(env: TaskEnv, numbers: Vector, rate: float) -> Expert:
    """The ant that goes from cell to cell."""
    task: Any = env.simulator.task  # type: ignore[attr-defined]  # OGBench's
    route = Route(env.task.params["maze"], task.goal)

    def direction(env: TaskEnv) -> Vector | None:
        is_there = np.linalg.norm(task.goal - task.xy) < _ARRIVED_M
        return None if is_there else route.waypoint(task.xy) - task.xy

    return _ant(numbers, rate, task.data, direction)


def ant_with_ball(env: TaskEnv, numbers: Vector, rate: float) -> Expert:
    """The ant that goes round the ball, then pushes it."""
    task: Any = env.simulator.task  # type: ignore[attr-defined]  # OGBench's
    data = task.data

    def direction(env: TaskEnv) -> Vector | None:
        ball = data.qpos[-7:-5]
        way = task.goal - ball
        if np.linalg.norm(way) < _ARRIVED_M:
            return None
        way = way / np.linalg.norm(way)
        to_ball = ball - task.xy
        if to_ball @ way > 0.9 * np.linalg.norm(to_ball):
            return np.asarray(to_ball)
        side = np.array([-way[1], way[0]])
        side = side if to_ball @ side < 0 else -side
        is_behind = to_ball @ way > 0.5
        return np.asarray(to_ball - 0.9 * way + (0.0 if is_behind else 0.9) * side)

    return _ant(numbers, rate, data, direction)
