"""All tasks and suites, by name."""

import importlib
import warnings
from collections.abc import Sequence
from types import MappingProxyType

from mmbench.dependencies import needed_for
from mmbench.domains import (
    atari,
    box2d,
    dmcontrol,
    dmcontrol_ext,
    maniskill,
    metaworld,
    miniarcade,
    mujoco,
    ogbench,
    robodesk,
)
from mmbench.errors import (
    MMBenchError,
    SimulatorMissingError,
    UnknownSuiteError,
    UnknownTaskError,
    UsageError,
)
from mmbench.plugins import near_match
from mmbench.simulator import Simulator
from mmbench.spec import Domain, Split, TaskSpec

_MODULES = (
    dmcontrol,
    dmcontrol_ext,
    metaworld,
    maniskill,
    mujoco,
    miniarcade,
    box2d,
    robodesk,
    ogbench,
    atari,
)

DOMAINS: tuple[Domain, ...] = tuple(module.DOMAIN for module in _MODULES)
_TASKS = MappingProxyType({spec.id: spec for module in _MODULES for spec in module.TASKS})

_QUICK = (
    "cartpole-balance",
    "reacher-three-easy",
    "mw-reach",
    "ms-cartpole-balance",
    "mujoco-inverted-pendulum",
    "pygame-point-maze-var1",
    "lunarlander-hover",
    "rd-push-red",
    "og-point-arena",
    "atari-pong",
)
_LITE = (
    *("reacher-easy", "cartpole-swingup", "walker-run", "quadruped-walk"),
    *("pendulum-spin", "cheetah-jump", "hopper-hop-backward", "spinner-spin"),
    *("mw-reach", "mw-drawer-open", "mw-pick-place", "mw-assembly"),
    *("ms-cartpole-swingup", "ms-push-cube", "ms-pick-cube", "ms-stack-cube"),
    *("mujoco-inverted-pendulum", "mujoco-reacher", "mujoco-walker", "mujoco-ant"),
    *("pygame-cowboy", "pygame-pong", "pygame-highway", "pygame-point-maze-var1"),
    *("bipedal-walker-flat", "bipedal-walker-obstacles", "lunarlander-hover", "lunarlander-land"),
    *("rd-push-red", "rd-open-drawer", "rd-open-slide", "rd-flat-block-in-bin"),
    *("og-point-arena", "og-point-spiral", "og-ant", "og-ant-maze"),
    *("atari-pong", "atari-boxing", "atari-ms-pacman", "atari-space-invaders"),
)


def _suites() -> dict[str, tuple[str, ...]]:
    suites = {
        "full": tuple(spec.id for spec in _TASKS.values() if spec.split == "train"),
        "heldout": tuple(spec.id for spec in _TASKS.values() if spec.split == "heldout"),
        "quick": _QUICK,
        "lite": _LITE,
    }
    for domain in DOMAINS:
        suites[domain.name] = tuple(
            spec.id for spec in _TASKS.values() if spec.domain is domain and spec.split == "train"
        )
    return suites


SUITES = MappingProxyType(_suites())
"""Fixed, ordered tuples of task ids: the 200, the 34, two samples, train tasks per domain."""


def get_task(task_id: str) -> TaskSpec:
    """Return the spec of `task_id`, or raise `UnknownTaskError` with a near match."""
    try:
        return _TASKS[task_id]
    except KeyError:
        raise UnknownTaskError(
            f"unknown task {task_id!r}; {near_match(task_id, _TASKS, '`mmbench tasks` lists them')}"
        ) from None


def distinct_tasks(task_ids: Sequence[str]) -> tuple[TaskSpec, ...]:
    """Return specs, or raise `UnknownTaskError`, or `UsageError` for a task that is named twice."""
    specs = tuple(get_task(name) for name in task_ids)
    for position, name in enumerate(task_ids):
        if name in task_ids[:position]:
            raise UsageError(f"task {name!r} is named twice")
    return specs


def choose_tasks(
    tasks: Sequence[str] | None = (), suite: str | None = None, *, default: str | None = None
) -> tuple[str, ...]:
    """Return the task ids that were asked for: the one rule for `--tasks` and `--suite`.

    Args:
        tasks: Task ids; empty or `None` if a suite is meant.
        suite: Name of a suite; `None` if tasks are meant.
        default: Suite if neither is given; without it, one has to be.

    Raises:
        UsageError: If both are given, neither is and there is no default, or a task is named twice.
        UnknownTaskError: If a task does not exist; with a near match.
        UnknownSuiteError: If the suite does not exist; with a near match.
    """
    if tasks and suite is not None:
        raise UsageError("give either tasks or a suite, and not both")
    if tasks:
        return tuple(spec.id for spec in distinct_tasks(tasks))
    if suite is None and default is None:
        raise UsageError("no task was given; name tasks or a suite, `mmbench tasks` lists them")
    return get_suite(suite or default or "")


def get_suite(name: str) -> tuple[str, ...]:
    """Return the task ids of a suite, or raise `UnknownSuiteError` with a near match."""
    try:
        return SUITES[name]
    except KeyError:
        listing = f"there are {', '.join(SUITES)}"
        raise UnknownSuiteError(
            f"unknown suite {name!r}; {near_match(name, SUITES, listing)}"
        ) from None


def get_domain(name: str) -> Domain:
    """Return the domain called `name`, or raise `MMBenchError` with a near match."""
    domains = {domain.name: domain for domain in DOMAINS}
    if name not in domains:
        listing = f"there are {', '.join(domains)}"
        raise MMBenchError(f"unknown domain {name!r}; {near_match(name, domains, listing)}")
    return domains[name]


def list_tasks(
    *, suite: str | None = None, domain: str | None = None, split: Split | None = None
) -> tuple[TaskSpec, ...]:
    """Return the specs that match every given filter, in the order of the registry or suite."""
    if split not in (None, "train", "heldout"):
        raise MMBenchError(f"unknown split {split!r}; there are train and heldout")
    wanted = None if domain is None else get_domain(domain)
    specs = _TASKS.values() if suite is None else [get_task(name) for name in get_suite(suite)]
    return tuple(
        spec
        for spec in specs
        if (wanted is None or spec.domain is wanted) and (split is None or spec.split == split)
    )


def load_simulator(spec: TaskSpec, *, pictures: bool) -> Simulator:
    """Import the domain's adapter and build the task on it.

    Raises:
        SimulatorMissingError: If the simulator is not installed; names the pip command.
    """
    module_name, _, class_name = spec.domain.adapter.partition(":")
    with needed_for(spec.id, spec.domain.extra, SimulatorMissingError):
        with warnings.catch_warnings():
            # Several simulators look for a display or driver at import and warn that there is none;
            # what needs one says so when it is asked for.
            warnings.simplefilter("ignore")
            module = importlib.import_module(module_name)
        simulator: Simulator = getattr(module, class_name)(spec, pictures=pictures)
    return simulator
