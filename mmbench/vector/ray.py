"""The pool of workers in a Ray cluster: commands and results travel as arrays."""

import time
from collections.abc import Sequence
from typing import Any

from mmbench.cluster import connect
from mmbench.pool import Outcome, attempt
from mmbench.vector.layout import Layout, SlotArrays
from mmbench.vector.pool import Assignment, Command, PoolPlan
from mmbench.vector.restarts import RestartingPool
from mmbench.vector.worker import SlotRunner


class RayPool(RestartingPool):
    """Ray actors, one core each, replaced when they or their nodes die.

    From here it cannot be seen which environment an actor is at. It counts as hung when it has been
    silent for `hang_timeout_s` per slot.
    """

    pids: tuple[int, ...] = ()

    def __init__(self, plan: PoolPlan) -> None:
        super().__init__(plan, SlotArrays(plan.layout, shared=False))
        self._ray = connect()
        self._remote = self._ray.remote(_RemoteWorker)
        self._actors: dict[int, Any] = {}
        self._answers: dict[int, Any] = {}
        self._asked: dict[int, float] = {}
        for group in range(len(plan.assignments)):
            self._start(group)
        self._num_built = 0

    def close(self) -> None:
        """End the actors."""
        if self._ray.is_initialized():  # else they have gone with the cluster
            for actor in self._actors.values():
                self._ray.kill(actor)
        self._actors.clear()
        self.slots.close()

    def _start(self, group: int) -> None:
        # The cores of a node may be lost with it: a replacement shares one of those that are left.
        is_replacement = group in self._actors
        if is_replacement:
            self._ray.kill(self._actors[group])
        remote = self._remote.options(num_cpus=0 if is_replacement else 1, max_restarts=0)
        actor = remote.remote(self._plan.assignments[group], self._plan.layout)
        self._actors[group] = actor
        self._ask(group, actor.build.remote(is_lazy=self._plan.is_lazy))

    def _give(self, group: int, command: Command) -> None:
        rows = self.slots.command(self._rows(group))
        self._ask(group, self._actors[group].play.remote(command, rows))

    def _ask(self, group: int, answer: Any) -> None:
        self._answers[group], self._asked[group] = answer, time.monotonic()

    def _first(self, groups: Sequence[int]) -> int:
        by_answer = {self._answers[group]: group for group in groups}
        deadline = min(self._deadline(group) for group in groups)
        ready, _ = self._ray.wait(list(by_answer), timeout=_seconds_until(deadline))
        return by_answer[ready[0]] if ready else min(groups, key=self._deadline)

    def _trouble_building(self, group: int) -> str | None:
        trouble = self._trouble(group)
        if trouble is None:
            self._num_built += len(self._rows(group))
            self._plan.show_built(min(self._num_built, self._plan.layout.num_slots))
        return trouble

    def _trouble(self, group: int) -> str | None:
        exceptions = self._ray.exceptions
        try:
            outcome: Outcome = self._ray.get(
                self._answers[group], timeout=_seconds_until(self._deadline(group))
            )
        except exceptions.GetTimeoutError:
            return f"was silent for {self._deadline(group) - self._asked[group]:.0f} s"
        except exceptions.RayError as error:
            return f"died ({type(error).__name__})"
        self.slots.write(self._rows(group), outcome.result())
        return None

    def _deadline(self, group: int) -> float:
        return self._asked[group] + self._plan.hang_timeout_s * len(self._rows(group))


def _seconds_until(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


class _RemoteWorker:
    """The slots of one group, somewhere in the cluster, in rows of its own."""

    def __init__(self, assignment: Assignment, layout: Layout) -> None:
        num_slots = len(assignment.slots)
        self._slots = SlotArrays(layout._replace(num_slots=num_slots, num_workers=1), shared=False)
        own = Assignment(0, tuple(range(num_slots)), assignment.tasks)
        self._runner = SlotRunner(own, self._slots)

    def build(self, *, is_lazy: bool) -> Outcome:
        def work() -> dict[str, Any]:
            if not is_lazy:
                self._runner.create()
            return {"standin": self._slots["standin"].copy()}

        return attempt(work, None)

    def play(self, command: Command, rows: dict[str, Any]) -> Outcome:
        def work() -> dict[str, Any]:
            self._slots.write(slice(None), rows)
            self._runner.play(command)
            return self._slots.results()

        return attempt(work, None)
