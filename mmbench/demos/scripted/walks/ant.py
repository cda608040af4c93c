"""The ants of Gymnasium, OGBench and ManiSkill."""

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class _Body:
    """How an ant is read and driven; legs in rows, hip and ankle in columns.

    Attributes:
        quaternion: Reads where the torso heads.
        joints: Reads angles and velocities, each `(4, 2)`.
        drive: Makes an action of forces, `(4, 2)`.
        effort: The largest share of the motors' force that is used.
    """

    quaternion: Callable[[], Any]
    joints: Callable[[], tuple[Vector, Vector]]
    drive: Callable[[Vector], Vector]
    effort: float = 1.0


def _mujoco_body(data: Any, effort: float = 1.0) -> _Body:
    return _Body(
        quaternion=lambda: data.qpos[3:7],
        joints=lambda: (data.qpos[7:15].reshape(4, 2), data.qvel[6:14].reshape(4, 2)),
        drive=lambda force: force[_ACTUATORS].ravel(),
        effort=effort,
    )


def _ant(numbers: Vector, rate: float, body: _Body, direction: _Direction) -> Expert:
    """A trot toward any side: the legs change roles when the direction leaves a quarter turn."""
    stiffness, damping = 3 * np.exp(0.5 * numbers[1]), 0.1 * np.exp(0.7 * numbers[2])
    joints = 0.3 * numbers[3:15].reshape(2, 2, 3)[[0, 1, 1, 0]]
    narrower, bias = 0.5 * numbers[15], 0.3 * numbers[16]
    front = 0

    def act(env: TaskEnv) -> FloatArray:
        nonlocal front
        ahead = direction(env)
        aside, swing = 0.0, np.zeros(4)
        if ahead is not None:
            turn = np.arctan2(ahead[1], ahead[0]) - yaw(body.quaternion())
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
        angle, velocity = body.joints()
        force = stiffness * (rest - angle) - damping * velocity
        return body.effort * np.clip(body.drive(force), -1, 1).astype(np.float32)

    return act


def straight_ant(env: TaskEnv, numbers: Vector, rate: float) -> Expert:
    """Gymnasium's ant, whose motors are five times as strong as the others'."""
    data = env.simulator.env.data  # type: ignore[attr-defined]  # Gymnasium's
    return _ant(numbers, rate, _mujoco_body(data, effort=0.3), _ahead)


def driven_ant(env: TaskEnv, numbers: Vector, rate: float) -> Expert:
    """ManiSkill's ant, whose joints are driven to angles; it stands across its way."""
    goal: Any = env.simulator.goal  # type: ignore[attr-defined]  # ManiSkill's

    def joints() -> tuple[Vector, Vector]:
        articulation = goal.articulation
        return articulation.qpos.reshape(2, 4).T, articulation.qvel.reshape(2, 4).T

    body = _Body(
        quaternion=lambda: goal.torso.q, joints=joints, drive=lambda force: force.T.ravel()
    )
    return _ant(numbers, rate, body, _ahead)


def _ahead(env: TaskEnv) -> Vector:
    return np.array([1.0, 0.0])


def commanded_ant(env: TaskEnv, numbers: Vector, rate: float) -> Expert:
    """The ant that is told its direction."""
    task: Any = env.simulator.task  # type: ignore[attr-defined]  # OGBench's
    return _ant(numbers, rate, _mujoco_body(task.data), lambda env: task.direction)


def maze_ant(env: TaskEnv, numbers: Vector, rate: float) -> Expert:
    """The ant that goes from cell to cell."""
    task: Any = env.simulator.task  # type: ignore[attr-defined]  # OGBench's
    route = Route(env.task.params["maze"], task.goal)

    def direction(env: TaskEnv) -> Vector | None:
        is_there = np.linalg.norm(task.goal - task.xy) < _ARRIVED_M
        return None if is_there else route.waypoint(task.xy) - task.xy

    return _ant(numbers, rate, _mujoco_body(task.data), direction)


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

    return _ant(numbers, rate, _mujoco_body(data), direction)
