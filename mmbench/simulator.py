"""What a domain has to offer: the `Simulator` protocol."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Image = NDArray[np.uint8]
AssetVariant = Literal["official", "stand-in"]

SimState = Any
"""A snapshot. Only the simulator that made it can read it; it stays valid while others are made."""


def variant_of(variants: Iterable[AssetVariant]) -> AssetVariant:
    """Return the variant of what was made with several: official if all of them are."""
    return "stand-in" if "stand-in" in variants else "official"


class Transition(NamedTuple):
    """What one agent step brings.

    Attributes:
        obs: State observation, float32, shape `(obs_dim,)`, a fresh array.
        reward: Reward of the agent step, in task units.
        success: Whether the task's goal holds now; always false where a task has none.
    """

    obs: FloatArray
    reward: float
    success: bool


class Simulator(Protocol):
    """One task on one simulator: its physics, action repeat, reward and observation layout.

    Built as `Simulator(spec, pictures=...)`; `pictures` says whether `render` will be called.
    Time limit, score, input checks and bookkeeping belong to `TaskEnv`.
    """

    assets: AssetVariant
    """Whether the official assets are in use, or the stand-ins that ship with mmbench."""

    def reset(self, rng: np.random.Generator) -> FloatArray:
        """Start an episode that depends on `rng` alone and return the first observation."""
        ...

    def step(self, action: FloatArray) -> Transition:
        """Play one agent step; `action` is float32, in [-1, 1], of the right shape."""
        ...

    def render(self, height: int, width: int) -> Image:
        """Draw the current state, uint8, shape `(height, width, 3)`; the state stays as it is."""
        ...

    def get_state(self) -> SimState:
        """Return a snapshot from which `set_state` continues bit-identically."""
        ...

    def set_state(self, state: SimState) -> None:
        """Go back to a snapshot of this simulator or of another one of the same task."""
        ...

    def close(self) -> None:
        """Free what the simulator holds."""
        ...


@runtime_checkable
class Simplifiable(Protocol):
    """A simulator that can trade exactness for speed, for planning."""

    def simplify(self) -> None:
        """From now on leave out what rewards do not need, or step more coarsely."""
        ...


@runtime_checkable
class RoughlyRestorable(Protocol):
    """A simulator whose exact snapshots are expensive, with inexact ones for planning."""

    def get_rough_state(self) -> SimState:
        """Return about the present state."""
        ...

    def set_rough_state(self, state: SimState) -> None:
        """Go to about the state of a simulator of the same task."""
        ...


@runtime_checkable
class Nudgeable(Protocol):
    """A simulator with bodies that actions may never reach, and which rounding moves all the same.

    A ball that rolls over a table is one.
    """

    def nudge(self, rng: np.random.Generator, distance: float) -> None:
        """Move such bodies by up to so many metres along each axis."""
        ...
