"""Where the time of an env step goes: compiled simulator code, the package's Python, ours."""

import contextlib
import cProfile
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
    """Play the same steps of a task twice, without and with a profiler.

    A profiler makes Python slower and hardly touches compiled code: that code's time is taken as
    profiled, and the rest of the true time is shared out as the profile says. NumPy and the
    standard library count for whoever calls them.
    """
    env = TaskEnv(task)
    num_steps = min(num_steps, env.task.max_episode_steps - 1)
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (num_steps, env.task.action_dim)).astype(np.float32)
    profiler = cProfile.Profile(time.process_time)
    try:
        with _visible_to_the_profiler(env):
            env.reset(seed=0)
            env.step(actions[0])  # the first step fills caches
            env.reset(seed=0)
            started = time.process_time()
            for action in actions:
                env.step(action)
            step_s = (time.process_time() - started) / num_steps
            env.reset(seed=0)
            profiler.enable()
            for action in actions:
                env.step(action)
            profiler.disable()
    finally:
        env.close()
    shares = _times(pstats.Stats(profiler))
    compiled_s = min(step_s, shares["compiled"] / num_steps)
    python = shares["package"] + shares["ours"]
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

    def owners(function: _Function) -> dict[Owner, float]:
        """Return which parts of a function's time belong to whom."""
        if function not in known:
            owner = _owner(function)
            known[function] = {"ours": 1.0} if owner is None else {owner: 1.0}
            if owner is None:
                known[function] = _of_callers(functions[function][4], owners)
        return known[function]

    found: dict[Owner, float] = {"compiled": 0.0, "package": 0.0, "ours": 0.0}
    for function, (_, _, own_s, _, _) in functions.items():
        for owner, part in owners(function).items():
            found[owner] += own_s * part
    return found


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
