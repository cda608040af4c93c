"""Environments of one worker, and the loop of a worker process."""

import contextlib
import os
import signal
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from mmbench.env import TaskEnv
from mmbench.errors import MMBenchError
from mmbench.vector.layout import KEEP_DRAWING, STAY_IDLE, Layout, SharedArrays

RESET = b"R"
STEP = b"S"
CLOSE = b"C"
DONE = b"D"
FAILED = b"F"  # followed by the text of the error

_COST_SMOOTHING = 0.05


class Assignment(NamedTuple):
    """Which slots a worker plays, and on which tasks."""

    worker: int
    slots: tuple[int, ...]
    tasks: tuple[str, ...]


class SlotRunner:
    """Plays the slots of one worker and writes what happens into the shared arrays."""

    def __init__(self, assignment: Assignment, arrays: SharedArrays) -> None:
        self._assignment = assignment
        self._arrays = arrays
        self._obs_type = arrays.layout.obs_type
        self._envs: dict[int, TaskEnv] = {}
        self._env_steps: dict[int, int] = {}

    def create(self) -> None:
        """Build the environments that do not exist yet, counting them for the progress bar."""
        for slot in self._assignment.slots:
            self._env(slot)

    def reset(self) -> None:
        """Begin an episode in every slot, with the seed in `next_seed`."""
        for slot in self._assignment.slots:
            self._beat()
            self._arrays["truncated"][slot] = False
            self._begin(slot)

    def step(self) -> None:
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
            self._env_steps[slot] += 1
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
        self._env_steps[slot] = 0
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
        step = self._env_steps.get(slot, 0)
        return f"{env.task.id}, seed {env.episode_seed}, step {step}: {error}"


def run_worker(
    assignment: Assignment, layout: Layout, memory_name: str, connection: Connection, lazy: bool
) -> None:
    """Serve the parent until it says so or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    arrays = SharedArrays(layout, shared=True, name=memory_name)
    runner = SlotRunner(assignment, arrays)
    try:
        if not lazy:
            runner.create()
        connection.send_bytes(DONE)
        while (command := connection.recv_bytes()) != CLOSE:
            runner.reset() if command == RESET else runner.step()
            connection.send_bytes(DONE)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent is gone
    except MMBenchError as error:
        _report(connection, str(error))
    except Exception as error:
        _report(connection, f"{error!r}\n{traceback.format_exc()}")
    finally:
        runner.close()
        arrays.close()
        # Simulators with native threads can hang in their exit handlers; everything is written.
        os._exit(0)


def _report(connection: Connection, text: str) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.send_bytes(FAILED + text.encode())


ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
}
"""Environment variables of worker processes: one thread per simulator."""
