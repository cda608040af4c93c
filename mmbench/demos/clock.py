"""A clock in the observation, for tasks whose experts walk to a rhythm.

What a gait does depends on the state and on its phase, which no observation shows: a policy
without a clock cannot imitate it. The phase is 0 when an episode begins and grows at the task's own
rate; its cosine and sine stand in the last two entries of the padded observation.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmbench.demos.scripted.gaits import clock_rate
from mmbench.registry import get_task
from mmbench.simulator import FloatArray

NUM_ENTRIES = 2
"""What a clock adds to an observation: the cosine and the sine of the phase."""


def clock_rates(tasks: Sequence[str], obs_dim: int) -> NDArray[np.float32]:
    """Return the rates of the clocks of tasks, rad per env step, shape `(K,)`; 0 without a clock.

    A task whose observation leaves no room has none.
    """
    rates = [
        clock_rate(name) if get_task(name).obs_dim + NUM_ENTRIES <= obs_dim else 0.0
        for name in tasks
    ]
    return np.array(rates, np.float32)


def with_clock(obs: FloatArray, phase: NDArray[np.float64], rate: FloatArray) -> FloatArray:
    """Return observations that show a phase, where the rate is not 0.

    Args:
        obs: Padded observations, shape `(N, O)`.
        phase: Of the clocks, rad, shape `(N,)`.
        rate: Of the clocks, shape `(N,)`.
    """
    if not rate.any():
        return obs
    entries = np.stack([np.cos(phase), np.sin(phase)], axis=-1)
    shown = obs.copy()
    shown[:, -NUM_ENTRIES:] = np.where(rate[:, None] != 0, entries, obs[:, -NUM_ENTRIES:])
    return shown


def timed(obs: FloatArray, rate: float, obs_dim: int) -> FloatArray:
    """Return an episode's observations, `(T + 1, ...)`, with the time; padded if it has a clock."""
    if rate == 0:
        return obs
    padded = np.pad(obs, ((0, 0), (0, obs_dim - obs.shape[1])))
    rates = np.full(len(obs), rate, np.float32)
    return with_clock(padded, np.arange(len(obs), dtype=np.float64) * rates, rates)


class Clock:
    """Counts the env steps of slots, and shows them the time.

    Args:
        rate: Of the slots' clocks, rad per env step, shape `(E,)`.
    """

    def __init__(self, rate: FloatArray) -> None:
        self._rate = rate
        self._steps = np.zeros(len(rate))

    def __call__(self, obs: FloatArray, first: NDArray[np.bool_]) -> FloatArray:
        """Return the next observations, `(E, O)`, with the time; it is 0 where `first`."""
        self._steps = np.where(first, 0.0, self._steps + 1)
        return with_clock(obs, self._steps * self._rate, self._rate)
