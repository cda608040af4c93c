"""The environments of one worker."""

import time
from typing import Any

from mmbench.env import TaskEnv
from mmbench.errors import MMBenchError
from mmbench.vector.layout import KEEP_DRAWING, STAY_IDLE, SlotArrays
from mmbench.vector.pool import RESET, Assignment, Command

_COST_SMOOTHING = 0.05


class SlotRunner:
    """Plays the slots of one worker and writes what happens into the arrays."""

    def __init__(self, assignment: Assignment, arrays: SlotArrays) -> None:
        self._assignment = assignment
        self._arrays = arrays
        self._obs_type = arrays.layout.obs_type
        self._envs: dict[int, TaskEnv] = {}

    def create(self) -> None:
        """Build the environments that do not exist yet, counting them for the progress bar."""
        for slot in self._assignment.slots:
            self._env(slot)

    def play(self, command: Command) -> None:
        """Do what was asked for, in every slot.

        Raises:
            MMBenchError: If an environment raised an error; it names task, seed and step.
        """
        self._reset() if command == RESET else self._step()

    def _reset(self) -> None:
        """Begin an episode in every slot, with the seed in `next_seed`."""
        for slot in self._assignment.slots:
            self._beat()
            self._arrays["truncated"][slot] = False
            self._begin(slot)

    def _step(self) -> None:
        """Step every active slot; where an episode ends, the next one begins (same-step)."""
        arrays = self._arrays
        for slot in self._assignment.slots:
            if not arrays["active"][slot]:
                arrays["truncated"][slot] = False
                arrays["rewards"][slot] = 0.0
                continue
            self._beat()
            env = self._env(slot)
            started = time.perf_counter()
            try:
                obs, reward, _, is_over, info = env.step(
                    arrays["actions"][slot, : env.task.action_dim]
                )
            except Exception as error:
                raise MMBenchError(self._where(slot, error)) from error
            seconds = time.perf_counter() - started
            arrays["step_seconds"][slot] += _COST_SMOOTHING * (
                seconds - arrays["step_seconds"][slot]
            )
            arrays["rewards"][slot] = reward
            arrays["truncated"][slot] = is_over
            if is_over:
                self._write(slot, obs, info, prefix="final_")
                self._begin(slot)
            else:
                self._write(slot, obs, info)

    def close(self) -> None:
        """Close all environments."""
        for env in self._envs.values():
            env.close()
        self._envs.clear()

    def _env(self, slot: int) -> TaskEnv:
        if slot not in self._envs:
            self._beat()
            task = self._assignment.tasks[self._assignment.slots.index(slot)]
            env = TaskEnv(task, obs_type=self._obs_type, image_size=self._arrays.layout.image_size)
            self._envs[slot] = env
            self._arrays["standin"][slot] = env.simulator.assets != "official"
            self._arrays["num_created"][self._assignment.worker] += 1
        return self._envs[slot]

    def _begin(self, slot: int) -> None:
        arrays = self._arrays
        seed = int(arrays["next_seed"][slot])
        arrays["next_seed"][slot] = KEEP_DRAWING
        arrays["active"][slot] = seed != STAY_IDLE
        if seed == STAY_IDLE:
            arrays["states"][slot] = 0.0
            return
        env = self._env(slot)
        try:
            obs, info = env.reset(seed=None if seed == KEEP_DRAWING else seed)
        except Exception as error:
            raise MMBenchError(self._where(slot, error)) from error
        assert env.episode_seed is not None
        arrays["episode_seed"][slot] = env.episode_seed
        self._write(slot, obs, info)

    def _write(self, slot: int, obs: Any, info: dict[str, Any], prefix: str = "") -> None:
        arrays = self._arrays
        if self._obs_type != "rgb":
            state = obs if self._obs_type == "state" else obs["state"]
            arrays[f"{prefix}states"][slot, : len(state)] = state
        if self._obs_type != "state":
            arrays[f"{prefix}images"][slot] = obs if self._obs_type == "rgb" else obs["rgb"]
        for name in ("success", "score", "return"):
            arrays[prefix + name][slot] = info[name]

    def _beat(self) -> None:
        self._arrays["heartbeat"][self._assignment.worker] = time.monotonic()

    def _where(self, slot: int, error: Exception) -> str:
        env = self._env(slot)
        return f"{env.task.id}, seed {env.episode_seed}, step {env.env_steps}: {error}"
