"""Gaits: oscillators at the joints, or a cycle of strides.

How a robot walks is written here; how far, how fast and how stiffly is a vector of numbers of
order 1 per task. They lie in `gaits.json`, and `mmbench.cli.gait_search` finds them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmbench.demos import plans
from mmbench.demos.plans import Expert
from mmbench.demos.scripted.ogbench import Route
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

Vector = NDArray[np.float64]


def build(env: TaskEnv) -> Expert:
    """Return the gait of the environment's robot, with the task's numbers."""
    name = env.task.id
    return GAITS[name].build(env, np.array(all_numbers()[name]))


def clock_rate(task_id: str) -> float:
    """Return by how much the phase of a task's gait grows in an env step, rad; 0 without a phase.

    The phase is 0 when an episode begins. What a gait does is a function of the simulator's state
    and of this phase.
    """
    if task_id not in GAITS:
        return 0.0
    return GAITS[task_id].phase_step(np.array(all_numbers()[task_id]))


@lru_cache
def all_numbers() -> Mapping[str, list[float]]:
    """Return the numbers of every task that is walked."""
    found: dict[str, list[float]] = json.loads(plans.GAIT_NUMBERS.read_text())
    return found


@dataclass(frozen=True, kw_only=True)
class Gait:
    """How the robot of a task walks.

    Attributes:
        build: Called with the environment and the numbers.
        num_numbers: How many numbers it takes; the first is for the frequency.
        frequency_hz: Of the oscillators, about; 0 without oscillators.
        step_s: Length of an env step.
        spread: How much the first number changes the frequency.
        objective: What the search adds up: a name in `mmbench.demos.objectives`.
    """

    build: Callable[[TaskEnv, Vector], Expert]
    num_numbers: int
    frequency_hz: float = 0.0
    step_s: float = 0.0
    spread: float = 0.5
    objective: str = "reward"

    def phase_step(self, numbers: Vector) -> float:
        """Return by how much the phase grows in an env step, rad."""
        frequency = self.frequency_hz * np.exp(self.spread * numbers[0])
        return float(2 * np.pi * frequency * self.step_s)


def _phase(env: TaskEnv, numbers: Vector) -> float:
    """Return the phase of the gait, rad; 0 when the episode begins."""
    return env.env_steps * GAITS[env.task.id].phase_step(numbers)


def _wave(numbers: Vector, phase: float) -> Any:
    """Return a cosine and a sine with amplitudes in the last axis of `numbers`."""
    return numbers[..., 0] * np.cos(phase) + numbers[..., 1] * np.sin(phase)


def _wrapped(angle: float) -> float:
    return float(np.arctan2(np.sin(angle), np.cos(angle)))


def _yaw(quaternion: Any) -> float:
    w, x, y, z = (float(entry) for entry in quaternion)
    return float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))


# Robots in a plane ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _PlanarRobot:
    """Joints in the order of the actions; the second half of a walker's is its other leg."""

    num_joints: int
    has_two_legs: bool
    frequency_hz: float
    step_s: float
    objective: str = "reward"

    @property
    def gait(self) -> Gait:
        num_free = self.num_joints // 2 if self.has_two_legs else self.num_joints
        return Gait(
            build=lambda env, numbers: _planar(self, numbers),
            num_numbers=1 + 9 * num_free,
            frequency_hz=self.frequency_hz,
            step_s=self.step_s,
            spread=0.4,
            objective=self.objective,
        )


def _planar(robot: _PlanarRobot, numbers: Vector) -> Expert:
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
        swing = 0.4 * _wave(joints[:, 1:3], _phase(env, numbers))
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


# Robots on four legs --------------------------------------------------------------------------


