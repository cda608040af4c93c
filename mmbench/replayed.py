"""Simulators whose state cannot be copied: a snapshot is the episode so far, played again."""

import abc
from typing import NamedTuple

import numpy as np

from mmbench.simulator import FloatArray, Transition


class ReplayedState(NamedTuple):
    """How an episode began, and what was done since."""

    seed: int
    actions: tuple[FloatArray, ...]


class ReplayedSimulator(abc.ABC):
    """A simulator that keeps its actions, because its engine cannot copy its own state.

    Box2D and PhysX keep impulses and contact orders that nothing outside them can read or write.
    Going back to a snapshot begins the episode again and plays its actions: exact, but it takes as
    long as the episode did. Going forward along the same episode plays only what is missing.
    """

    def __init__(self) -> None:
        self._seed = 0
        self._actions: list[FloatArray] = []

    @abc.abstractmethod
    def start(self, seed: int) -> FloatArray:
        """Begin the episode of `seed` in a new world and return its first observation."""

    @abc.abstractmethod
    def advance(self, action: FloatArray) -> Transition:
        """Play one agent step."""

    def reset(self, rng: np.random.Generator) -> FloatArray:
        """Begin an episode that depends on `rng` alone."""
        return self._begin(int(rng.integers(2**31)))

    def step(self, action: FloatArray) -> Transition:
        """Play one agent step and remember it."""
        self._actions.append(action)
        return self.advance(action)

    def get_state(self) -> ReplayedState:
        """Return the episode so far."""
        return ReplayedState(self._seed, tuple(self._actions))

    def set_state(self, state: ReplayedState) -> None:
        """Play the episode of the snapshot."""
        num_played = len(self._actions)
        is_ahead = state.seed == self._seed and all(
            mine is theirs for mine, theirs in zip(self._actions, state.actions, strict=False)
        )
        if not (is_ahead and num_played <= len(state.actions)):
            self._begin(state.seed)
            num_played = 0
        for action in state.actions[num_played:]:
            self.step(action)

    def _begin(self, seed: int) -> FloatArray:
        self._seed = seed
        self._actions = []
        return self.start(seed)
