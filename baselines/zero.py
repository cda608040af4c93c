"""The zero action, always: what a task does when left alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench import MAX_ACTION_DIM, Agent, FloatArray


class ZeroAgent:
    """Sends zeros."""

    def __init__(self, num_slots: int) -> None:
        self._num_slots = num_slots

    def act(self, obs: Any, *, first: NDArray[np.bool_]) -> FloatArray:
        """Return zeros, shape `(num_slots, MAX_ACTION_DIM)`."""
        return np.zeros((self._num_slots, MAX_ACTION_DIM), np.float32)


def make(tasks: Sequence[str], *, checkpoint: str | None, device: str, seed: int) -> Agent:
    """Build the agent; `checkpoint`, `device` and `seed` are not used."""
    return ZeroAgent(len(tasks))
