"""Speed and memory, measured side by side in one run."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from mmbench.env import TaskEnv
from mmbench.registry import get_task
from mmbench.simulator import FloatArray
from mmbench.spec import MAX_ACTION_DIM, MAX_OBS_DIM
from mmbench.vector import MultitaskVectorEnv


@dataclass(frozen=True, kw_only=True)
class EnvTiming:
    """Times of one task, in seconds.

    Attributes:
        task: Its id.
        step_s: Median of an env step through `gymnasium.make`.
        simulator_step_s: Median of the simulator's part of it.
        reset_s: A reset.
        create_s: Building the environment.
    """

    task: str
    step_s: float
    simulator_step_s: float
    reset_s: float
    create_s: float


def time_env(task: str, num_steps: int = 100) -> EnvTiming:
    """Time a task, environment and bare simulator in turn in the same episodes."""
    started = time.perf_counter()
    env = gymnasium.make(f"mmbench/{task}")
    create_s = time.perf_counter() - started
    unwrapped = env.unwrapped
    assert isinstance(unwrapped, TaskEnv)
    simulator = unwrapped.simulator
    actions = _actions(unwrapped.task.action_dim)
    steps, simulator_steps, resets = [], [], []
    try:
        for index in range(num_steps):
            if index % (unwrapped.task.max_episode_steps // 2) == 0:
                started = time.perf_counter()
                env.reset(seed=index)
                resets.append(time.perf_counter() - started)
            action = actions[index % len(actions)]
            started = time.perf_counter()
            env.step(action)
            middle = time.perf_counter()
            simulator.step(action)
            ended = time.perf_counter()
            steps.append(middle - started)
            simulator_steps.append(ended - middle)
    finally:
        env.close()
    return EnvTiming(
        task=task,
        step_s=float(np.median(steps)),
        simulator_step_s=float(np.median(simulator_steps)),
        reset_s=float(np.median(resets)),
        create_s=create_s,
    )


@dataclass(frozen=True, kw_only=True)
class VectorTiming:
    """One vector environment.

    Attributes:
        name: Which.
        num_tasks: Slots, one per task.
        start_s: Seconds from the call until the first observations are there.
        steps_per_s: Env steps per second, all slots together.
        memory_mib: Memory of all its processes, shared pages counted once (proportional set
            size), less what this process had before.
    """

    name: str
    num_tasks: int
    start_s: float
    steps_per_s: float
    memory_mib: float


def time_ours(
    tasks: Sequence[str], num_workers: int | None, seconds: float, *, asynchronous: bool = False
) -> VectorTiming:
    """Time `MultitaskVectorEnv`, all slots in step or every group as it becomes ready."""
    actions = np.zeros((len(tasks), MAX_ACTION_DIM), np.float32)
    return _time_vector(
        "mmbench.make_vec, " + ("send/recv" if asynchronous else "step"),
        lambda: MultitaskVectorEnv(tasks, num_workers=num_workers),
        actions,
        seconds,
        _rate_of_groups if asynchronous else _rate_in_step,
    )


def time_gymnasium(tasks: Sequence[str], *, asynchronous: bool, seconds: float) -> VectorTiming:
    """Time `AsyncVectorEnv` (one process per task) or `SyncVectorEnv` over the same tasks."""
    makers: list[Callable[[], Any]] = [_PaddedMaker(task) for task in tasks]
    actions = np.zeros((len(tasks), MAX_ACTION_DIM), np.float32)
    if asynchronous:
        return _time_vector(
            "gymnasium AsyncVectorEnv",
            lambda: gymnasium.vector.AsyncVectorEnv(makers, context="spawn"),
            actions,
            seconds,
        )
    return _time_vector(
        "gymnasium SyncVectorEnv",
        lambda: gymnasium.vector.SyncVectorEnv(makers),
        actions,
        seconds,
    )


def memory_mib() -> float:
    """Return the proportional set size of this process and all its descendants, in MiB."""
    return sum(_proportional_kib(pid) for pid in _process_tree(os.getpid())) / 1024


def cpu_s() -> float:
    """Return the CPU seconds that this process and all its descendants have used so far."""
    return sum(_cpu_ticks(pid) for pid in _process_tree(os.getpid())) / os.sysconf("SC_CLK_TCK")


class PaddedEnv(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A task with the spaces of the vector environment, for vector classes that need equal ones."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        unwrapped = env.unwrapped
        assert isinstance(unwrapped, TaskEnv)
        self._task = unwrapped.task
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (MAX_OBS_DIM,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1, 1, (MAX_ACTION_DIM,), np.float32)

    def reset(self, **kwargs: Any) -> tuple[FloatArray, dict[str, Any]]:
        """Reset and pad."""
        obs, info = self.env.reset(**kwargs)
        return self._padded(obs), info

    def step(self, action: FloatArray) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:
        """Step with the first entries of the action and pad."""
        obs, reward, is_terminated, is_truncated, info = self.env.step(
            action[: self._task.action_dim]
        )
        return self._padded(obs), float(reward), is_terminated, is_truncated, info

    def _padded(self, obs: FloatArray) -> FloatArray:
        padded = np.zeros(MAX_OBS_DIM, np.float32)
        padded[: len(obs)] = obs
        return padded


class _PaddedMaker:
    """Makes a padded environment; unlike a lambda it travels to other processes."""

    def __init__(self, task: str) -> None:
        self._task = task

    def __call__(self) -> PaddedEnv:
        return PaddedEnv(gymnasium.make(f"mmbench:mmbench/{self._task}"))


def _rate_in_step(envs: Any, actions: FloatArray, seconds: float) -> float:
    started = time.perf_counter()
    rounds = 0
    while rounds < 2 or time.perf_counter() - started < seconds:
        envs.step(actions)
        rounds += 1
    return rounds * len(actions) / (time.perf_counter() - started)


def _rate_of_groups(envs: MultitaskVectorEnv, actions: FloatArray, seconds: float) -> float:
    started = time.perf_counter()
    num_steps = 0
    for group, slots in enumerate(envs.groups):
        envs.send(actions[slots], group)
    while time.perf_counter() - started < seconds:
        group, *_ = envs.recv()
        slots = envs.groups[group]
        num_steps += len(slots)
        envs.send(actions[slots], group)
    for _ in envs.groups:
        group, *_ = envs.recv()
        num_steps += len(envs.groups[group])
    return num_steps / (time.perf_counter() - started)


def _time_vector(
    name: str,
    build: Callable[[], Any],
    actions: FloatArray,
    seconds: float,
    measure: Callable[[Any, FloatArray, float], float] = _rate_in_step,
) -> VectorTiming:
    before = memory_mib()
    started = time.perf_counter()
    envs = build()
    try:
        envs.reset(seed=0)
        start_s = time.perf_counter() - started
        envs.step(actions)
        memory = memory_mib() - before
        steps_per_s = measure(envs, actions, seconds)
    finally:
        envs.close()
    return VectorTiming(
        name=name,
        num_tasks=len(actions),
        start_s=start_s,
        steps_per_s=steps_per_s,
        memory_mib=memory,
    )


def _actions(action_dim: int) -> FloatArray:
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (64, action_dim)).astype(np.float32)


def _process_tree(root: int) -> list[int]:
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        try:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                queue += [int(child) for child in (thread / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return found


def _cpu_ticks(pid: int) -> int:
    """Return the clock ticks of a process and of those it has waited for (proc(5), 14 to 17)."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, after_name[11:15]))


def _proportional_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def spread(tasks: Sequence[str], count: int) -> tuple[str, ...]:
    """Choose `count` tasks evenly from the list, so that every domain keeps its share."""
    if count >= len(tasks):
        return tuple(tasks)
    indices = np.linspace(0, len(tasks) - 1, count).round().astype(int)
    return tuple(tasks[i] for i in indices)


def domain_of(task: str) -> str:
    """Return the name of a task's domain."""
    return get_task(task).domain.name
