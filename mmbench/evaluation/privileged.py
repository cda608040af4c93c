"""Plays the evaluation episodes of players that see their environment, one at a time per worker."""

from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from functools import lru_cache
from typing import Any

from mmbench.agent import Privileged
from mmbench.cluster import JobBackend, job_pool
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord, EpisodeWriter, record_episode
from mmbench.pool import beat
from mmbench.progress import OnProgress, Progress
from mmbench.simulator import FloatArray

HANG_TIMEOUT_S = 1800.0
"""An episode that takes no env step for so long, planning included, is given up and begun again."""


def play_privileged(
    factory: Privileged,
    given: Mapping[str, Any],
    left: Mapping[str, Sequence[int]],
    writer: EpisodeWriter,
    *,
    workers: int | None,
    backend: JobBackend,
    address: str | None,
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
        backend: Who plays the episodes: processes of this machine or a Ray cluster.
        address: Of the cluster.
        num_done: Episodes that were finished before, for the progress.
        on_progress: Called at the start and after every episode.

    Raises:
        AgentError: If an option is not taken.
        WorkerError: If several workers are lost, one after the other, at the same episode.
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
    with job_pool(workers, backend=backend, address=address, hang_timeout_s=HANG_TIMEOUT_S) as pool:
        futures = [pool.submit(_play, factory, given, *job) for job in jobs]
        for done, future in enumerate(as_completed(futures), start=1):
            record = future.result()
            writer.add([record])
            report(done, record.task_id)


def _play(factory: Privileged, given: Mapping[str, Any], task: str, seed: int) -> EpisodeRecord:
    """Play one episode; runs in a worker."""
    env = _env(task)
    env.reset(seed=seed)
    expert = factory.begin(env, **given)

    def act(env: TaskEnv) -> FloatArray:
        beat()
        return expert(env)

    return record_episode(env, act, agent=given["name"])


@lru_cache(maxsize=1)
def _env(task: str) -> TaskEnv:
    """Return the worker's environment; a task's episodes follow each other."""
    return TaskEnv(task)