def _quadruped(env: TaskEnv, numbers: Vector) -> Expert:
    """A trot: each leg half a cycle behind the one beside it.

    Actions are yaw, lift and extension of the legs: front left, front right, back right, back left.
    """
    legs = numbers[1:].reshape(2, 3, 3) * np.array([0.6, 0.8, 0.8])
    mirror = np.array([-1.0, 1.0, 1.0])

    def act(env: TaskEnv) -> FloatArray:
        rest, swing = legs[..., 0], _wave(legs[..., 1:], _phase(env, numbers))
        (front_left, back_left), (front_right, back_right) = rest + swing, mirror * (rest - swing)
        action = np.concatenate([front_left, front_right, back_right, back_left])
        return np.clip(action, -1, 1).astype(np.float32)

    return act


_ANT_SIDES = np.array([1.0, 1.0, -1.0, -1.0])
"""Left or right of the legs, which stand counter-clockwise from the front left one."""
_ANT_ANKLES = np.array([1.0, -1.0, -1.0, 1.0])
_ANT_ACTUATORS = [3, 0, 1, 2]
_QUARTER = np.pi / 2
_Direction = Callable[[TaskEnv], Vector | None]
"""Says where an ant is to go, in the world, shape `(2,)`; `None`: nowhere."""


def _ant(numbers: Vector, data: Any, direction: _Direction, effort: float = 1.0) -> Expert:
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
            turn = np.arctan2(ahead[1], ahead[0]) - _yaw(data.qpos[3:7])
            if abs(_wrapped(turn - front * _QUARTER)) > 0.575 * _QUARTER:
                front = round(turn / _QUARTER)
            aside = _wrapped(turn - front * _QUARTER)
            swing = _ANT_SIDES - narrower * aside
        phase = _phase(env, numbers)
        hips = _ANT_SIDES * (joints[:, 0, 0] + swing * _wave(joints[:, 0, 1:], phase))
        ankles = 0.87 + joints[:, 1, 0] + swing * _wave(joints[:, 1, 1:], phase)
        rest = np.empty((4, 2))
        legs = (np.arange(4) + front) % 4
        rest[legs, 0] = hips + bias * aside
        rest[legs, 1] = _ANT_ANKLES[legs] * ankles
        angle, velocity = data.qpos[7:15].reshape(4, 2), data.qvel[6:14].reshape(4, 2)
        force = stiffness * (rest - angle) - damping * velocity
        return effort * np.clip(force[_ANT_ACTUATORS].ravel(), -1, 1).astype(np.float32)

    return act


def _straight_ant(env: TaskEnv, numbers: Vector) -> Expert:
    """Gymnasium's ant, whose motors are five times as strong as the others'."""
    data = env.simulator.env.data  # type: ignore[attr-defined]  # Gymnasium's
    return _ant(numbers, data, lambda env: np.array([1.0, 0.0]), effort=0.3)


def _commanded_ant(env: TaskEnv, numbers: Vector) -> Expert:
    """The ant that is told its direction."""
    task: Any = env.simulator.task  # type: ignore[attr-defined]  # OGBench's
    return _ant(numbers, task.data, lambda env: task.direction)


def _maze_ant(env: TaskEnv, numbers: Vector) -> Expert:
    """The ant that goes from cell to cell."""
    task: Any = env.simulator.task  # type: ignore[attr-defined]  # OGBench's
    route = Route(env.task.params["maze"], task.goal)

    def direction(env: TaskEnv) -> Vector | None:
        is_there = np.linalg.norm(task.goal - task.xy) < _ARRIVED_M
        return None if is_there else route.waypoint(task.xy) - task.xy

    return _ant(numbers, task.data, direction)


def _ant_with_ball(env: TaskEnv, numbers: Vector) -> Expert:
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

    return _ant(numbers, data, direction)


_FRONT = np.array([1.0, 1.0, -1.0, -1.0])
_LEFT = np.array([1.0, -1.0, 1.0, -1.0])
_ARRIVED_M = 0.2


