"""OGBench's mazes and ant tasks as a Simulator.

The package's environments draw from numpy's global generator and rebuild their goals with several
resets; here their models are stepped directly, with the same physics.
"""

import abc
import copy
from typing import Any, NamedTuple

import mujoco
import numpy as np

from mmbench.arithmetic import length
from mmbench.domains.ogbench import rewards
from mmbench.domains.ogbench.mazes import PAIRS, centre
from mmbench.domains.ogbench.rewards import Vector
from mmbench.domains.ogbench.scenes import ant_ball_model, ant_model, maze_model
from mmbench.mujoco_support.camera import OffscreenCamera
from mmbench.mujoco_support.snapshot import MujocoState, restore_snapshot, take_snapshot
from mmbench.simulator import AssetVariant, FloatArray, Image, Transition
from mmbench.spec import TaskSpec

FRAME_SKIP = 5

_RESET_NOISE = 0.1
_DIRECTION_STEPS = 100


_NO_OBS = np.zeros(0, np.float32)


class _State(NamedTuple):
    physics: MujocoState
    fields: dict[str, Any]


class _Task(abc.ABC):
    """A model, its start states, and what one agent step does; subclasses are the three kinds."""

    fields: tuple[str, ...] = ()
    """Attributes that change during an episode, besides the physics."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self.model = model
        self.data = mujoco.MjData(model)

    @abc.abstractmethod
    def start(self, rng: np.random.Generator) -> FloatArray:
        """Draw a start state and return its observation."""

    @abc.abstractmethod
    def advance(self, action: FloatArray) -> Transition:
        """Play one agent step."""

    @abc.abstractmethod
    def observe(self) -> FloatArray:
        """Return the observation of the present state."""

    @abc.abstractmethod
    def camera(self) -> str | mujoco.MjvCamera:
        """Return the camera of pictures."""

    @property
    def xy(self) -> Vector:
        return self.data.qpos[:2].copy()

    def reset_physics(self, rng: np.random.Generator) -> None:
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:] += rng.uniform(-_RESET_NOISE, _RESET_NOISE, self.model.nq)
        self.data.qvel[:] = _RESET_NOISE * rng.standard_normal(self.model.nv)

    def simulate(self, action: FloatArray) -> None:
        self.data.ctrl[:] = action
        mujoco.mj_step(self.model, self.data, nstep=FRAME_SKIP)

    def put_target(self, xy: Vector) -> None:
        self.model.geom("target").pos[:2] = xy


class _Maze(_Task):
    fields = ("goal", "displacement")

    def __init__(self, body: str, maze: str) -> None:
        super().__init__(maze_model(body, maze))
        self._is_point = body == "point"
        self._pairs = PAIRS[maze]
        self._repeat = 4 if self._is_point else 2
        self._tolerance = 1.0 if self._is_point else 0.5
        self.goal = np.zeros(2)
        self.displacement = np.zeros(2)

    def start(self, rng: np.random.Generator) -> FloatArray:
        start, goal = self._pairs[int(rng.integers(len(self._pairs)))]
        xy = np.array(centre(start)) + rng.uniform(-1, 1, 2)
        self.goal = np.array(centre(goal)) + rng.uniform(-1, 1, 2)
        self.reset_physics(rng)
        self.data.qpos[:2] = xy
        self.displacement = np.zeros(2)
        self.put_target(self.goal)
        mujoco.mj_forward(self.model, self.data)
        return self.observe()

    def advance(self, action: FloatArray) -> Transition:
        for _ in range(self._repeat):
            before = self.xy
            if self._is_point:
                self.data.qpos[:] += 0.2 * action.astype(np.float64)
                self.data.qvel[:] = 0.0
                mujoco.mj_step(self.model, self.data, nstep=FRAME_SKIP)
            else:
                self.simulate(action)
            self.displacement = self.xy - before
        offset = self.xy - self.goal
        distance = length(offset)
        is_success = distance <= self._tolerance
        haste = (
            rewards.point_haste(self.displacement)
            if self._is_point
            else rewards.ant_haste(self.data.qvel)
        )
        reward = rewards.maze(offset, distance, haste, is_success)
        return Transition(self.observe(), reward, is_success)

    def observe(self) -> FloatArray:
        xy = self.xy
        offset = xy - self.goal
        own = (xy, self.displacement) if self._is_point else (self.data.qpos, self.data.qvel, xy)
        parts = (*own, self.goal, offset, [length(offset)])
        return (np.concatenate(parts) / rewards.MAZE_SCALE).astype(np.float32)

    def camera(self) -> mujoco.MjvCamera:
        return _from_above(x=10.0, y=10.0, z=0.0, distance=30.0)


class _Ant(_Task):
    fields = ("direction", "env_steps", "rng")

    def __init__(self) -> None:
        super().__init__(ant_model())
        self.direction = np.zeros(2)
        self.env_steps = 0
        self.rng = np.random.default_rng(0)

    def start(self, rng: np.random.Generator) -> FloatArray:
        self.rng = rng
        self.reset_physics(rng)
        mujoco.mj_forward(self.model, self.data)
        self.env_steps = 0
        self._draw_direction()
        return self.observe()

    def advance(self, action: FloatArray) -> Transition:
        before = self.xy
        self.simulate(action)
        reward = rewards.along(self.xy - before, self.direction)
        self.env_steps += 1
        if self.env_steps % _DIRECTION_STEPS == 0:
            self._draw_direction()
        return Transition(self.observe(), reward, False)

    def observe(self) -> FloatArray:
        parts = (self.data.qpos[2:], self.data.qvel, self.direction)
        return np.concatenate(parts).astype(np.float32)

    def camera(self) -> str:
        return "track"

    def _draw_direction(self) -> None:
        direction = self.rng.standard_normal(2)
        self.direction = direction / length(direction)


class _AntBall(_Task):
    fields = ("goal",)

    def __init__(self) -> None:
        super().__init__(ant_ball_model())
        self.goal = np.zeros(2)

    def start(self, rng: np.random.Generator) -> FloatArray:
        self.reset_physics(rng)
        self.data.qpos[:2] = rng.uniform(-1, 1, 2)
        self.data.qpos[-7:-5] = rng.uniform(-2, 2, 2)
        self.goal = rng.uniform(-3, 3, 2)
        self.put_target(self.goal)
        mujoco.mj_forward(self.model, self.data)
        return self.observe()

    def advance(self, action: FloatArray) -> Transition:
        before = self._distances()
        self.simulate(action)
        after = self._distances()
        return Transition(self.observe(), rewards.ant_ball(before, after), after[1] <= 0.5)

    def observe(self) -> FloatArray:
        qpos = self.data.qpos
        ball = qpos[-7:-5]
        parts = (qpos[2:-7], qpos[-5:], self.data.qvel, ball - qpos[:2], self.goal - ball)
        return np.concatenate(parts).astype(np.float32)

    def camera(self) -> mujoco.MjvCamera:
        return _from_above(x=0.0, y=0.0, z=0.75, distance=8.0)

    def _distances(self) -> tuple[float, float]:
        """Return the distances ant to ball and ball to goal."""
        ball = self.data.qpos[-7:-5]
        return length(self.xy - ball), length(ball - self.goal)


class OGBenchSimulator:
    """A maze for the point or the ant, or the ant on open ground."""

    assets: AssetVariant = "official"

    def __init__(self, spec: TaskSpec, *, pictures: bool) -> None:
        kind = spec.params["kind"]
        self.task: _Task
        if kind == "ant":
            self.task = _Ant()
        elif kind == "antball":
            self.task = _AntBall()
        else:
            self.task = _Maze(kind.removesuffix("_maze"), spec.params["maze"])
        self._camera: OffscreenCamera | None = None

    def reset(self, rng: np.random.Generator) -> FloatArray:
        """Start an episode."""
        return self.task.start(rng)

    def step(self, action: FloatArray) -> Transition:
        """Play one agent step."""
        return self.task.advance(action)

    def render(self, height: int, width: int) -> Image:
        """Draw mazes and ball from above, the ant from behind."""
        if self._camera is None:
            self._camera = OffscreenCamera(self.task.model, self.task.camera())
        return self._camera.draw(self.task.data, height, width)

    def get_state(self) -> _State:
        """Return a snapshot."""
        fields = {name: getattr(self.task, name) for name in self.task.fields}
        return _State(take_snapshot(self.task.model, self.task.data), copy.deepcopy(fields))

    def set_state(self, state: _State) -> None:
        """Go back to a snapshot."""
        restore_snapshot(self.task.model, self.task.data, state.physics)
        for name, value in copy.deepcopy(state.fields).items():
            setattr(self.task, name, value)

    def simplify(self) -> None:
        """Leave observations empty."""
        self.task.observe = lambda: _NO_OBS  # type: ignore[method-assign]

    def close(self) -> None:
        """Free the graphics."""
        if self._camera is not None:
            self._camera.close()


def _from_above(*, x: float, y: float, z: float, distance: float) -> mujoco.MjvCamera:
    camera = mujoco.MjvCamera()
    camera.lookat[:] = (x, y, z)
    camera.distance = distance
    camera.elevation = -90
    camera.azimuth = 90
    return camera
