"""More than one machine: jobs on a Ray cluster."""

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import Future
from functools import partial
from typing import Any, Literal, TypeVar

from mmbench.dependencies import needed_for
from mmbench.errors import UsageError, WorkerError
from mmbench.pool import MAX_LOSSES, JobPool, Outcome, attempt, worker_pool

JobBackend = Literal["process", "ray"]
"""Who does jobs: processes of this machine, or a Ray cluster."""
JOB_BACKENDS: tuple[JobBackend, ...] = ("process", "ray")

_T = TypeVar("_T")
_CONNECT_TIMEOUT_S = 10.0


def job_pool(
    num_workers: int | None = None,
    *,
    backend: JobBackend = "process",
    address: str | None = None,
    num_gpus: float = 0,
    hang_timeout_s: float | None = None,
) -> JobPool:
    """Return a pool of worker processes on this machine or on a cluster.

    Args:
        num_workers: Jobs at once; default one per core of the machine or the cluster.
        backend: `process` or `ray`.
        address: Of the cluster; see `connect`.
        num_gpus: Share of a GPU that the cluster keeps for each job.
        hang_timeout_s: Longest time a job may take without a `beat`; default as long as it likes.

    Raises:
        UsageError: If an address is given for `process`, or no cluster answers there.
        DependencyError: If Ray is not installed.
    """
    check_backend(backend, address, num_workers)
    if backend == "process":
        return worker_pool(num_workers, hang_timeout_s=hang_timeout_s)
    return _ClusterPool(connect(address, num_workers), num_workers, num_gpus, hang_timeout_s)


def check_backend(backend: JobBackend, address: str | None, num_workers: int | None) -> None:
    """Raise `UsageError` if these do not go together."""
    if backend not in JOB_BACKENDS:
        raise UsageError(f"backend is {backend!r}, expected one of {', '.join(JOB_BACKENDS)}")
    if backend == "process" and address is not None:
        raise UsageError(f"address is {address!r}, which only the ray backend takes")
    if backend == "ray" and num_workers == 0:
        raise UsageError("workers is 0, expected 1 or more with the ray backend")


def connect(address: str | None = None, num_cpus: int | None = None) -> Any:
    """Join a Ray cluster, unless this process is in one already, and return the module `ray`.

    Args:
        address: `host:port` of the cluster's head, or `auto` for the one this machine belongs to;
            default what `RAY_ADDRESS` says, else a cluster of this machine alone, for as long as
            this process runs.
        num_cpus: Cores of a cluster that is started here; default all.

    Raises:
        UsageError: If no cluster answers.
        DependencyError: If Ray is not installed.
    """
    with needed_for("the ray backend", "ray"):
        import ray
    address = address or os.environ.get("RAY_ADDRESS")
    if not ray.is_initialized():
        with _signals_kept():
            if address is None:
                _start(ray, num_cpus)
            else:
                _join(ray, address)
    return ray


def _join(ray: Any, address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if host and port.isdecimal():  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
        ray.init(address, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, OverflowError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(
            f"no Ray cluster answers at {address!r} ({reason}); `ray start --head` starts one"
        ) from error


def _start(ray: Any, num_cpus: int | None) -> None:
    # Whoever wants its pages or statistics starts a cluster with `ray start`.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(
            "local",
            num_cpus=num_cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # it raises just that, where a part of it does not come up in time
        reason = str(error).partition("\n")[0]
        raise WorkerError(f"Ray does not start on this machine: {reason}") from error


def cluster_cores(address: str | None = None) -> int:
    """Return the number of cores of the cluster that `connect` joins."""
    return max(1, int(connect(address).cluster_resources().get("CPU", 1)))


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Put back how this process is terminated, which Ray changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _ClusterPool(JobPool):
    """Jobs as Ray tasks: Ray does a job again elsewhere if its process or node is lost."""

    def __init__(
        self, ray: Any, num_workers: int | None, num_gpus: float, hang_timeout_s: float | None
    ) -> None:
        self._ray = ray
        self.num_workers = num_workers or int(ray.cluster_resources().get("CPU", 1))
        self._hang_timeout_s = hang_timeout_s
        self._attempt = ray.remote(attempt).options(
            num_cpus=1,
            num_gpus=num_gpus,
            max_retries=MAX_LOSSES - 1,
            scheduling_strategy="SPREAD",
        )
        self._running: dict[Future[Any], Any] = {}

    def submit(self, function: Callable[..., _T], /, *args: Any, **options: Any) -> Future[_T]:
        """Do `function(*args, **options)` somewhere in the cluster."""
        reference = self._attempt.remote(partial(function, *args, **options), self._hang_timeout_s)
        future: Future[_T] = Future()
        self._running[future] = reference
        reference.future().add_done_callback(partial(self._settle, future))
        return future

    def stop(self) -> None:
        """Kill what the jobs run in."""
        for reference in list(self._running.values()):
            self._ray.cancel(reference, force=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for the jobs, or give up those that were not begun."""
        if cancel_futures:
            self.stop()
        if wait:
            futures.wait(list(self._running))

    def _settle(self, future: Future[_T], answer: Future[Outcome]) -> None:
        self._running.pop(future, None)
        lost = answer.exception()
        if lost is not None:
            reason = str(lost).partition("\n")[0]
            future.set_exception(WorkerError(f"a job was given up: {reason}"))
            return
        outcome = answer.result()
        if outcome.error is not None:
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome.value)
