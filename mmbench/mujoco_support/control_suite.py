"""A dm_control suite task as a Simulator; the base of the two DeepMind Control domains."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from mmbench.mujoco_support.camera import OffscreenCamera
from mmbench.mujoco_support.snapshot import MujocoState, restore_snapshot, take_snapshot
from mmbench.simulator import AssetVariant, FloatArray, Image, Transition

ACTION_REPEAT = 2


@dataclass(frozen=True, kw_only=True)
class SuiteTask:
    """What a suite task consists of.

    Attributes:
        physics: A `dm_control.mujoco.Physics`.
        task: A `dm_control.suite.base.Task`: start states and observations.
        substeps: Physics steps in one control step.
        reward: Reward of a control step, from the physics.
        camera: Index of the camera for pictures.
    """

    physics: Any
    task: Any
    substeps: int
    reward: Callable[[Any], float]
    camera: int = 0


class _State(NamedTuple):
    physics: MujocoState
    is_diverged: bool
    last_obs: FloatArray


class SuiteSimulator:
    """Plays each action for two control steps and adds up their rewards.

    Args:
        suite: The task.
        random_state: The generator that `suite.task` was built with.
    """

    assets: AssetVariant = "official"

    def __init__(self, suite: SuiteTask, random_state: np.random.RandomState) -> None:
        self._suite = suite
        self.physics = suite.physics
        self._model, self._data = suite.physics.model.ptr, suite.physics.data.ptr
        self._is_runge_kutta = (
            self._model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4  # advances all stages
        )
        self._random_state = random_state
        low, high = suite.physics.model.actuator_ctrlrange.T.copy()
        self._low, self._half_range = low, (high - low) / 2
        self._camera: OffscreenCamera | None = None
        self._is_diverged = False
        self._is_simplified = False
        self._last_obs = np.zeros(0, np.float32)

    def reset(self, rng: np.random.Generator) -> FloatArray:
        """Start an episode; the suite draws from a generator seeded by `rng`."""
        self._random_state.seed(int(rng.integers(2**32)))
        with self.physics.reset_context():
            self._suite.task.initialize_episode(self.physics)
        self._is_diverged = False
        self._last_obs = self._observe()
        return self._last_obs.copy()

    def step(self, action: FloatArray) -> Transition:
        """Play two control steps."""
        if self._is_simplified:
            return self._step_roughly(action)
        if self._is_diverged:
            return Transition(self._last_obs.copy(), 0.0, False)
        reward = 0.0
        warnings = self._data.warning.number.tobytes()
        self._data.ctrl[:] = self._control(action)
        for _ in range(ACTION_REPEAT):
            self._advance()
            reward += float(self._suite.reward(self.physics))
        if self._data.warning.number.tobytes() != warnings:
            # Numbers have run away: the episode earns nothing more and shows its last good state.
            self._is_diverged = True
            return Transition(self._last_obs.copy(), 0.0, False)
        self._last_obs = self._observe()
        return Transition(self._last_obs.copy(), reward, False)

    def render(self, height: int, width: int) -> Image:
        """Draw the suite's own view of the task."""
        if self._camera is None:
            self._camera = OffscreenCamera(self._model, self._suite.camera)
        return self._camera.draw(self._data, height, width)

    def get_state(self) -> _State:
        """Return a snapshot."""
        physics = take_snapshot(self._model, self._data)
        return _State(physics, self._is_diverged, self._last_obs)

    def set_state(self, state: _State) -> None:
        """Go back to a snapshot."""
        restore_snapshot(self._model, self._data, state.physics)
        self._is_diverged, self._last_obs = state.is_diverged, state.last_obs

    def simplify(self) -> None:
        """Double the time step, leave observations empty, and reward the last control step only."""
        self._is_simplified = True
        if self._suite.substeps % 2 == 0:
            self._model.opt.timestep *= 2
            self._suite = dataclasses.replace(self._suite, substeps=self._suite.substeps // 2)

    def close(self) -> None:
        """Free the graphics and the physics."""
        if self._camera is not None:
            self._camera.close()
        self.physics.free()

    def _control(self, action: FloatArray) -> NDArray[np.float64]:
        return np.asarray(self._low + self._half_range * (action.astype(np.float64) + 1.0))

    def _step_roughly(self, action: FloatArray) -> Transition:
        self._data.ctrl[:] = self._control(action)
        mujoco.mj_step(self._model, self._data, ACTION_REPEAT * self._suite.substeps)
        mujoco.mj_step1(self._model, self._data)
        reward = ACTION_REPEAT * float(self._suite.reward(self.physics))
        return Transition(self._last_obs, reward, False)

    def _advance(self) -> None:
        """Play a control step like `Physics.step`, without its checks around every one."""
        model, data, substeps = self._model, self._data, self._suite.substeps
        if self._is_runge_kutta:
            mujoco.mj_step(model, data, substeps)
        else:
            mujoco.mj_step2(model, data)
            if substeps > 1:
                mujoco.mj_step(model, data, substeps - 1)
        mujoco.mj_step1(model, data)

    def _observe(self) -> FloatArray:
        parts = self._suite.task.get_observation(self.physics).values()
        return np.concatenate([np.ravel(part) for part in parts]).astype(np.float32)
