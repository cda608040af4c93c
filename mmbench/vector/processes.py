"""The pool of worker processes, which share memory with this one."""

import contextlib
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait

from mmbench.errors import MMBenchError, WorkerError
from mmbench.vector.layout import Layout, SlotArrays
from mmbench.vector.pool import RESET, STEP, Assignment, Command, PoolPlan
from mmbench.vector.restarts import RestartingPool
from mmbench.vector.worker import SlotRunner

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
}
"""Environment variables of workers: one thread per simulator."""

_CONTEXT = multiprocessing.get_context("spawn")
_POLL_S = 0.5
_START_S = 60.0
"""What a process may take, besides its first environment, to start and import."""
_COMMANDS: dict[bytes, Command] = {command.encode(): command for command in (RESET, STEP)}
_CLOSE = b"close"
_DONE = b"done"
_FAILED = b"failed:"  # followed by the text of the error


class ProcessPool(RestartingPool):
    """Worker processes, replaced when they die or hang."""

    def __init__(self, plan: PoolPlan) -> None:
        super().__init__(plan, SlotArrays(plan.layout, shared=True))
        self._is_closed = False
        self._workers: dict[int, _WorkerProcess] = {}
        for group in range(len(plan.assignments)):
            self._start(group)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers."""
        return tuple(worker.pid for worker in self._workers.values())

    def wait_until_built(self) -> None:
        """Wait for the workers' environments."""
        super().wait_until_built()
        self._show_built()

    def close(self) -> None:
        """End the processes and remove the shared memory."""
        if self._is_closed:
            return
        self._is_closed = True
        for worker in self._workers.values():
            worker.tell_to_close()
        deadline = time.monotonic() + 5.0
        for worker in self._workers.values():
            worker.end(deadline)
        self.slots.close()

    def _start(self, group: int) -> None:
        if group in self._workers:
            self._workers[group].end()
        self.slots["num_created"][group] = 0
        self._workers[group] = _WorkerProcess(
            self._plan.assignments[group], self.slots, is_lazy=self._plan.is_lazy
        )

    def _give(self, group: int, command: Command) -> None:
        self._workers[group].send(command)

    def _first(self, groups: Sequence[int]) -> int:
        while True:
            ready = wait([self._workers[group].connection for group in groups], timeout=_POLL_S)
            for group in groups:
                if self._workers[group].connection in ready or self._is_hung(group):
                    return group

    def _trouble_building(self, group: int) -> str | None:
        while not self._workers[group].connection.poll(0.1) and not self._is_hung(group):
            self._show_built()
        return self._trouble(group)

    def _trouble(self, group: int) -> str | None:
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
        self._beat(ahead_s=_START_S)
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

    def _beat(self, *, ahead_s: float = 0.0) -> None:
        self._slots["heartbeat"][self._worker] = time.monotonic() + ahead_s


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
