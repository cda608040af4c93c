"""MultitaskVectorEnv: many tasks, few workers."""

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from mmbench.cluster import cluster_cores
from mmbench.env import IMAGE_SIZE, OBS_TYPES, ObsType, observation_space
from mmbench.errors import ActionError, EpisodeOverError, UsageError
from mmbench.progress import OnProgress, ignore_progress
from mmbench.registry import get_task
from mmbench.simulator import FloatArray
from mmbench.spec import MAX_ACTION_DIM, MAX_OBS_DIM
from mmbench.vector.layout import KEEP_DRAWING, Layout
from mmbench.vector.placement import place, remember_step_costs, step_cost
from mmbench.vector.pool import RESET, STEP, Assignment, Command, Pool, PoolPlan
from mmbench.vector.processes import ProcessPool
from mmbench.vector.ray import RayPool
from mmbench.vector.serial import SerialPool

Backend = Literal["process", "serial", "ray"]
BACKENDS: tuple[Backend, ...] = ("process", "serial", "ray")


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
        num_workers: Worker processes; default one per core (of the cluster, with `ray`); 0 plays in
            this process.
        obs_type: `state`, `rgb` or `state+rgb`.
        image_size: Height and width of pictures.
        backend: `process`; `serial`, which is what 0 workers mean; or `ray`, workers in the cluster
            that `mmbench.cluster.connect` or `ray.init` has joined, else in the one that
            `RAY_ADDRESS` names, else on this machine.
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
        workers = 1 if backend == "serial" else (num_workers or _num_cores(backend))
        self.groups = tuple(np.array(slots) for slots in place(self.tasks, workers))
        layout = Layout(self.num_envs, len(self.groups), obs_type, image_size)
        assignments = [
            Assignment(i, tuple(int(s) for s in slots), tuple(self.tasks[s] for s in slots))
            for i, slots in enumerate(self.groups)
        ]
        plan = PoolPlan(
            assignments=assignments,
            layout=layout,
            is_lazy=lazy,
            hang_timeout_s=hang_timeout_s,
            on_progress=on_progress,
        )
        self._pool = _POOLS[backend](plan)
        self._finalizer = weakref.finalize(self, self._pool.close)
        self._slots = self._pool.slots
        self._slots["step_seconds"][:] = [step_cost(task) for task in self.tasks]
        try:
            self._pool.wait_until_built()
        except BaseException:
            self._finalizer()
            raise
        self._is_stepping = False
        self._has_episodes = False

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
            self._slots["next_seed"][:] = [KEEP_DRAWING if s is None else s for s in seed]
        self._send_all(RESET)
        self._receive_all()
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
        self._slots["actions"][:] = _checked_actions(actions, (self.num_envs, MAX_ACTION_DIM))
        self._send_all(STEP)
        self._is_stepping = True

    def step_wait(
        self,
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Return observations, rewards, terminations (never), truncations and infos."""
        if not self._is_stepping:
            raise EpisodeOverError("step_wait() without step_async()")
        self._receive_all()
        self._is_stepping = False
        return self._results(np.arange(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the workers and free the shared memory; remember what steps cost."""
        if self._finalizer.alive:
            remember_step_costs(dict(zip(self.tasks, self.step_seconds.tolist(), strict=True)))
        self._finalizer()

    def send(self, actions: FloatArray, group: int) -> None:
        """Send actions for one group, shape `(len(groups[group]), MAX_ACTION_DIM)`."""
        self._check_running()
        slots = self.groups[group]
        self._slots["actions"][slots] = _checked_actions(actions, (len(slots), MAX_ACTION_DIM))
        self._pool.send(group, STEP)

    def recv(
        self,
    ) -> tuple[int, Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Wait for whichever group is ready; return its index, then `step`'s results for it."""
        group = self._pool.receive_any()
        return (group, *self._results(self.groups[group]))

    def set_next_seed(self, slot: int, seed: int) -> None:
        """Fix the seed of the slot's next episode, or `STAY_IDLE` to play no more after this.

        It is set between `recv` and `send`: a worker that is at work may not see it any more.
        """
        self._slots["next_seed"][slot] = seed

    @property
    def episode_seeds(self) -> NDArray[np.int64]:
        """Seeds of the running episodes, shape `(num_envs,)`."""
        return self._slots["episode_seed"].copy()

    @property
    def active(self) -> NDArray[np.bool_]:
        """Which slots play an episode, shape `(num_envs,)`."""
        return self._slots["active"].copy()

    @property
    def uses_stand_ins(self) -> NDArray[np.bool_]:
        """Which slots play with stand-in assets, shape `(num_envs,)`; true once they are built."""
        return self._slots["standin"].copy()

    @property
    def step_seconds(self) -> NDArray[np.float64]:
        """Smoothed time of a step in every slot, in seconds, as measured while running."""
        return self._slots["step_seconds"].copy()

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """Process ids of the workers; empty with the serial backend."""
        return self._pool.pids

    def _send_all(self, command: Command) -> None:
        for group in range(len(self.groups)):
            self._pool.send(group, command)

    def _receive_all(self) -> None:
        for _ in self.groups:
            self._pool.receive_any()

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
            return self._slots[f"{prefix}states"][slots].copy()
        images = self._slots[f"{prefix}images"][slots].copy()
        if self.obs_type == "rgb":
            return images
        return {"state": self._slots[f"{prefix}states"][slots].copy(), "rgb": images}

    def _running_info(self, slots: NDArray[np.int64]) -> dict[str, Any]:
        return self._info(slots, np.ones(len(slots), np.bool_))

    def _info(
        self, slots: NDArray[np.int64], mask: NDArray[np.bool_], prefix: str = ""
    ) -> dict[str, Any]:
        info: dict[str, Any] = {}
        for name in ("success", "score", "return"):
            info[name] = self._slots[prefix + name][slots].copy()
            info[f"_{name}"] = mask
        return info

    def _results(
        self, slots: NDArray[np.int64]
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        truncated = self._slots["truncated"][slots].copy()
        info = self._running_info(slots)
        if truncated.any():
            info["final_obs"] = self._observations(slots, prefix="final_")
            info["_final_obs"] = truncated
            info["final_info"] = self._info(slots, truncated, prefix="final_")
            info["final_info"]["worker_restarted"] = self._slots["restarted"][slots].copy()
            info["final_info"]["_worker_restarted"] = truncated
            info["_final_info"] = truncated
            self._slots["restarted"][slots] = False
        rewards = self._slots["rewards"][slots].copy()
        return self._observations(slots), rewards, np.zeros_like(truncated), truncated, info


_POOLS: Mapping[Backend, Callable[[PoolPlan], Pool]] = {
    "serial": SerialPool,
    "process": ProcessPool,
    "ray": RayPool,
}


def _num_cores(backend: Backend) -> int:
    return cluster_cores() if backend == "ray" else os.cpu_count() or 1


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
