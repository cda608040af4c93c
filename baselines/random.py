"""Uniform random actions: the floor every agent must beat."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench import MAX_ACTION_DIM, Agent, FloatArray


class RandomAgent:
    """Draws every action entry uniformly from [-1, 1)."""

    def __init__(self, num_slots: int, seed: int) -> None:
        self._num_slots = num_slots
        self._rng = np.random.default_rng(seed)

    def act(self, obs: Any, *, first: NDArray[np.bool_]) -> FloatArray:
        """Return actions, shape `(num_slots, MAX_ACTION_DIM)`."""
        return self._rng.uniform(-1, 1, (self._num_slots, MAX_ACTION_DIM)).astype(np.float32)


def make(tasks: Sequence[str], *, checkpoint: str | None, device: str, seed: int) -> Agent:
    """Build the agent; `checkpoint` and `device` are not used."""
    return RandomAgent(len(tasks), seed)
