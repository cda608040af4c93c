"""All tasks and suites, by name: the ten domains of the benchmark, then those of other packages."""

import importlib
import sys
import warnings
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import gymnasium

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
from mmbench.plugins import load_plugin, near_match, plugins
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
"""The ten of the benchmark; `list_domains` has those of other packages too."""

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


_domains: dict[str, Domain] = {}
_tasks: dict[str, TaskSpec] = {}
_suites: dict[str, tuple[str, ...]] = {}
SUITES = MappingProxyType(_suites)
"""Fixed, ordered tuples of task ids: the 200, the 34, two samples, train tasks per domain."""


def _add(domain: Domain, specs: Sequence[TaskSpec]) -> None:
    _domains[domain.name] = domain
    _suites[domain.name] = tuple(spec.id for spec in specs if spec.split == "train")
    for spec in specs:
        _tasks[spec.id] = spec
        gymnasium.register(
            id=f"mmbench/{spec.id}",
            entry_point="mmbench.env:TaskEnv",
            kwargs={"task": spec.id},
            # TaskEnv checks its own inputs; the wrappers would only cost time on every step.
            disable_env_checker=True,
            order_enforce=False,
        )


def _add_benchmark() -> None:
    specs = [spec for module in _MODULES for spec in module.TASKS]
    for split, name in (("train", "full"), ("heldout", "heldout")):
        _suites[name] = tuple(spec.id for spec in specs if spec.split == split)
    _suites.update(quick=_QUICK, lite=_LITE)
    for module in _MODULES:
        _add(module.DOMAIN, module.TASKS)


_add_benchmark()
_waiting = plugins("mmbench.domains")


def add_plugged() -> None:
    """Add the domains of other packages; one that cannot be added is left out with a warning."""
    for point in list(_waiting.values()):
        module = sys.modules.get(point.module)
        if module is not None and not hasattr(module, "TASKS"):
            continue  # it is being imported, and needs mmbench first; it is asked again
        del _waiting[point.name]
        try:
            _add(*_checked(load_plugin(point, "domain")))
        except Exception as error:  # one broken package must not take the benchmark with it
            warnings.warn(f"domain {point.name!r} is left out: {error}", stacklevel=2)


def _checked(module: Any) -> tuple[Domain, tuple[TaskSpec, ...]]:
    """Return `DOMAIN` and `TASKS` of a module, or raise `UsageError` if they cannot be added."""
    domain, specs = getattr(module, "DOMAIN", None), tuple(getattr(module, "TASKS", ()))
    if not isinstance(domain, Domain) or not specs:
        raise UsageError(f"{module.__name__} has no DOMAIN, or no TASKS")
    if domain.name in _suites:
        raise UsageError(f"there is a domain or suite {domain.name!r} already")
    for position, spec in enumerate(specs):
        if spec.domain is not domain:
            raise UsageError(f"task {spec.id!r} is of another domain")
        if spec.id in _tasks or spec.id in [other.id for other in specs[:position]]:
            raise UsageError(f"there is a task {spec.id!r} already")
    return domain, specs


def get_task(task_id: str) -> TaskSpec:
    """Return the spec of `task_id`, or raise `UnknownTaskError` with a near match."""
    if task_id not in _tasks:
        add_plugged()
    try:
        return _tasks[task_id]
    except KeyError:
        raise UnknownTaskError(
            f"unknown task {task_id!r}; {near_match(task_id, _tasks, '`mmbench tasks` lists them')}"
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
    if name not in SUITES:
        add_plugged()
    try:
        return SUITES[name]
    except KeyError:
        listing = f"there are {', '.join(SUITES)}"
        raise UnknownSuiteError(
            f"unknown suite {name!r}; {near_match(name, SUITES, listing)}"
        ) from None


def list_domains() -> tuple[Domain, ...]:
    """Return the ten domains of the benchmark, then those of other packages."""
    add_plugged()
    return tuple(_domains.values())


def get_domain(name: str) -> Domain:
    """Return the domain called `name`, or raise `MMBenchError` with a near match."""
    if name not in _domains:
        add_plugged()
    if name not in _domains:
        listing = f"there are {', '.join(_domains)}"
        raise MMBenchError(f"unknown domain {name!r}; {near_match(name, _domains, listing)}")
    return _domains[name]


def list_tasks(
    *, suite: str | None = None, domain: str | None = None, split: Split | None = None
) -> tuple[TaskSpec, ...]:
    """Return the specs that match every given filter, in the order of the registry or suite."""
    if split not in (None, "train", "heldout"):
        raise MMBenchError(f"unknown split {split!r}; there are train and heldout")
    wanted = None if domain is None else get_domain(domain)
    add_plugged()
    specs = _tasks.values() if suite is None else [get_task(name) for name in get_suite(suite)]
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
    domain = spec.domain
    with needed_for(spec.id, domain.extra, SimulatorMissingError, domain.distribution):
        with warnings.catch_warnings():
            # Several simulators look for a display or driver at import and warn that there is none;
            # what needs one says so when it is asked for.
            warnings.simplefilter("ignore")
            module = importlib.import_module(module_name)
        simulator: Simulator = getattr(module, class_name)(spec, pictures=pictures)
    return simulator
