"""The pool that plays in this process."""

from mmbench.errors import MMBenchError, WorkerError
from mmbench.vector.layout import SlotArrays
from mmbench.vector.pool import Command, Pending, PoolPlan
from mmbench.vector.worker import SlotRunner


class SerialPool:
    """One group, played while its command is sent."""

    pids: tuple[int, ...] = ()

    def __init__(self, plan: PoolPlan) -> None:
        self.slots = SlotArrays(plan.layout, shared=False)
        self._plan = plan
        self._runner = SlotRunner(plan.assignments[0], self.slots)
        self._pending = Pending(num_groups=1)

    def wait_until_built(self) -> None:
        """Build the environments."""
        if not self._plan.is_lazy:
            self._runner.create()
        self._plan.show_built(self._plan.layout.num_slots)

    def send(self, group: int, command: Command) -> None:
        """Play."""
        self._pending.begin(group, command)
        try:
            self._runner.play(command)
        except MMBenchError as error:
            self._pending.end(group)
            raise WorkerError(str(error)) from error

    def receive_any(self) -> int:
        """Return the only group."""
        (group,) = self._pending.groups()
        self._pending.end(group)
        return group

    def close(self) -> None:
        """Close the environments."""
        self._runner.close()
        self.slots.close()