def _anymal(env: TaskEnv, numbers: Vector) -> Expert:
    """A trot to the goal; legs in the order left front, right front, left hind, right hind."""
    gain = 3 * np.exp(0.5 * numbers[1])
    thighs, shins = numbers[2:14].reshape(2, 2, 3)[:, [0, 0, 1, 1]]
    steering, splay, sidestep = 0.5 + numbers[14], 0.1 * numbers[15], 0.2 * numbers[16]
    trot = _FRONT * _LEFT

    def act(env: TaskEnv) -> FloatArray:
        simulator: Any = env.simulator
        obs = env.last_state.astype(np.float64)
        dx, dy = obs[33:35]
        aside = _wrapped(np.arctan2(dy, dx) - _yaw(simulator.goal.base.q))
        is_there = np.hypot(dx, dy) < _ARRIVED_M
        stride = 0.0 if is_there else 1 - np.clip(steering * aside, -1, 1) * _LEFT
        lift = 0.0 if is_there else 1.0
        phase = _phase(env, numbers)
        hips = 0.03 * _LEFT + splay * _LEFT + sidestep * np.clip(aside, -1, 1)
        thigh = _FRONT * (0.4 + 0.2 * thighs[:, 0])
        thigh = thigh + 0.3 * stride * trot * _wave(thighs[:, 1:], phase)
        shin = 0.8 + 0.2 * shins[:, 0] + 0.3 * lift * trot * _wave(shins[:, 1:], phase)
        rest = np.concatenate([hips, thigh, -_FRONT * shin])
        return np.clip(gain * (rest - obs[:12]), -1, 1).astype(np.float32)

    return act


# A robot on two legs --------------------------------------------------------------------------


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


def _biped(env: TaskEnv, numbers: Vector) -> Expert:
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


# A fish --------------------------------------------------------------------------------------

_NEAR_M = 0.1


def _fish(env: TaskEnv, numbers: Vector) -> Expert:
    """Beating tail and fins, bent toward the target, and calmer the nearer it is."""
    physics: Any = env.simulator.physics  # type: ignore[attr-defined]  # DeepMind Control's
    fins = numbers[1:31].reshape(5, 6)

    def act(env: TaskEnv) -> FloatArray:
        way = physics.mouth_to_target()
        distance = float(np.linalg.norm(way))
        far = min(1.0, distance / _NEAR_M)
        beat = (far + (1 - far) * numbers[31]) * _wave(fins[:, 1:3], _phase(env, numbers))
        action = 0.3 * fins[:, 0] + 0.5 * beat + fins[:, 3:] @ (way / max(distance, _NEAR_M))
        return np.clip(action, -1, 1).astype(np.float32)

    return act


# Which robot walks which task -----------------------------------------------------------------

_TERRAINS = ("flat", "uneven", "rugged", "hills", "obstacles")
_MAZES = ("arena", "maze", "bottleneck", "circle", "spiral")

_quadruped_gait = partial(Gait, build=_quadruped, num_numbers=19, frequency_hz=1.5, step_s=0.04)
_ant_gait = partial(Gait, num_numbers=17, frequency_hz=1.5, step_s=0.1)

GAITS: Mapping[str, Gait] = MappingProxyType(
    {
        "mujoco-hopper": _PlanarRobot(3, False, 2.0, 0.016, "gymnasium_run").gait,
        "mujoco-walker": _PlanarRobot(6, True, 1.5, 0.016, "gymnasium_run").gait,
        "cheetah-run-front": _PlanarRobot(6, False, 2.0, 0.02).gait,
        "cheetah-run-back": _PlanarRobot(6, False, 2.0, 0.02).gait,
        "quadruped-walk": _quadruped_gait(),
        "quadruped-run": _quadruped_gait(),
        "fish-swim": Gait(
            build=_fish, num_numbers=32, frequency_hz=2.0, step_s=0.08, objective="fish"
        ),
        "mujoco-ant": _ant_gait(build=_straight_ant),
        "og-antball": _ant_gait(build=_ant_with_ball),
        "og-ant": _ant_gait(build=_commanded_ant),
        **{f"og-ant-{maze}": _ant_gait(build=_maze_ant, step_s=0.2) for maze in _MAZES},
        "ms-anymal-reach": Gait(build=_anymal, num_numbers=17, frequency_hz=1.2, step_s=0.1),
        **{
            f"bipedal-walker-{terrain}": Gait(build=_biped, num_numbers=16) for terrain in _TERRAINS
        },
    }
)
