"""Worker processes for independent jobs: one that dies or hangs is replaced, its job done again."""

import abc
import contextlib
import faulthandler
import logging
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from mmbench.errors import MMBenchError, WorkerError

MAX_LOSSES = 3
"""How often workers may be lost at one job before it is given up."""

_T = TypeVar("_T")
_LOG = logging.getLogger(__name__)
_CONTEXT = multiprocessing.get_context("spawn")  # EGL, torch and SAPIEN survive no fork
_STDERR = 2
_POLL_S = 1.0
_GRACE_S = 60.0
"""What a process may take to start, and to end itself when it hangs."""
_ONE_AT_A_TIME = threading.Lock()
"""Held while a process is started or ended: `multiprocessing` books them for one thread only."""


class JobPool(Executor, abc.ABC):
    """An executor that says how many jobs it does at once.

    Results and errors come through `submit` and `map`, as of any executor. Functions must be found
    by their names, as they are done elsewhere. Leaving the `with` block by an error stops at once.
    """

    num_workers: int

    @abc.abstractmethod
    def stop(self) -> None:
        """End all workers, whatever they are doing."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for what was submitted, or stop."""
        if kind is not None:
            self.stop()
        self.shutdown(wait=True, cancel_futures=kind is not None)


def worker_pool(num_workers: int | None = None, *, hang_timeout_s: float | None = None) -> JobPool:
    """Return a pool of fresh processes that end when this one does, even by `kill -9`.

    Args:
        num_workers: How many; default one per core. They start when there is something to do.
        hang_timeout_s: Longest time a job may take without a `beat`; default as long as it likes.
    """
    return _ProcessPool(num_workers or os.cpu_count() or 1, hang_timeout_s)


class Outcome(NamedTuple):
    """What a job has come to."""

    value: Any
    error: Exception | None

    def result(self) -> Any:
        """Return the value or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


def attempt(job: Callable[[], Any], hang_timeout_s: float | None) -> Outcome:
    """Do a job; this process ends if it takes longer than `hang_timeout_s` without a `beat`.

    The watch is kept by a thread that needs no interpreter, so that a simulator stuck in native
    code is found too; it writes to stderr where the job was.
    """
    _WATCH.begin(hang_timeout_s)
    try:
        return Outcome(job(), None)
    except (MMBenchError, OSError) as error:
        return Outcome(None, error)
    except Exception as error:
        return Outcome(None, WorkerError(f"{error!r}\n{traceback.format_exc()}"))
    finally:
        _WATCH.end()


def beat() -> None:
    """Tell that a job gets on; it is called as often as one likes, in any process."""
    _WATCH.beat()


class _Watch:
    """Ends this process when nothing is heard for some time."""

    _MIN_INTERVAL_S = 1.0

    def __init__(self) -> None:
        self._timeout_s: float | None = None
        self._last = 0.0
        self._heard: Any = None

    def tell(self, heard: Any) -> None:
        """Write the time of the last sign of life there as well, for the parent."""
        self._heard = heard

    def begin(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._last = 0.0
        self.beat()

    def beat(self) -> None:
        if self._timeout_s is not None:
            now = time.monotonic()
            if now - self._last >= min(self._MIN_INTERVAL_S, self._timeout_s / 2):
                self._last = now
                if self._heard is not None:
                    self._heard.value = now
                faulthandler.dump_traceback_later(self._timeout_s, exit=True, file=_STDERR)

    def end(self) -> None:
        if self._timeout_s is not None:
            self._timeout_s = None
            faulthandler.cancel_dump_traceback_later()


_WATCH = _Watch()


class _ProcessPool(JobPool):
    """Processes of this machine; a thread waits for each."""

    def __init__(self, num_workers: int, hang_timeout_s: float | None) -> None:
        self.num_workers = num_workers
        self._hang_timeout_s = hang_timeout_s
        self._threads = ThreadPoolExecutor(num_workers, thread_name_prefix="mmbench-job")
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._is_stopped = False

    def submit(self, function: Callable[..., _T], /, *args: Any, **options: Any) -> Future[_T]:
        """Do `function(*args, **options)` in a worker."""
        return self._threads.submit(self._do, partial(function, *args, **options))

    def stop(self) -> None:
        """Kill the processes."""
        self._is_stopped = True
        for worker in list(self._workers):
            worker.kill()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs; end the processes when the last job is done."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        if wait:
            self.stop()

    def _do(self, job: Callable[[], Any]) -> Any:
        for _ in range(MAX_LOSSES):
            if self._is_stopped:
                break
            worker = self._take()
            if (outcome := worker.do(job)) is not None:
                self._idle.append(worker)
                return outcome.result()
            worker.kill()
            self._workers.discard(worker)
            if not self._is_stopped:
                _LOG.warning("a worker died or hung; a new one does its job again")
        raise WorkerError(
            "the workers were stopped"
            if self._is_stopped
            else f"{MAX_LOSSES} workers died or hung at the same job"
        )

    def _take(self) -> "_Worker":
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        worker = _Worker(self._hang_timeout_s)
        self._workers.add(worker)
        if self._is_stopped:  # after `stop` has looked for workers
            worker.kill()
        return worker


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, hang_timeout_s: float | None) -> None:
        self._connection, child = _CONTEXT.Pipe()
        self._hang_timeout_s = hang_timeout_s
        self._heard = _CONTEXT.RawValue("d", 0.0)
        self._process = _CONTEXT.Process(
            target=_serve, args=(child, hang_timeout_s, self._heard), daemon=True
        )
        with _ONE_AT_A_TIME:
            self._process.start()
        child.close()  # so that the worker's death closes the pipe

    def do(self, job: Callable[[], Any]) -> Outcome | None:
        """Return what came of the job, or `None` if the process is lost."""
        with contextlib.suppress(EOFError, ConnectionError):
            self._connection.send(job)
            sent = time.monotonic()
            while not self._connection.poll(_POLL_S):
                if self._is_silent(sent):
                    return None
            outcome: Outcome = self._connection.recv()
            return outcome
        return None

    def _is_silent(self, sent: float) -> bool:
        """Whether a job makes no progress in a process that cannot end itself, as it is stopped."""
        if self._hang_timeout_s is None:
            return False
        silence = time.monotonic() - max(sent, self._heard.value)
        return silence > self._hang_timeout_s + _GRACE_S

    def kill(self) -> None:
        with _ONE_AT_A_TIME:
            self._process.kill()
            self._process.join()


def _serve(connection: Connection, hang_timeout_s: float | None, heard: Any) -> None:
    """Do jobs in a worker process, until the parent is gone."""
    _WATCH.tell(heard)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    while True:
        connection.send(attempt(connection.recv(), hang_timeout_s))


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
