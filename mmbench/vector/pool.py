"""What plays the slots: the `Pool` protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from mmbench.errors import EpisodeOverError
from mmbench.progress import OnProgress, Progress
from mmbench.vector.layout import Layout, SlotArrays

Command = Literal["reset", "step"]
RESET: Command = "reset"
STEP: Command = "step"


class Assignment(NamedTuple):
    """Which slots a worker plays, and on which tasks."""

    worker: int
    slots: tuple[int, ...]
    tasks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PoolPlan:
    """What a pool is built from.

    Attributes:
        assignments: One per group.
        layout: Shapes of the slots' arrays.
        is_lazy: Build each environment when its first episode begins, not before.
        hang_timeout_s: Longest time one environment may take for a step, reset or start.
        on_progress: Called as environments are built.
    """

    assignments: Sequence[Assignment]
    layout: Layout
    is_lazy: bool
    hang_timeout_s: float
    on_progress: OnProgress

    def show_built(self, num_built: int) -> None:
        """Report how many environments exist."""
        self.on_progress(Progress("building environments", num_built, self.layout.num_slots))


class Pool(Protocol):
    """Workers, each of which plays the slots of one group.

    Commands and results go through `slots`: what stands there in the rows of a group when a command
    is sent is what its worker reads, and once the group was received its rows hold what came of it.
    Whether the workers share that memory, or rows are carried to them and back, is the pool's
    business.
    """

    slots: SlotArrays

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers on this machine."""
        ...

    def wait_until_built(self) -> None:
        """Return when the environments exist."""
        ...

    def send(self, group: int, command: Command) -> None:
        """Let a group begin its work, and return at once.

        Raises:
            EpisodeOverError: If the group was not received since the last command.
        """
        ...

    def receive_any(self) -> int:
        """Wait for one group that was sent a command, and return which.

        Raises:
            EpisodeOverError: If no group was sent a command.
            WorkerError: If an environment raised an error, or a worker cannot be kept alive.
        """
        ...

    def close(self) -> None:
        """Stop the workers and free the memory. It may be called again."""
        ...


class Pending:
    """The command that every group is at work on, if any."""

    def __init__(self, num_groups: int) -> None:
        self._commands: list[Command | None] = [None] * num_groups

    def __getitem__(self, group: int) -> Command:
        command = self._commands[group]
        assert command is not None
        return command

    def begin(self, group: int, command: Command) -> None:
        """Note that a group was sent a command."""
        if self._commands[group] is not None:
            raise EpisodeOverError(f"group {group} is still at work; recv() first")
        self._commands[group] = command

    def end(self, group: int) -> None:
        """Note that a group was received."""
        self._commands[group] = None

    def groups(self) -> list[int]:
        """Return the groups that are at work; there is one."""
        at_work = [group for group, command in enumerate(self._commands) if command is not None]
        if not at_work:
            raise EpisodeOverError("recv() without send()")
        return at_work
