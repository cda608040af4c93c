"""Worker processes for independent jobs: nothing is lost when they are."""

import os
import signal
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from mmbench import pool as pool_module
from mmbench.errors import UsageError, WorkerError
from mmbench.pool import beat, worker_pool


def die_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        time.sleep(600)
    return "done"


def stop_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return "done"


def work_for_long() -> str:
    for _ in range(16):
        time.sleep(0.25)
        beat()
    return "done"


def fail(kind: type[Exception]) -> None:
    raise kind("no luck")


def test_jobs_are_done_in_other_processes() -> None:
    with worker_pool(2) as pool:
        assert pool.num_workers == 2
        assert list(pool.map(abs, [-1, -2, -3])) == [1, 2, 3]
        assert pool.submit(os.getpid).result() != os.getpid()


def test_the_job_of_a_killed_worker_is_done_again(tmp_path: Path) -> None:
    with worker_pool(1) as pool:
        assert pool.submit(die_once, tmp_path / "marker").result() == "done"


def test_a_job_that_kills_every_worker_is_given_up() -> None:
    with worker_pool(1) as pool:
        with pytest.raises(WorkerError) as error:
            pool.submit(die).result()
        assert str(error.value) == "3 workers died or hung at the same job"
        assert pool.submit(abs, -1).result() == 1


def test_the_job_of_a_hanging_worker_is_done_again(tmp_path: Path) -> None:
    with worker_pool(1, hang_timeout_s=2.0) as pool:
        assert pool.submit(hang_once, tmp_path / "marker").result() == "done"


def test_the_job_of_a_stopped_worker_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is stopped cannot notice that it hangs."""
    monkeypatch.setattr(pool_module, "_GRACE_S", 10.0)
    with worker_pool(1, hang_timeout_s=1.0) as pool:
        assert pool.submit(stop_once, tmp_path / "stopped").result(timeout=120) == "done"


def test_a_long_job_that_gets_on_is_let_be() -> None:
    with worker_pool(1, hang_timeout_s=2.0) as pool:
        assert pool.submit(work_for_long).result() == "done"


def test_errors_come_back() -> None:
    with worker_pool(1) as pool:
        with pytest.raises(UsageError, match=r"^no luck$"):
            pool.submit(fail, UsageError).result()
        with pytest.raises(WorkerError, match=r"^KeyError\('no luck'\)\nTraceback"):
            pool.submit(fail, KeyError).result()


def test_an_error_ends_the_workers_at_once() -> None:
    jobs: list[Future[None]] = []

    def interrupted() -> None:
        with worker_pool(1) as pool:
            jobs.extend(pool.submit(time.sleep, 600) for _ in range(2))
            while not jobs[0].running():
                time.sleep(0.01)
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - started < 60
    assert str(jobs[0].exception()) == "the workers were stopped"
    assert jobs[1].cancelled()
