"""Gymnasium's MuJoCo environments, version 4, as a Simulator.

Version 4 is what the original benchmark ran; version 5 has other observations and rewards. The
environment classes are built directly: `gymnasium.make` would add wrappers and a warning.
"""

from typing import Any, NamedTuple

import gymnasium
import mujoco
import numpy as np
from gymnasium.envs.registration import load_env_creator

from mmbench.domains.mujoco import rewards
from mmbench.mujoco_support.camera import OffscreenCamera
from mmbench.mujoco_support.snapshot import MujocoState, restore_snapshot, take_snapshot
from mmbench.simulator import AssetVariant, FloatArray, Image, Transition
from mmbench.spec import TaskSpec

_NO_OBS = np.zeros(0)


class _State(NamedTuple):
    physics: MujocoState
    has_failed: bool


class MujocoSimulator:
    """One of the six Gymnasium MuJoCo tasks, going on after a fall."""

    assets: AssetVariant = "official"

    def __init__(self, spec: TaskSpec, *, pictures: bool) -> None:
        registered = gymnasium.spec(spec.params["gym_id"])
        assert registered.entry_point is not None
        create = (
            registered.entry_point
            if callable(registered.entry_point)
            else load_env_creator(registered.entry_point)
        )
        self.env: Any = create(**{**registered.kwargs, **spec.params["arguments"]})
        self.env.do_simulation = self._simulate
        self._action_scale = self.env.action_space.high
        self._action_repeat: int = spec.params["action_repeat"]
        self._reward_kind: str = spec.params["reward"]
        self._has_failed = False
        self._camera: OffscreenCamera | None = None

    def reset(self, rng: np.random.Generator) -> FloatArray:
        """Start an episode with the environment's own start distribution."""
        self.env.np_random = rng
        obs, _ = self.env.reset()
        self._has_failed = False
        return np.asarray(obs, np.float32)

    def step(self, action: FloatArray) -> Transition:
        """Play the action one or two times and add up the rewards."""
        scaled = action * self._action_scale
        reward = 0.0
        for _ in range(self._action_repeat):
            obs, inner_reward, is_terminated, _, _ = self.env.step(scaled)
            reward += self._shaped(float(inner_reward), is_terminated)
        return Transition(obs.astype(np.float32), reward, False)

    def render(self, height: int, width: int) -> Image:
        """Draw the model's `track` camera, or the free camera where it has none."""
        if self._camera is None:
            model = self.env.model
            track = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, "track")
            camera: int | mujoco.MjvCamera = track
            if track < 0:
                camera = mujoco.MjvCamera()
                mujoco.mjv_defaultFreeCamera(model, camera)
            self._camera = OffscreenCamera(model, camera)
        return self._camera.draw(self.env.data, height, width)

    def get_state(self) -> _State:
        """Return a snapshot."""
        return _State(take_snapshot(self.env.model, self.env.data), self._has_failed)

    def set_state(self, state: _State) -> None:
        """Go back to a snapshot."""
        restore_snapshot(self.env.model, self.env.data, state.physics)
        self._has_failed = state.has_failed

    def simplify(self) -> None:
        """Leave observations empty."""
        self.env._get_obs = lambda: _NO_OBS

    def close(self) -> None:
        """Free the graphics."""
        if self._camera is not None:
            self._camera.close()
        self.env.close()

    def _simulate(self, control: FloatArray, num_steps: int) -> None:
        """Do what the environment's own `do_simulation` does, without what nobody reads.

        Contact forces on bodies (`mj_rnePostConstraint`) are part of no observation or reward.
        """
        self.env.data.ctrl[:] = control
        mujoco.mj_step(self.env.model, self.env.data, nstep=num_steps)

    def _shaped(self, reward: float, is_terminated: bool) -> float:
        if self._reward_kind == "healthy":
            return rewards.while_healthy(reward, self.env.is_healthy)
        if self._reward_kind == "until_failure":
            self._has_failed = self._has_failed or is_terminated
            return rewards.until_failure(reward, self._has_failed)
        return reward
