"""Meta-World as a Simulator."""

import copy
from typing import Any, NamedTuple

import gymnasium
import mujoco
import numpy as np

from mmbench.domains.metaworld.lean import NamedData, lean_environment
from mmbench.mujoco_support.camera import OffscreenCamera
from mmbench.mujoco_support.snapshot import MujocoState, restore_snapshot, take_snapshot
from mmbench.simulator import AssetVariant, FloatArray, Image, Transition
from mmbench.spec import TaskSpec

ACTION_REPEAT = 2

_CAMERA = 2  # `corner2`
_CAMERA_POSITION = (0.75, 0.075, 0.7)


class _State(NamedTuple):
    physics: MujocoState
    fields: dict[str, Any]


class MetaWorldSimulator:
    """A Meta-World task with a new random goal in every episode."""

    assets: AssetVariant = "official"

    def __init__(self, spec: TaskSpec, *, pictures: bool) -> None:
        self._env = lean_environment(spec.params["environment"].removesuffix("-goal-observable"))
        # Every reset draws a new goal, from the environment's own generator.
        self._env.seeded_rand_vec = True
        self._env.model.cam_pos[_CAMERA] = _CAMERA_POSITION
        self._camera: OffscreenCamera | None = None

    def reset(self, rng: np.random.Generator) -> FloatArray:
        """Start an episode: the package's reset, then one inner step of the zero action."""
        self._env.np_random = rng
        self._env.reset()
        obs, *_ = self._env.step(np.zeros(4, np.float32))
        return np.asarray(obs, np.float32)

    def step(self, action: FloatArray) -> Transition:
        """Play the action for two inner steps."""
        reward = 0.0
        for _ in range(ACTION_REPEAT):
            obs, inner_reward, _, _, info = self._env.step(action)
            reward += float(inner_reward)
        return Transition(obs.astype(np.float32), reward, bool(info["success"]))

    def render(self, height: int, width: int) -> Image:
        """Draw the view from the robot's left shoulder; this camera hangs upside down."""
        if self._camera is None:
            self._camera = OffscreenCamera(self._env.model, _CAMERA)
        return np.ascontiguousarray(self._camera.draw(self._env.data, height, width)[::-1])

    def get_state(self) -> _State:
        """Return a snapshot of the physics and of what the environment keeps in its attributes."""
        physics = take_snapshot(self._env.model, self._env.data)
        return _State(physics, copy.deepcopy(self._plain_fields()))

    def set_state(self, state: _State) -> None:
        """Go back to a snapshot."""
        restore_snapshot(self._env.model, self._env.data, state.physics)
        for name in self._plain_fields().keys() - state.fields.keys():
            delattr(self._env, name)
        self._env.__dict__.update(copy.deepcopy(state.fields))

    def close(self) -> None:
        """Free the graphics."""
        if self._camera is not None:
            self._camera.close()

    def _plain_fields(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self._env.__dict__.items()
            if not isinstance(value, _NOT_PLAIN)
            and name != "mujoco_renderer"
            and not _is_view_of_simulation(value)
        }


_NOT_PLAIN = (
    NamedData,
    mujoco.MjModel,
    mujoco.MjData,
    gymnasium.Space,
    gymnasium.envs.registration.EnvSpec,
)


def _is_view_of_simulation(value: Any) -> bool:
    """Whether an attribute is a window on `MjData`, which goes back with the physics.

    Several tasks keep the start position of an object as such a view, so that it follows the
    object; a copy of it would not.
    """
    while isinstance(value, np.ndarray):
        value = value.base
        if value is not None and not isinstance(value, np.ndarray):
            return True
    return False
