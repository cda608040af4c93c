"""Plays the evaluation episodes of players that see their environment, one at a time per worker."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from typing import Any

from mmbench.agent import Privileged
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord, EpisodeWriter, record_episode
from mmbench.errors import AgentError
from mmbench.pool import worker_pool
from mmbench.progress import OnProgress, Progress


def play_privileged(
    factory: Privileged,
    given: Mapping[str, Any],
    left: Mapping[str, Sequence[int]],
    writer: EpisodeWriter,
    *,
    workers: int | None,
    num_done: int,
    on_progress: OnProgress,
) -> None:
    """Play the episodes that are left; each is on disk as soon as it is finished.

    Args:
        factory: Makes who plays, for every episode anew.
        given: What its `begin` takes besides the environment.
        left: Seeds by task.
        writer: Where records go.
        workers: Worker processes; default one per core; 0 plays in this process.
        num_done: Episodes that were finished before, for the progress.
        on_progress: Called at the start and after every episode.

    Raises:
        AgentError: If an option is not taken, or a worker dies.
    """
    jobs = [(task, seed) for task, seeds in left.items() for seed in seeds]
    total = num_done + len(jobs)

    def report(done: int, task: str) -> None:
        on_progress(Progress("playing episodes", num_done + done, total, task))

    report(0, jobs[0][0])
    if workers == 0:
        for done, (task, seed) in enumerate(jobs, start=1):
            writer.add([_play(factory, given, task, seed)])
            report(done, task)
        return
    num_workers = min(workers or os.cpu_count() or 1, len(jobs))
    with worker_pool(num_workers) as pool:
        futures = [pool.submit(_play, factory, given, *job) for job in jobs]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                record = future.result()
                writer.add([record])
                report(done, record.task_id)
        except BrokenProcessPool as error:
            raise AgentError(
                "a worker process died; run the same command again to continue"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _play(factory: Privileged, given: Mapping[str, Any], task: str, seed: int) -> EpisodeRecord:
    """Play one episode; runs in a worker."""
    env = _env(task)
    env.reset(seed=seed)
    return record_episode(env, factory.begin(env, **given), agent=given["name"])


@lru_cache(maxsize=1)
def _env(task: str) -> TaskEnv:
    """Return the worker's environment; a task's episodes follow each other."""
    return TaskEnv(task)
