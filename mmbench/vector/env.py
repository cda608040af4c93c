"""MultitaskVectorEnv: many tasks, few workers, shared memory."""

import contextlib
import logging
import multiprocessing
import os
import time
import weakref
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Literal, NamedTuple

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from mmbench.env import IMAGE_SIZE, OBS_TYPES, ObsType, observation_space
from mmbench.errors import ActionError, EpisodeOverError, MMBenchError, UsageError, WorkerError
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import get_task
from mmbench.simulator import FloatArray
from mmbench.spec import MAX_ACTION_DIM, MAX_OBS_DIM
from mmbench.vector.layout import KEEP_DRAWING, STAY_IDLE, Layout, SharedArrays
from mmbench.vector.placement import place, remember_step_costs, step_cost
from mmbench.vector.worker import (
    CLOSE,
    DONE,
    FAILED,
    ONE_THREAD,
    RESET,
    STEP,
    Assignment,
    SlotRunner,
    run_worker,
)

Backend = Literal["process", "serial"]
BACKENDS: tuple[Backend, ...] = ("process", "serial")

_LOG = logging.getLogger(__name__)
_POLL_S = 0.5
_BUILDING = "building environments"
_MAX_RESTARTS_IN_A_ROW = 5


class MultitaskVectorEnv(gymnasium.vector.VectorEnv[Any, FloatArray, Any]):
    """One slot per task and copy; worker processes hold many slots each.

    Observations are zero-padded to `MAX_OBS_DIM` entries and actions read from the first entries
    of `MAX_ACTION_DIM`. When an episode ends, the next one begins in the same step: `obs` is its
    first observation, `info["final_obs"]` and `info["final_info"]` tell how the last one ended
    (rows where `info["_final_obs"]` is true). `info` holds `success`, `score` and `return` so far.

    A worker that dies or hangs is replaced. Its slots come back truncated, with
    `worker_restarted` true in `final_info`, and begin the episode they were playing once more.

    Besides `step`, workers can be served one by one as they become ready (`send` and `recv`), so
    that inference and simulation overlap; `groups` holds the slots of every worker.

    Args:
        tasks: Task ids.
        copies: Slots per task.
        num_workers: Worker processes; default one per core; 0 plays in this process.
        obs_type: `state`, `rgb` or `state+rgb`.
        image_size: Height and width of pictures.
        backend: `process`, or `serial`, which is what 0 workers mean.
        lazy: Build each environment when its first episode begins, not before.
        hang_timeout_s: Longest time one environment may take for a step, reset or start.
        on_progress: Called as environments are built.
    """

    metadata = {  # noqa: RUF012 - as gymnasium declares it
        "autoreset_mode": AutoresetMode.SAME_STEP,
        "render_modes": [],
    }

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        copies: int = 1,
        num_workers: int | None = None,
        obs_type: ObsType = "state",
        image_size: int = IMAGE_SIZE,
        backend: Backend = "process",
        lazy: bool = False,
        hang_timeout_s: float = 120.0,
        on_progress: OnProgress = ignore_progress,
    ) -> None:
        self.tasks = tuple(task for task in tasks for _ in range(copies))
        _check_arguments(self.tasks, copies, num_workers, obs_type, backend)
        if num_workers == 0:
            backend = "serial"
        self.obs_type = obs_type
        specs = [get_task(task) for task in self.tasks]
        self.num_envs = len(specs)
        self.task_index = np.repeat(np.arange(len(tasks)), copies)
        self.obs_mask = np.arange(MAX_OBS_DIM) < np.array([[s.obs_dim] for s in specs])
        self.action_mask = np.arange(MAX_ACTION_DIM) < np.array([[s.action_dim] for s in specs])
        self._set_spaces(image_size)
        workers = 1 if backend == "serial" else (num_workers or os.cpu_count() or 1)
        self.groups = tuple(np.array(slots) for slots in place(self.tasks, workers))
        layout = Layout(self.num_envs, len(self.groups), obs_type, image_size)
        self._arrays = SharedArrays(layout, shared=backend == "process")
        self._arrays["step_seconds"][:] = [step_cost(task) for task in self.tasks]
        assignments = [
            Assignment(i, tuple(int(s) for s in slots), tuple(self.tasks[s] for s in slots))
            for i, slots in enumerate(self.groups)
        ]
        self._pool: _SerialPool | _ProcessPool = (
            _SerialPool(assignments, self._arrays, lazy, on_progress)
            if backend == "serial"
            else _ProcessPool(assignments, self._arrays, lazy, hang_timeout_s, on_progress)
        )
        self._finalizer = weakref.finalize(self, _shut_down, self._pool, self._arrays)
        self._pool.wait_until_built()
        self._is_stepping = False
        self._has_episodes = False

    # Gymnasium's vector API ----------------------------------------------------------------------

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in every slot.

        Args:
            seed: A number `s` (slot i gets `s + i`), one seed per slot, or `None`: every slot
                draws its own. Later episodes of a slot follow from its first seed.
            options: Not used.
        """
        if isinstance(seed, int):
            seed = [seed + slot for slot in range(self.num_envs)]
        if seed is not None:
            if len(seed) != self.num_envs:
                raise UsageError(f"got {len(seed)} seeds for {self.num_envs} slots")
            self._arrays["next_seed"][:] = [KEEP_DRAWING if s is None else s for s in seed]
        self._pool.send_all(RESET)
        self._pool.receive_all()
        self._has_episodes = True
        self._is_stepping = False
        return self._observations(), self._running_info(np.arange(self.num_envs))

    def step(
        self, actions: FloatArray
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Step every slot; see `step_wait`."""
        self.step_async(actions)
        return self.step_wait()

    def step_async(self, actions: FloatArray) -> None:
        """Send actions, shape `(num_envs, MAX_ACTION_DIM)`, and return at once."""
        self._check_running()
        self._arrays["actions"][:] = _checked_actions(actions, (self.num_envs, MAX_ACTION_DIM))
        self._pool.send_all(STEP)
        self._is_stepping = True

    def step_wait(
        self,
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Return observations, rewards, terminations (never), truncations and infos."""
        if not self._is_stepping:
            raise EpisodeOverError("step_wait() without step_async()")
        self._pool.receive_all()
        self._is_stepping = False
        return self._results(np.arange(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the workers and free the shared memory; remember what steps cost."""
        if self._finalizer.alive:
            remember_step_costs(dict(zip(self.tasks, self.step_seconds.tolist(), strict=True)))
        self._finalizer()

    # Asynchronous mode ---------------------------------------------------------------------------

    def send(self, actions: FloatArray, group: int) -> None:
        """Send actions for one group, shape `(len(groups[group]), MAX_ACTION_DIM)`."""
        self._check_running()
        slots = self.groups[group]
        self._arrays["actions"][slots] = _checked_actions(actions, (len(slots), MAX_ACTION_DIM))
        self._pool.send(group, STEP)

    def recv(
        self,
    ) -> tuple[int, Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Wait for whichever group is ready; return its index, then `step`'s results for it."""
        group = self._pool.receive_any()
        return (group, *self._results(self.groups[group]))

    # Episodes ------------------------------------------------------------------------------------

    def set_next_seed(self, slot: int, seed: int) -> None:
        """Fix the seed of the slot's next episode, or `STAY_IDLE` to play no more after this."""
        self._arrays["next_seed"][slot] = seed

    @property
    def episode_seeds(self) -> NDArray[np.int64]:
        """Seeds of the running episodes, shape `(num_envs,)`."""
        return self._arrays["episode_seed"].copy()

    @property
    def active(self) -> NDArray[np.bool_]:
        """Which slots play an episode, shape `(num_envs,)`."""
        return self._arrays["active"].copy()

    @property
    def uses_stand_ins(self) -> NDArray[np.bool_]:
        """Which slots play with stand-in assets, shape `(num_envs,)`; true once they are built."""
        return self._arrays["standin"].copy()

    @property
    def step_seconds(self) -> NDArray[np.float64]:
        """Smoothed time of a step in every slot, in seconds, as measured while running."""
        return self._arrays["step_seconds"].copy()

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """Process ids of the workers; empty with the serial backend."""
        return self._pool.pids

    def _check_running(self) -> None:
        if not self._has_episodes:
            raise EpisodeOverError("no episode is running; call reset() first")
        if self._is_stepping:
            raise EpisodeOverError("actions were sent already; call step_wait() first")

    def _set_spaces(self, image_size: int) -> None:
        self.single_observation_space = observation_space(MAX_OBS_DIM, self.obs_type, image_size)
        self.single_action_space = gymnasium.spaces.Box(-1, 1, (MAX_ACTION_DIM,), np.float32)
        batch = gymnasium.vector.utils.batch_space
        self.observation_space = batch(self.single_observation_space, self.num_envs)
        self.action_space = batch(self.single_action_space, self.num_envs)

    def _observations(self, slots: Any = slice(None), prefix: str = "") -> Any:
        if self.obs_type == "state":
            return self._arrays[f"{prefix}states"][slots].copy()
        images = self._arrays[f"{prefix}images"][slots].copy()
        if self.obs_type == "rgb":
            return images
        return {"state": self._arrays[f"{prefix}states"][slots].copy(), "rgb": images}

    def _running_info(self, slots: NDArray[np.int64]) -> dict[str, Any]:
        return self._info(slots, np.ones(len(slots), np.bool_))

    def _info(
        self, slots: NDArray[np.int64], mask: NDArray[np.bool_], prefix: str = ""
    ) -> dict[str, Any]:
        info: dict[str, Any] = {}
        for name in ("success", "score", "return"):
            info[name] = self._arrays[prefix + name][slots].copy()
            info[f"_{name}"] = mask
        return info

    def _results(
        self, slots: NDArray[np.int64]
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        truncated = self._arrays["truncated"][slots].copy()
        info = self._running_info(slots)
        if truncated.any():
            info["final_obs"] = self._observations(slots, prefix="final_")
            info["_final_obs"] = truncated
            info["final_info"] = self._info(slots, truncated, prefix="final_")
            info["final_info"]["worker_restarted"] = self._arrays["restarted"][slots].copy()
            info["final_info"]["_worker_restarted"] = truncated
            info["_final_info"] = truncated
            self._arrays["restarted"][slots] = False
        rewards = self._arrays["rewards"][slots].copy()
        return self._observations(slots), rewards, np.zeros_like(truncated), truncated, info


def make_vec(
    tasks: Sequence[str],
    *,
    copies: int = 1,
    num_workers: int | None = None,
    obs_type: ObsType = "state",
    image_size: int = IMAGE_SIZE,
    backend: Backend = "process",
    lazy: bool = False,
    hang_timeout_s: float = 120.0,
    on_progress: OnProgress = ignore_progress,
) -> MultitaskVectorEnv:
    """Build a `MultitaskVectorEnv`; the arguments are explained there."""
    return MultitaskVectorEnv(
        tasks,
        copies=copies,
        num_workers=num_workers,
        obs_type=obs_type,
        image_size=image_size,
        backend=backend,
        lazy=lazy,
        hang_timeout_s=hang_timeout_s,
        on_progress=on_progress,
    )


class _SerialPool:
    """One group, played in this process."""

    pids: tuple[int, ...] = ()

    def __init__(
        self,
        assignments: Sequence[Assignment],
        arrays: SharedArrays,
        lazy: bool,
        on_progress: OnProgress,
    ) -> None:
        self._runner = SlotRunner(assignments[0], arrays)
        self._lazy = lazy
        self._num_envs = len(assignments[0].slots)
        self._on_progress = on_progress
        self._is_ready = False

    def wait_until_built(self) -> None:
        if not self._lazy:
            self._runner.create()
        self._on_progress(Progress(_BUILDING, self._num_envs, self._num_envs))

    def send_all(self, command: bytes) -> None:
        self.send(0, command)

    def send(self, group: int, command: bytes) -> None:
        try:
            self._runner.reset() if command == RESET else self._runner.step()
        except MMBenchError as error:
            raise WorkerError(str(error)) from error
        self._is_ready = True

    def receive_all(self) -> None:
        self.receive_any()

    def receive_any(self) -> int:
        if not self._is_ready:
            raise EpisodeOverError("recv() without send()")
        self._is_ready = False
        return 0

    def close(self) -> None:
        self._runner.close()


class _Before(NamedTuple):
    """A group's slots when its command was sent."""

    active: NDArray[np.bool_]
    episode_seed: NDArray[np.int64]
    next_seed: NDArray[np.int64]


class _ProcessPool:
    """Worker processes, replaced when they die or hang."""

    def __init__(
        self,
        assignments: Sequence[Assignment],
        arrays: SharedArrays,
        lazy: bool,
        hang_timeout_s: float,
        on_progress: OnProgress,
    ) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._assignments = assignments
        self._arrays = arrays
        self._lazy = lazy
        self._hang_timeout_s = hang_timeout_s
        self._on_progress = on_progress
        self._processes: list[BaseProcess] = []
        self._connections: list[Connection] = []
        self._pending: list[bytes | None] = [None] * len(assignments)
        self._before: dict[int, _Before] = {}
        self._num_restarts = [0] * len(assignments)
        self._is_closed = False
        for assignment in assignments:
            process, connection = self._start(assignment)
            self._processes.append(process)
            self._connections.append(connection)

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(process.pid or -1 for process in self._processes)

    def wait_until_built(self) -> None:
        for group in range(len(self._assignments)):
            self._await_start(group)
        self._show_progress()

    def send_all(self, command: bytes) -> None:
        for group in range(len(self._connections)):
            self.send(group, command)

    def send(self, group: int, command: bytes) -> None:
        if self._pending[group] is not None:
            raise EpisodeOverError(f"group {group} is still at work; recv() first")
        self._pending[group] = command
        slots = list(self._assignments[group].slots)
        self._before[group] = _Before(
            *(self._arrays[name][slots].copy() for name in _Before._fields)
        )
        self._arrays["heartbeat"][group] = time.monotonic()
        # If it died since, receiving notices and replaces it.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._connections[group].send_bytes(command)

    def receive_all(self) -> None:
        while any(command is not None for command in self._pending):
            self.receive_any()

    def receive_any(self) -> int:
        while True:
            waiting = [g for g, command in enumerate(self._pending) if command is not None]
            if not waiting:
                raise EpisodeOverError("recv() without send()")
            ready = wait([self._connections[g] for g in waiting], timeout=_POLL_S)
            for group in waiting:
                if self._connections[group] in ready:
                    if self._receive(group):
                        self._num_restarts[group] = 0
                    else:
                        self._replace(group, "died")
                    self._pending[group] = None
                    return group
                if self._is_hung(group):
                    self._replace(group, f"was silent for {self._hang_timeout_s:.0f} s")
                    self._pending[group] = None
                    return group

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        for connection in self._connections:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, OSError):
                connection.send_bytes(CLOSE)
        deadline = time.monotonic() + 5.0
        for process in self._processes:
            process.join(max(0.0, deadline - time.monotonic()))
            _kill(process)
        for connection in self._connections:
            connection.close()

    def _start(self, assignment: Assignment) -> tuple[BaseProcess, Connection]:
        parent, child = self._context.Pipe()
        self._arrays["heartbeat"][assignment.worker] = time.monotonic()
        process = self._context.Process(
            target=run_worker,
            args=(assignment, self._arrays.layout, self._arrays.name, child, self._lazy),
            name=f"mmbench-worker-{assignment.worker}",
            daemon=True,
        )
        with _environment(ONE_THREAD):
            process.start()
        child.close()  # so that the worker's death closes the pipe
        return process, parent

    def _await_start(self, group: int) -> None:
        while not self._connections[group].poll(0.1):
            self._show_progress()
            if self._is_hung(group):
                raise WorkerError(
                    f"worker {group} built no environment for {self._hang_timeout_s:.0f} s"
                )
        if not self._receive(group):
            code = self._processes[group].exitcode
            raise WorkerError(f"worker {group} died while it was starting (exit code {code})")

    def _receive(self, group: int) -> bool:
        """Read the worker's answer; false if it died without one."""
        try:
            answer = self._connections[group].recv_bytes()
        except (EOFError, ConnectionResetError):
            return False
        if answer.startswith(FAILED):
            raise WorkerError(answer[len(FAILED) :].decode())
        assert answer == DONE
        return True

    def _is_hung(self, group: int) -> bool:
        silence = time.monotonic() - float(self._arrays["heartbeat"][group])
        return silence > self._hang_timeout_s

    def _replace(self, group: int, reason: str) -> None:
        """Start the worker anew and begin new episodes in its slots."""
        self._num_restarts[group] += 1
        if self._num_restarts[group] > _MAX_RESTARTS_IN_A_ROW:
            raise WorkerError(f"worker {group} {reason} {_MAX_RESTARTS_IN_A_ROW} times in a row")
        _LOG.warning("worker %d %s; starting it anew", group, reason)
        _kill(self._processes[group])
        self._connections[group].close()
        slots = list(self._assignments[group].slots)
        before, is_step = self._before[group], self._pending[group] == STEP
        # Everything since the last command is lost, episodes that ended in it included: the slots
        # begin what they were playing again, and what was to follow it still follows.
        for name in ("final_states", "final_score", "final_return", "final_success", "rewards"):
            self._arrays[name][slots] = 0
        self._arrays["num_created"][group] = 0
        self._arrays["next_seed"][slots] = (
            np.where(before.active, before.episode_seed, STAY_IDLE) if is_step else before.next_seed
        )
        process, connection = self._start(self._assignments[group])
        self._processes[group], self._connections[group] = process, connection
        self._await_start(group)
        connection.send_bytes(RESET)
        while not connection.poll(_POLL_S):
            if self._is_hung(group):
                return self._replace(group, "was silent after its restart")
        if not self._receive(group):
            return self._replace(group, "died after its restart")
        if is_step:
            self._arrays["next_seed"][slots] = before.next_seed
            self._arrays["truncated"][slots] = before.active
            self._arrays["restarted"][slots] = before.active

    def _show_progress(self) -> None:
        num_slots = sum(len(assignment.slots) for assignment in self._assignments)
        num_created = int(self._arrays["num_created"].sum())
        self._on_progress(Progress(_BUILDING, num_created, num_slots))


def _shut_down(pool: _SerialPool | _ProcessPool, arrays: SharedArrays) -> None:
    pool.close()
    arrays.close()


def _kill(process: BaseProcess) -> None:
    if process.is_alive():
        process.kill()
    process.join()


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _check_arguments(
    tasks: Sequence[str], copies: int, num_workers: int | None, obs_type: str, backend: str
) -> None:
    if copies < 1:
        raise UsageError(f"copies is {copies}, expected 1 or more")
    if not tasks:
        raise UsageError("a vector environment needs at least one task")
    if num_workers is not None and num_workers < 0:
        raise UsageError(f"num_workers is {num_workers}, expected 0 or more")
    if obs_type not in OBS_TYPES:
        raise UsageError(f"obs_type is {obs_type!r}, expected one of {', '.join(OBS_TYPES)}")
    if backend not in BACKENDS:
        raise UsageError(f"backend is {backend!r}, expected one of {', '.join(BACKENDS)}")
    for task in tasks:
        get_task(task)


def _checked_actions(actions: Any, shape: tuple[int, ...]) -> FloatArray:
    try:
        checked = np.asarray(actions, np.float32)
    except (TypeError, ValueError):
        raise ActionError(f"actions are a {type(actions).__name__}, not numbers") from None
    if checked.shape != shape:
        raise ActionError(f"actions have shape {checked.shape}, expected {shape}")
    return checked
