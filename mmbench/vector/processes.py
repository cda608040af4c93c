"""The pool of worker processes: shared memory, and a new process for one that dies or hangs."""

import contextlib
import logging
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait

from mmbench.errors import MMBenchError, WorkerError
from mmbench.vector.layout import Layout, SlotArrays
from mmbench.vector.pool import (
    MAX_RESTARTS_IN_A_ROW,
    RESET,
    STEP,
    Assignment,
    Before,
    Command,
    Pending,
    PoolPlan,
)
from mmbench.vector.worker import SlotRunner

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
}
"""Environment variables of workers: one thread per simulator."""

_CONTEXT = multiprocessing.get_context("spawn")
_LOG = logging.getLogger(__name__)
_POLL_S = 0.5
_COMMANDS: dict[bytes, Command] = {command.encode(): command for command in (RESET, STEP)}
_CLOSE = b"close"
_DONE = b"done"
_FAILED = b"failed:"  # followed by the text of the error


class ProcessPool:
    """Worker processes, replaced when they die or hang."""

    def __init__(self, plan: PoolPlan) -> None:
        self.slots = SlotArrays(plan.layout, shared=True)
        self._plan = plan
        self._pending = Pending(len(plan.assignments))
        self._before: dict[int, Before] = {}
        self._num_restarts = [0] * len(plan.assignments)
        self._is_closed = False
        self._workers = [
            _WorkerProcess(assignment, self.slots, is_lazy=plan.is_lazy)
            for assignment in plan.assignments
        ]

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers."""
        return tuple(worker.pid for worker in self._workers)

    def wait_until_built(self) -> None:
        """Wait for the workers' environments."""
        for group in range(len(self._workers)):
            while (trouble := self._trouble_building(group)) is not None:
                self._start_anew(group, trouble)
            self._num_restarts[group] = 0
        self._show_built()

    def send(self, group: int, command: Command) -> None:
        """Write the command into the worker's pipe."""
        self._pending.begin(group, command)
        self._before[group] = Before.of(self.slots, self._plan.assignments[group].slots)
        self._workers[group].send(command)

    def receive_any(self) -> int:
        """Wait for whichever worker answers first, or is found dead or hung and replaced."""
        while True:
            waiting = self._pending.groups()
            ready = wait([self._workers[g].connection for g in waiting], timeout=_POLL_S)
            for group in waiting:
                worker = self._workers[group]
                if worker.connection not in ready and not self._is_hung(group):
                    continue
                if (trouble := self._trouble(group)) is None:
                    self._num_restarts[group] = 0
                else:
                    self._replace(group, trouble)
                self._pending.end(group)
                return group

    def close(self) -> None:
        """End the processes and remove the shared memory."""
        if self._is_closed:
            return
        self._is_closed = True
        for worker in self._workers:
            worker.tell_to_close()
        deadline = time.monotonic() + 5.0
        for worker in self._workers:
            worker.end(deadline)
        self.slots.close()

    def _replace(self, group: int, trouble: str) -> None:
        """Start the worker anew and begin again what its slots were playing."""
        rows = self._plan.assignments[group].slots
        before, command = self._before[group], self._pending[group]
        found: str | None = trouble
        while found is not None:
            self._start_anew(group, found)
            before.begin_again(self.slots, rows, command)
            found = self._trouble_building(group)
            if found is None:
                self._workers[group].send(RESET)
                found = self._trouble(group)
        before.mark_restarted(self.slots, rows, command)

    def _start_anew(self, group: int, trouble: str) -> None:
        self._num_restarts[group] += 1
        if self._num_restarts[group] > MAX_RESTARTS_IN_A_ROW:
            raise WorkerError(
                f"worker {group} {trouble} {self._num_restarts[group]} times in a row"
            )
        _LOG.warning("worker %d %s; starting it anew", group, trouble)
        self._workers[group].end()
        self.slots["num_created"][group] = 0
        self._workers[group] = _WorkerProcess(
            self._plan.assignments[group], self.slots, is_lazy=self._plan.is_lazy
        )

    def _trouble_building(self, group: int) -> str | None:
        """Wait for the answer of a worker that has just started; see `_trouble`."""
        while not self._workers[group].connection.poll(0.1) and not self._is_hung(group):
            self._show_built()
        return self._trouble(group)

    def _trouble(self, group: int) -> str | None:
        """Wait for the worker's answer; return what happened to it if there is none.

        Raises:
            WorkerError: If the answer is that an environment raised an error.
        """
        while not self._workers[group].connection.poll(_POLL_S):
            if self._is_hung(group):
                return f"was silent for {self._plan.hang_timeout_s:.0f} s"
        return self._workers[group].receive()

    def _is_hung(self, group: int) -> bool:
        silence = time.monotonic() - float(self.slots["heartbeat"][group])
        return silence > self._plan.hang_timeout_s

    def _show_built(self) -> None:
        self._plan.show_built(int(self.slots["num_created"].sum()))


class _WorkerProcess:
    """The parent's end of one worker process."""

    def __init__(self, assignment: Assignment, slots: SlotArrays, *, is_lazy: bool) -> None:
        self._worker = assignment.worker
        self._slots = slots
        self._beat()
        self.connection, child = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=_serve,
            args=(assignment, slots.layout, slots.name, child, is_lazy),
            name=f"mmbench-worker-{assignment.worker}",
            daemon=True,
        )
        with _environment(ONE_THREAD):
            self._process.start()
        child.close()  # so that the worker's death closes the pipe

    @property
    def pid(self) -> int:
        return self._process.pid or -1

    def send(self, command: Command) -> None:
        self._beat()
        # If it died since, receiving notices.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send_bytes(command.encode())

    def receive(self) -> str | None:
        """Read the answer; return what happened to the worker if it has died without one."""
        try:
            answer = self.connection.recv_bytes()
        except (EOFError, ConnectionResetError):
            self._process.join(1.0)
            return f"died (exit code {self._process.exitcode})"
        if answer.startswith(_FAILED):
            raise WorkerError(answer[len(_FAILED) :].decode())
        assert answer == _DONE
        return None

    def tell_to_close(self) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, OSError):
            self.connection.send_bytes(_CLOSE)

    def end(self, deadline: float = 0.0) -> None:
        """Let the process run until a time of `time.monotonic`, and kill what is left of it."""
        self._process.join(max(0.0, deadline - time.monotonic()))
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self.connection.close()

    def _beat(self) -> None:
        self._slots["heartbeat"][self._worker] = time.monotonic()


def _serve(
    assignment: Assignment, layout: Layout, memory_name: str, connection: Connection, is_lazy: bool
) -> None:
    """Do in a worker process what the parent asks for, until it says so or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    slots = SlotArrays(layout, shared=True, name=memory_name)
    runner = SlotRunner(assignment, slots)
    try:
        if not is_lazy:
            runner.create()
        connection.send_bytes(_DONE)
        while (command := connection.recv_bytes()) != _CLOSE:
            runner.play(_COMMANDS[command])
            connection.send_bytes(_DONE)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent is gone
    except MMBenchError as error:
        _report(connection, str(error))
    except Exception as error:
        _report(connection, f"{error!r}\n{traceback.format_exc()}")
    finally:
        runner.close()
        slots.close()
        # Simulators with native threads can hang in their exit handlers; everything is written.
        os._exit(0)


def _report(connection: Connection, text: str) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.send_bytes(_FAILED + text.encode())


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
