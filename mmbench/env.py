"""The one Gymnasium environment of the suite."""

import dataclasses
import math
from typing import Any, Literal, NamedTuple

import gymnasium
import numpy as np

from mmbench.checks import between
from mmbench.dependencies import needed_for
from mmbench.errors import ActionError, EpisodeOverError, UsageError
from mmbench.registry import get_task, load_simulator
from mmbench.simulator import FloatArray, Image, SimState, Simulator
from mmbench.spec import TaskSpec

ObsType = Literal["state", "rgb", "state+rgb"]
OBS_TYPES: tuple[ObsType, ...] = ("state", "rgb", "state+rgb")
IMAGE_SIZE = 224
MAX_IMAGE_SIZE = 4096

Observation = FloatArray | Image | dict[str, Any]


class EnvState(NamedTuple):
    """A snapshot of a `TaskEnv` in the middle of an episode."""

    env_steps: int
    episode_return: float
    success: bool
    seed: int
    last_state: FloatArray
    simulator: SimState


class TaskEnv(gymnasium.Env[Observation, FloatArray]):
    """A task of the suite as a Gymnasium environment.

    Observations are float32 states, `(height, width, 3)` uint8 pictures, or a dict of both.
    Actions are clipped to [-1, 1]. An episode never terminates and is truncated after exactly
    `task.max_episode_steps` steps. `info` holds `success`, `score` and `return` so far.

    An episode is a function of the task, its seed and the actions: `reset(seed=s)` starts the
    same episode whatever the environment did before. A reset without a seed draws one;
    `episode_seed` tells which. `last_state` is the state observation as it is now.

    Args:
        task: Task id.
        obs_type: `state`, `rgb` or `state+rgb`.
        render_mode: `rgb_array` to draw pictures with `render()`, or `None`.
        image_size: Height and width of pictures, in pixels.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012 - as gymnasium declares it

    def __init__(
        self,
        task: str,
        *,
        obs_type: ObsType = "state",
        render_mode: str | None = None,
        image_size: int = IMAGE_SIZE,
    ) -> None:
        if obs_type not in OBS_TYPES:
            raise UsageError(f"obs_type is {obs_type!r}, expected one of {', '.join(OBS_TYPES)}")
        if render_mode not in (None, "rgb_array"):
            raise UsageError(f"render_mode is {render_mode!r}, expected 'rgb_array' or None")
        between(1, MAX_IMAGE_SIZE, image_size=image_size)
        self.task: TaskSpec = get_task(task)
        self.obs_type = obs_type
        self.render_mode = render_mode
        self.image_size = image_size
        self.simulator: Simulator = load_simulator(
            self.task, pictures=render_mode is not None or obs_type != "state"
        )
        self.observation_space = observation_space(self.task.obs_dim, obs_type, image_size)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self.task.action_dim,), np.float32)
        self.episode_seed: int | None = None
        self.last_state: FloatArray = np.zeros(self.task.obs_dim, np.float32)
        self._action_shape = (self.task.action_dim,)
        self._high = np.ones(self.task.action_dim, np.float32)
        self._low = -self._high
        self._asset_info = {"assets": self.simulator.assets} if self.task.assets else {}
        self._spec: gymnasium.envs.registration.EnvSpec | None = None
        self._is_closed = False
        self._env_steps = 0
        self._return = 0.0
        self._success = False
        self._is_running = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start the episode of `seed`, or of a seed drawn from the previous ones."""
        self._check_open()
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        self.episode_seed = seed
        obs = self.simulator.reset(np.random.Generator(np.random.PCG64(seed)))
        self._env_steps = 0
        self._return = 0.0
        self._success = False
        self._is_running = True
        return self._observe(obs), self._info()

    def step(self, action: FloatArray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Play one env step.

        Raises:
            ActionError: If `action` has another shape than `(action_dim,)`, or NaN or inf in it.
            EpisodeOverError: Before the first `reset` and after the last step of an episode.
        """
        if not self._is_running:
            self._check_open()
            raise EpisodeOverError(f"{self.task.id}: no episode is running; call reset() first")
        transition = self.simulator.step(self._checked(action))
        reward = float(transition.reward)
        self._env_steps += 1
        self._return += reward
        self._success = bool(transition.success)
        is_over = self._env_steps >= self.task.max_episode_steps
        self._is_running = not is_over
        return self._observe(transition.obs), reward, False, is_over, self._info()

    def render(self) -> Image | None:
        """Draw the current state, uint8, shape `(image_size, image_size, 3)`."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs gymnasium.make(..., render_mode='rgb_array')")
            return None
        self._check_open()
        return self._draw()

    @property
    def spec(self) -> gymnasium.envs.registration.EnvSpec | None:
        """What `gymnasium.make` has built this from, with the length of every episode."""
        return self._spec

    @spec.setter
    def spec(self, spec: gymnasium.envs.registration.EnvSpec | None) -> None:
        # The environment counts by itself. A registered length would add a TimeLimit, which
        # `set_state` does not turn back.
        self._spec = spec and dataclasses.replace(
            spec, max_episode_steps=self.task.max_episode_steps
        )

    @property
    def env_steps(self) -> int:
        """Env steps of the running episode so far."""
        return self._env_steps

    @property
    def is_success(self) -> bool:
        """Whether the goal holds now."""
        return self._success

    def get_state(self) -> EnvState:
        """Return a snapshot; `set_state` of it continues the episode bit-identically."""
        self._check_open()
        if self.episode_seed is None:
            raise EpisodeOverError(f"{self.task.id}: no episode is running; call reset() first")
        return EnvState(
            self._env_steps,
            self._return,
            self._success,
            self.episode_seed,
            self.last_state,
            self.simulator.get_state(),
        )

    def set_state(self, state: EnvState) -> None:
        """Go back to a snapshot taken by this or another environment of the same task."""
        self._check_open()
        self.simulator.set_state(state.simulator)
        self._env_steps = state.env_steps
        self._return = state.episode_return
        self._success = state.success
        self.episode_seed = state.seed
        self.last_state = state.last_state
        self._is_running = state.env_steps < self.task.max_episode_steps

    def close(self) -> None:
        """Free the simulator; a closed environment cannot be used again."""
        self._is_running = False
        if not self._is_closed:
            self._is_closed = True
            self.simulator.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise EpisodeOverError(f"{self.task.id}: the environment is closed; make a new one")

    def _checked(self, action: FloatArray) -> FloatArray:
        checked = np.asarray(action, dtype=np.float32)
        if checked.shape != self._action_shape:
            raise ActionError(
                f"action has shape {checked.shape}, '{self.task.id}' takes {self._action_shape}"
            )
        # A few entries are checked faster one by one than by NumPy.
        for index, entry in enumerate(checked.tolist()):
            if not math.isfinite(entry):
                raise ActionError(
                    f"action entry {index} is {entry}, '{self.task.id}' takes finite numbers"
                )
        return np.minimum(np.maximum(checked, self._low), self._high)

    def _observe(self, state: FloatArray) -> Observation:
        self.last_state = state
        if self.obs_type == "state":
            return state
        image = self._draw()
        return image if self.obs_type == "rgb" else {"state": state, "rgb": image}

    def _draw(self) -> Image:
        domain = self.task.domain
        purpose = f"a picture of {self.task.id}"
        with needed_for(purpose, domain.extra, distribution=domain.distribution):
            return self.simulator.render(self.image_size, self.image_size)

    def _info(self) -> dict[str, Any]:
        return {
            "success": self._success,
            "score": self.task.score.score(self._return, self._success),
            "return": self._return,
            **self._asset_info,
        }


def observation_space(
    obs_dim: int, obs_type: ObsType, image_size: int
) -> gymnasium.spaces.Space[Any]:
    """Return the space of observations with `obs_dim` state entries."""
    state = gymnasium.spaces.Box(-np.inf, np.inf, (obs_dim,), np.float32)
    image = gymnasium.spaces.Box(0, 255, (image_size, image_size, 3), np.uint8)
    if obs_type == "state":
        return state
    if obs_type == "rgb":
        return image
    return gymnasium.spaces.Dict({"state": state, "rgb": image})
