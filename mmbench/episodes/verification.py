"""Replaying whole logs, in parallel, to see whether every reward is what it was."""

import os
from collections.abc import Sequence
from concurrent.futures import as_completed

from mmbench.env import TaskEnv
from mmbench.episodes.record import EpisodeRecord
from mmbench.episodes.replay import replay
from mmbench.errors import ReplayError
from mmbench.pool import worker_pool
from mmbench.progress import OnProgress, Progress, ignore_progress


def verify(
    records: Sequence[EpisodeRecord],
    *,
    workers: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> list[str]:
    """Replay episodes and return a sentence for every one that differs.

    Args:
        records: The episodes.
        workers: Worker processes; default one per core; 0 replays in this process.
        on_progress: Called as episodes are replayed.
    """
    by_task: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        by_task.setdefault(record.task_id, []).append(record)
    num_done = 0

    def report(count: int) -> None:
        nonlocal num_done
        num_done += count
        on_progress(Progress("replaying episodes", num_done, len(records)))

    report(0)
    num_workers = min(os.cpu_count() or 1 if workers is None else workers, len(by_task))
    if num_workers <= 1:
        differences = []
        for group in by_task.values():
            differences += _verify_task(group)
            report(len(group))
        return differences
    with worker_pool(num_workers) as pool:
        jobs = {pool.submit(_verify_task, group): task for task, group in by_task.items()}
        found: dict[str, list[str]] = {}
        for job in as_completed(jobs):
            found[jobs[job]] = job.result()
            report(len(by_task[jobs[job]]))
    return [difference for task in by_task for difference in found[task]]


def _verify_task(records: Sequence[EpisodeRecord]) -> list[str]:
    differences = []
    env = TaskEnv(records[0].task_id)
    try:
        for record in records:
            try:
                replay(record, env=env)
            except ReplayError as error:
                differences.append(str(error))
    finally:
        env.close()
    return differences
