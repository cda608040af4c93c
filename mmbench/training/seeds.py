"""Seeds of the episodes that a run plays: each its own, and the same if it is played again."""

from collections.abc import Iterable, Sequence

import numpy as np

from mmbench import FloatArray, MultitaskVectorEnv
from mmbench.seeding import training_seed


class EpisodeSeeds:
    """Gives the environments of a run their episodes.

    Args:
        tasks: Task ids of the run.
        copies: Environments per task.
        seed: Of the run.

    Attributes:
        num_given: Seeds that were given to every environment, shape `(E,)`: all that a run has to
            remember to go on with the same episodes.
    """

    def __init__(self, tasks: Sequence[str], copies: int, seed: int) -> None:
        slots = [(name, copy) for name in tasks for copy in range(copies)]
        self._first = [training_seed(name, seed, copy) for name, copy in slots]
        self.num_given = np.zeros(len(slots), np.int64)

    def begin(self, envs: MultitaskVectorEnv) -> FloatArray:
        """Begin an episode everywhere; return the first observations, shape `(E, O)`."""
        slots = range(len(self._first))
        obs, _ = envs.reset(seed=[self._next(slot) for slot in slots])
        self.queue(envs, slots)
        first: FloatArray = obs
        return first

    def queue(self, envs: MultitaskVectorEnv, slots: Iterable[int]) -> None:
        """Say which episodes come after those that some environments play now."""
        for slot in slots:
            envs.set_next_seed(slot, self._next(slot))

    def _next(self, slot: int) -> int:
        seed = self._first[slot] + int(self.num_given[slot])
        self.num_given[slot] += 1
        return seed
