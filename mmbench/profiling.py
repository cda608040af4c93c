"""Where the time of an env step goes: compiled simulator code, the package's Python, ours."""

import contextlib
import cProfile
import functools
import pstats
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import numpy as np

from mmbench.env import TaskEnv

Owner = Literal["compiled", "package", "ours"]

_OURS = str(Path(__file__).parent)
_STDLIB = sysconfig.get_path("stdlib")
_NUMPY = str(Path(np.__file__).parent)
# How the profiler names functions of the simulators' extension modules.
_COMPILED = ("mujoco.", "sapien.", "Box2D.", "ale_py.")
_Function = tuple[str, int, str]


@dataclass(frozen=True, kw_only=True)
class EnvProfile:
    """CPU time of a task's env step, in seconds.

    Attributes:
        task: Its id.
        domain: Its domain.
        step_s: Mean, measured without a profiler.
        compiled_s: In the simulator's compiled code.
        package_s: In the Python code of the simulator's package.
        ours_s: In ours.
    """

    task: str
    domain: str
    step_s: float
    compiled_s: float
    package_s: float
    ours_s: float


def profile_env(task: str, num_steps: int = 100) -> EnvProfile:
    """Play steps of a task in turns without and with a profiler.

    A profiler makes Python slower and hardly touches compiled code: that code's time is taken as
    profiled, less what the profiler itself takes, and the rest of the true time is shared out as
    the profile says. NumPy and the standard library count for whoever calls them.
    """
    env = TaskEnv(task)
    rng = np.random.default_rng(0)
    profiler = cProfile.Profile(time.process_time)
    seconds = 0.0
    try:
        with _visible_to_the_profiler(env):
            env.reset(seed=0)
            env.step(env.action_space.sample())  # the first step fills caches
            for index in range(2 * num_steps):
                if index % min(50, env.task.max_episode_steps) == 0:
                    env.reset(seed=index)
                action = rng.uniform(-1, 1, env.task.action_dim).astype(np.float32)
                if index % 2 == 0:
                    started = time.process_time()
                    env.step(action)
                    seconds += time.process_time() - started
                else:
                    profiler.enable()
                    env.step(action)
                    profiler.disable()
    finally:
        env.close()
    step_s = seconds / num_steps
    shares = _times(pstats.Stats(profiler))
    compiled_s = min(step_s, shares["compiled"] / num_steps)
    python = shares["package"] + shares["ours"] or 1.0
    package_s = (step_s - compiled_s) * shares["package"] / python
    return EnvProfile(
        task=task,
        domain=env.task.domain.name,
        step_s=step_s,
        compiled_s=compiled_s,
        package_s=package_s,
        ours_s=step_s - compiled_s - package_s,
    )


def _times(stats: Any) -> dict[Owner, float]:
    """Return seconds per owner."""
    functions: dict[_Function, Any] = stats.stats
    known: dict[_Function, dict[Owner, float]] = {}
    profiler_s = _profiler_s_per_call()

    def owners(function: _Function) -> dict[Owner, float]:
        """Return which parts of a function's time belong to whom."""
        if function not in known:
            owner = _owner(function)
            known[function] = {"ours": 1.0} if owner is None else {owner: 1.0}
            if owner is None:
                known[function] = _of_callers(functions[function][4], owners)
        return known[function]

    found: dict[Owner, float] = {"compiled": 0.0, "package": 0.0, "ours": 0.0}
    for function, (_, num_calls, own_s, _, _) in functions.items():
        net_s = max(0.0, own_s - num_calls * profiler_s)
        for owner, part in owners(function).items():
            found[owner] += net_s * part
    return found


@functools.cache
def _profiler_s_per_call() -> float:
    """Return the time that the profiler adds to a call of a function that does nothing."""
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    for _ in range(2000):
        abs(0)
    profiler.disable()
    stats: Any = pstats.Stats(profiler)
    return next(v[2] / v[1] for name, v in stats.stats.items() if "builtins.abs" in name[2])


def _of_callers(
    callers: dict[_Function, Any], owners: Callable[[_Function], dict[Owner, float]]
) -> dict[Owner, float]:
    total = sum(own_s for _, _, own_s, _ in callers.values())
    if total == 0:
        return {"ours": 1.0}
    found: dict[Owner, float] = {}
    for caller, (_, _, own_s, _) in callers.items():
        for owner, part in owners(caller).items():
            found[owner] = found.get(owner, 0.0) + part * own_s / total
    return found


def _owner(function: _Function) -> Owner | None:
    """Return whose a function is, `None` for one that everybody uses."""
    file, _, name = function
    if file.startswith(_OURS):
        return "compiled" if name == _console_step.__name__ else "ours"
    if file == "~":
        return "compiled" if any(module in name for module in _COMPILED) else None
    is_shared = file.startswith(_NUMPY) or (
        file.startswith(_STDLIB) and "site-packages" not in file
    )
    return None if is_shared or file.startswith("<") else "package"


@contextlib.contextmanager
def _visible_to_the_profiler(env: TaskEnv) -> Iterator[None]:
    """Let the profiler see Atari's console, whose bindings call it past all hooks."""
    ale = getattr(env.simulator, "ale", None)
    if ale is None:
        yield
        return
    with mock.patch.object(env.simulator, "ale", _Console(ale)):
        yield


class _Console:
    def __init__(self, ale: Any) -> None:
        self._ale = ale
        self.act = lambda action: _console_step(ale, action)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ale, name)


def _console_step(ale: Any, action: Any) -> int:
    return int(ale.act(action))
