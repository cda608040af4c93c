"""Pools whose workers can be lost: a new one begins again what the lost one was playing."""

import abc
import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmbench.errors import WorkerError
from mmbench.vector.layout import STAY_IDLE, SlotArrays
from mmbench.vector.pool import RESET, STEP, Command, Pending, PoolPlan

MAX_RESTARTS_IN_A_ROW = 10

_LOG = logging.getLogger(__name__)


class RestartingPool(abc.ABC):
    """Supervises one worker per group; how a worker is started and spoken to is the subclass's."""

    def __init__(self, plan: PoolPlan, slots: SlotArrays) -> None:
        self.slots = slots
        self._plan = plan
        self._pending = Pending(len(plan.assignments))
        self._before: dict[int, _Before] = {}
        self._num_restarts = [0] * len(plan.assignments)

    def wait_until_built(self) -> None:
        """Wait for the workers' environments."""
        for group in range(len(self._plan.assignments)):
            while (trouble := self._trouble_building(group)) is not None:
                self._start_anew(group, trouble)
            self._num_restarts[group] = 0

    def send(self, group: int, command: Command) -> None:
        """Let a group begin its work, and return at once."""
        self._pending.begin(group, command)
        self._before[group] = _Before.of(self.slots, self._rows(group))
        self._give(group, command)

    def receive_any(self) -> int:
        """Wait for whichever worker answers first, or is found lost and replaced."""
        group = self._first(self._pending.groups())
        if (trouble := self._trouble(group)) is None:
            self._num_restarts[group] = 0
        else:
            self._replace(group, trouble)
        self._pending.end(group)
        return group

    @abc.abstractmethod
    def _start(self, group: int) -> None:
        """Start a worker in the place of the group's old one, if it has one."""

    @abc.abstractmethod
    def _give(self, group: int, command: Command) -> None:
        """Send a worker a command; if it is lost already, `_trouble` will tell."""

    @abc.abstractmethod
    def _first(self, groups: Sequence[int]) -> int:
        """Wait until one of the workers has answered or is lost, and return its group."""

    @abc.abstractmethod
    def _trouble_building(self, group: int) -> str | None:
        """Wait until a worker that was started has built its environments; see `_trouble`."""

    @abc.abstractmethod
    def _trouble(self, group: int) -> str | None:
        """Wait for a worker's answer; return what happened to it if there is none.

        Raises:
            WorkerError: If the answer is that an environment raised an error.
        """

    def _rows(self, group: int) -> list[int]:
        return list(self._plan.assignments[group].slots)

    def _start_anew(self, group: int, trouble: str) -> None:
        self._num_restarts[group] += 1
        if self._num_restarts[group] > MAX_RESTARTS_IN_A_ROW:
            times = f"{self._num_restarts[group]} times in a row"
            raise WorkerError(f"worker {group} {trouble} {times}")
        _LOG.warning("worker %d %s; starting it anew", group, trouble)
        self._start(group)

    def _replace(self, group: int, trouble: str) -> None:
        """Start the worker anew and begin again what its slots were playing."""
        before, command = self._before[group], self._pending[group]
        found: str | None = trouble
        while found is not None:
            self._start_anew(group, found)
            before.begin_again(self.slots, self._rows(group), command)
            found = self._trouble_building(group)
            if found is None:
                self._give(group, RESET)
                found = self._trouble(group)
        before.mark_restarted(self.slots, self._rows(group), command)


class _Before(NamedTuple):
    """A group's slots when its command was sent: what to go back to if its worker is lost."""

    active: NDArray[np.bool_]
    episode_seed: NDArray[np.int64]
    next_seed: NDArray[np.int64]

    @classmethod
    def of(cls, slots: SlotArrays, rows: list[int]) -> "_Before":
        """Copy the rows."""
        return cls(*(slots[name][rows] for name in cls._fields))

    def begin_again(self, slots: SlotArrays, rows: list[int], command: Command) -> None:
        """Prepare the rows for the `RESET` of a new worker.

        Everything since the last command is lost, episodes that ended in it included: the slots
        begin what they were playing again, and what was to follow it still follows.
        """
        for name in ("final_states", "final_score", "final_return", "final_success", "rewards"):
            slots[name][rows] = 0
        slots["next_seed"][rows] = (
            np.where(self.active, self.episode_seed, STAY_IDLE)
            if command == STEP
            else self.next_seed
        )

    def mark_restarted(self, slots: SlotArrays, rows: list[int], command: Command) -> None:
        """Tell in the rows, once the new worker has reset them, that episodes were cut short."""
        if command == STEP:
            slots["next_seed"][rows] = self.next_seed
            slots["truncated"][rows] = self.active
            slots["restarted"][rows] = self.active
