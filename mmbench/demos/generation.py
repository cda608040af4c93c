"""Makes demonstrations: many attempts, in parallel, of which the good ones are kept."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmbench.checks import at_least, between
from mmbench.cluster import JobBackend, check_backend, job_pool
from mmbench.demos.dataset import MIN_GOOD_SCORE, is_good, record_and_keep
from mmbench.demos.expert import PLAN, build_expert, expert_for
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord, EpisodeWriter, Trajectory, read, replay
from mmbench.errors import UsageError
from mmbench.files import locked
from mmbench.pool import beat
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import distinct_tasks
from mmbench.seeding import demonstration_seed
from mmbench.simulator import FloatArray
from mmbench.spec import TaskSpec

KEPT, REJECTED = "episodes", "rejected"
DEFAULT_EPISODES = 10
HANG_TIMEOUT_S = 1800.0
"""An attempt that takes no env step for so long, planning included, is given up and begun again."""
_ATTEMPTS_PER_EPISODE = 3
_MEMORY_EPISODES = 10
_EPISODES_TO_LEARN_FROM = 3


def generate(
    tasks: Sequence[str],
    *,
    out: Path | str,
    episodes: int = DEFAULT_EPISODES,
    expert: str = "auto",
    budget: float = 1.0,
    min_score: float = MIN_GOOD_SCORE,
    max_attempts: int | None = None,
    workers: int | None = None,
    checkpoint: str | None = None,
    options: Mapping[str, Any] | None = None,
    backend: JobBackend = "process",
    address: str | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Path:
    """Play until every task has `episodes` good episodes, or its attempts are used up.

    Good episodes go to `out/episodes`, the others to `out/rejected`; both are on disk as soon as
    they are finished, and the same call continues where it was stopped. Attempt i has the seed
    `demonstration_seed(task, i)`.

    Args:
        tasks: Task ids.
        out: Directory; it is made or continued.
        episodes: Good episodes wanted per task.
        expert: `auto`, `scripted`, `plan`, or an agent's name.
        budget: Factor on the effort of planning.
        min_score: Score of a good episode where there is no success.
        max_attempts: Attempts per task; default three per wanted episode.
        workers: Worker processes; default one per core.
        checkpoint: For an agent.
        options: For an agent.
        backend: `process` plays on this machine, `ray` in a Ray cluster.
        address: Of the cluster; see `mmbench.evaluate`.
        on_progress: Called at the start and after every attempt.

    Raises:
        DemonstrationError: If a script is asked for where there is none.
        UsageError: If a task is named twice, or nothing is asked for.
        WorkerError: If several workers are lost, one after the other, at the same attempt.
    """
    at_least(1, episodes=episodes, max_attempts=max_attempts)
    at_least(0, workers=workers)
    between(0, 1, min_score=min_score)
    check_backend(backend, address, workers)
    if not budget > 0:
        raise UsageError(f"budget is {budget}, expected more than 0")
    jobs = [
        _TaskJobs(task, expert, episodes, max_attempts or _ATTEMPTS_PER_EPISODE * episodes)
        for task in distinct_tasks(tasks)
    ]
    by_task = {job.task.id: job for job in jobs}
    out = Path(out)
    with locked(out):
        writers = {name: EpisodeWriter(out / name) for name in (KEPT, REJECTED)}
        for name in writers:
            for record in read(out / name):
                if record.task_id in by_task:
                    by_task[record.task_id].add(record, is_kept=is_good(record, min_score))

        def report(note: str) -> None:
            done = sum(job.num_good for job in jobs)
            on_progress(Progress("good episodes", done, len(jobs) * episodes, note))

        report("")
        with job_pool(
            workers, backend=backend, address=address, hang_timeout_s=HANG_TIMEOUT_S
        ) as pool:
            running: dict[Future[EpisodeRecord], _TaskJobs] = {}
            while True:
                while len(running) < pool.num_workers and (chosen := _next_job(jobs)) is not None:
                    seed = chosen.next_seed()
                    future = pool.submit(
                        _play,
                        chosen.task.id,
                        seed,
                        chosen.expert,
                        budget * chosen.effort(),
                        chosen.memory(),
                        checkpoint,
                        options,
                    )
                    running[future] = chosen
                if not running:
                    break
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    job, record = running.pop(future), future.result()
                    is_kept = is_good(record, min_score)
                    writers[KEPT if is_kept else REJECTED].add([record])
                    job.num_running -= 1
                    job.add(record, is_kept=is_kept)
                    verdict = "kept" if is_kept else "rejected"
                    report(f"{job.task.id} scored {record.score:.2f}, {verdict}")
        for writer in writers.values():
            writer.compact()
    return out


def _next_job(jobs: Sequence["_TaskJobs"]) -> "_TaskJobs | None":
    """Return the task to play next: the first of those that fewest workers are playing."""
    return min(
        (job for job in jobs if job.is_wanting()), key=lambda job: job.num_running, default=None
    )


class _TaskJobs:
    """The attempts at one task."""

    def __init__(self, task: TaskSpec, expert: str, num_wanted: int, max_attempts: int) -> None:
        self.task = task
        self.expert = expert_for(task, expert)
        self.num_running = 0
        self._num_wanted = num_wanted
        self._max_attempts = max_attempts
        self._num_kept = 0
        self._was_kept = False
        self._records: list[EpisodeRecord] = []
        self._seeds = self._fresh_seeds()

    def add(self, record: EpisodeRecord, *, is_kept: bool) -> None:
        self._records.append(record)
        self._num_kept += is_kept
        self._was_kept = is_kept

    def is_wanting(self) -> bool:
        return (
            self._num_kept + self.num_running < self._num_wanted
            and len(self._records) + self.num_running < self._max_attempts
        )

    def effort(self) -> float:
        """Return the share of the budget to spend: half, while imitating good episodes works."""
        has_examples = self.expert == PLAN and self._num_kept >= _EPISODES_TO_LEARN_FROM
        return 0.5 if has_examples and self._was_kept else 1.0

    def next_seed(self) -> int:
        self.num_running += 1
        return next(self._seeds)

    def memory(self) -> list[EpisodeRecord]:
        """Return the best episodes so far, for planning; nobody else looks at them."""
        if self.expert != PLAN:
            return []
        return sorted(self._records, key=lambda r: -r.episode_return)[:_MEMORY_EPISODES]

    @property
    def num_good(self) -> int:
        """Good episodes so far, of those that are wanted."""
        return min(self._num_kept, self._num_wanted)

    def _fresh_seeds(self) -> Iterator[int]:
        index = 0
        while True:
            seed = demonstration_seed(self.task.id, index)
            if all(record.seed != seed for record in self._records):
                yield seed
            index += 1


def _play(
    task: str,
    seed: int,
    expert: str,
    budget: float,
    memory: Sequence[EpisodeRecord],
    checkpoint: str | None,
    options: Mapping[str, Any] | None,
) -> EpisodeRecord:
    """Play one attempt; runs in a worker."""
    env = _env(task)
    trajectories = [_trajectory(task, record) for record in memory]
    env.reset(seed=seed)
    ask = build_expert(
        env,
        expert,
        budget=budget,
        memory=trajectories,
        checkpoint=checkpoint,
        options=options,
    )

    def act(env: TaskEnv) -> FloatArray:
        beat()
        return ask(env)

    return record_and_keep(env, act, agent=expert)


@lru_cache(maxsize=1)
def _env(task: str) -> TaskEnv:
    """Return the worker's environment; a task's attempts follow each other."""
    return TaskEnv(task)


_TRAJECTORIES: dict[tuple[str, int], Trajectory] = {}


def _trajectory(task: str, record: EpisodeRecord) -> Trajectory:
    if any(key[0] != task for key in _TRAJECTORIES):
        _TRAJECTORIES.clear()
    beat()
    if record.key not in _TRAJECTORIES:
        _TRAJECTORIES[record.key] = replay(record, env=_env(task))
    return _TRAJECTORIES[record.key]
