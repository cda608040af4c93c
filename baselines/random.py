"""Uniform random actions: the floor every agent must beat."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench import MAX_ACTION_DIM, Agent, FloatArray


class RandomAgent:
    """Draws every action entry uniformly from [-1, 1).

    Args:
        num_slots: Number of slots.
        seed: With an episode's seed it decides the actions of that episode.
    """

    def __init__(self, num_slots: int, seed: int) -> None:
        self._seed = seed
        self._rngs = [np.random.default_rng((seed, slot)) for slot in range(num_slots)]

    def begin_episodes(self, slots: NDArray[np.int64], seeds: NDArray[np.int64]) -> None:
        """Draw anew in slots `(N,)` whose next episodes have these seeds, `(N,)`."""
        for slot, seed in zip(slots.tolist(), seeds.tolist(), strict=True):
            self._rngs[slot] = np.random.default_rng((self._seed, seed))

    def act(self, obs: Any, *, first: NDArray[np.bool_]) -> FloatArray:
        """Return actions, shape `(num_slots, MAX_ACTION_DIM)`."""
        drawn = [rng.uniform(-1, 1, MAX_ACTION_DIM) for rng in self._rngs]
        return np.array(drawn, np.float32)


def make(tasks: Sequence[str], *, checkpoint: str | None, device: str, seed: int) -> Agent:
    """Build the agent; `checkpoint` and `device` are not used."""
    return RandomAgent(len(tasks), seed)
