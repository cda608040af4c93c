"""What plays: the `Agent` protocol and how agents are found."""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mmbench.env import TaskEnv
from mmbench.errors import AgentError, MMBenchError, UnknownAgentError
from mmbench.plugins import load_plugin, near_match, plugins
from mmbench.simulator import FloatArray
from mmbench.spec import MAX_ACTION_DIM, TaskSpec

ENTRY_POINT_GROUP = "mmbench.agents"


class Agent(Protocol):
    """Plays all slots at once."""

    def act(self, obs: Any, *, first: NDArray[np.bool_]) -> FloatArray:
        """Return the next actions.

        Args:
            obs: State observations, float32, shape `(num_slots, MAX_OBS_DIM)`, zero-padded; with
                pictures, uint8 `(num_slots, H, W, 3)` or a dict of both.
            first: True where an episode begins with this observation, shape `(num_slots,)`.

        Returns:
            Actions, float32, shape `(num_slots, MAX_ACTION_DIM)`; a task reads its first entries.
        """
        ...


@runtime_checkable
class EpisodeSeeded(Protocol):
    """An agent with randomness of its own that is told which episodes begin.

    One that draws from a generator made of its seed and the episode's plays every episode the same,
    however an evaluation was interrupted, and in whichever slot it comes to be played.
    """

    def begin_episodes(self, slots: NDArray[np.int64], seeds: NDArray[np.int64]) -> None:
        """Learn, before `act` sees their first observations, that episodes begin.

        Args:
            slots: Where, shape `(N,)`.
            seeds: The episodes' seeds, shape `(N,)`.
        """
        ...


AgentFactory = Callable[..., Agent]
"""Called as `factory(tasks, checkpoint=..., device=..., seed=..., **options)`; `tasks` holds one
task id per slot."""


Expert = Callable[[TaskEnv], FloatArray]
"""Plays one episode: called with the environment before every step, returns the action, float32,
shape `(action_dim,)`. It may read the simulator's state and change it, if it puts it back."""


@dataclass(frozen=True)
class Privileged:
    """What stands in the place of an agent's factory for players that see the environment itself.

    What they score is kept apart from what agents score, who see observations.

    Attributes:
        make: A function of a module, called as `make(env, checkpoint=..., device=..., seed=...,
            **options)` when an episode has begun; returns who plays it.
    """

    make: Callable[..., Expert]

    def begin(
        self,
        env: TaskEnv,
        *,
        name: str,
        checkpoint: str | None,
        device: str,
        seed: int,
        options: Mapping[str, Any],
    ) -> Expert:
        """Return who plays the episode; an option that is not taken is an `AgentError`."""
        try:
            return self.make(env, checkpoint=checkpoint, device=device, seed=seed, **options)
        except TypeError as error:
            raise AgentError(f"agent {name!r} cannot be built: {error}") from error


class PolicyAgent:
    """Makes an agent of a policy that plays one task, one observation at a time.

    Args:
        tasks: Specs of the slots.
        make_policy: Called with each slot's spec; returns `policy(obs) -> action`, with unpadded
            `obs` of shape `(obs_dim,)` and `action` of shape `(action_dim,)`. It is called anew
            when an episode begins.
    """

    def __init__(
        self,
        tasks: Sequence[TaskSpec],
        make_policy: Callable[[TaskSpec], Callable[[FloatArray], FloatArray]],
    ) -> None:
        self._tasks = tasks
        self._make_policy = make_policy
        self._policies = [make_policy(task) for task in tasks]

    def act(self, obs: FloatArray, *, first: NDArray[np.bool_]) -> FloatArray:
        """Ask every slot's policy."""
        actions = np.zeros((len(self._tasks), MAX_ACTION_DIM), np.float32)
        for slot, task in enumerate(self._tasks):
            if first[slot]:
                self._policies[slot] = self._make_policy(task)
            actions[slot, : task.action_dim] = self._policies[slot](obs[slot, : task.obs_dim])
        return actions


def list_agents() -> tuple[str, ...]:
    """Return the names of the installed agents."""
    return tuple(sorted(plugins(ENTRY_POINT_GROUP)))


def find_agent(name: str) -> AgentFactory | Privileged:
    """Return the factory of an installed agent, or of `module:factory`.

    Raises:
        DependencyError: If the agent needs a package that is not installed.
        UnknownAgentError: If there is no such agent, module or attribute.
    """
    if ":" in name:
        return _find_by_path(name)
    points = plugins(ENTRY_POINT_GROUP)
    if name not in points:
        listing = f"there are {', '.join(list_agents())}, or give module:factory"
        raise UnknownAgentError(f"unknown agent {name!r}; {near_match(name, points, listing)}")
    factory: AgentFactory | Privileged = load_plugin(points[name], "agent")
    return factory


def build_agent(
    factory: AgentFactory,
    tasks: Sequence[str],
    *,
    name: str,
    checkpoint: str | None,
    device: str,
    seed: int,
    options: Mapping[str, Any],
) -> Agent:
    """Call the factory; an option it does not take is an `AgentError`."""
    try:
        return factory(tuple(tasks), checkpoint=checkpoint, device=device, seed=seed, **options)
    except MMBenchError:
        raise
    except TypeError as error:
        raise AgentError(f"agent {name!r} cannot be built: {error}") from error


def _find_by_path(name: str) -> AgentFactory | Privileged:
    module_name, _, attribute = name.partition(":")
    # As `python -m` does: a module in the working directory can be named.
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UnknownAgentError(f"agent {name!r}: {error}") from error
    factory = getattr(module, attribute, None)
    if not callable(factory) and not isinstance(factory, Privileged):
        raise UnknownAgentError(f"agent {name!r}: {module_name} has no factory {attribute!r}")
    found: AgentFactory | Privileged = factory
    return found
