"""Practice: episodes in which an expert is disturbed on purpose, and says what it would have done.

A demonstration shows one clean path and never how to come back to it; a network that clones it has
nothing to go by once it strays. In practice some actions are replaced by others, and every step
carries the expert's own action in the state that was visited as its label.

Source: DART (arXiv:1703.09327). Ours also holds a random action now and then.
"""

import dataclasses
import os
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from pathlib import Path

import numpy as np

from mmbench.demos.dataset import PRACTICE
from mmbench.demos.expert import SCRIPTED, build_expert, expert_for
from mmbench.demos.plans import Expert
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord, EpisodeWriter, read, record_episode
from mmbench.errors import DemonstrationError, UsageError
from mmbench.files import locked
from mmbench.pool import worker_pool
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import distinct_tasks, get_task
from mmbench.seeding import practice_seed
from mmbench.simulator import FloatArray

DEFAULT_RATE = 0.02
DEFAULT_STEPS = 2500
MIN_EPISODES = 20
"""Episodes per task, however long: each starts elsewhere. Clones of 6 and of 20 episodes of
`reacher-easy` score 0.35 and 0.93."""
NOISE = 0.1
_HOLD = (3, 14)
"""Env steps that a random action is held for, in an episode of 140 steps and more."""


class Disturbed:
    """Plays an expert's actions with noise, and now and then a random action that is held.

    Args:
        expert: Who is disturbed.
        seed: Of the disturbance.
        num_steps: Length of the episode: in short ones random actions are held for less long.
        rate: Share of the steps at which a random action begins.
        noise: Standard deviation of the noise in the other steps.
    """

    def __init__(
        self,
        expert: Expert,
        *,
        seed: int,
        num_steps: int,
        rate: float = DEFAULT_RATE,
        noise: float = NOISE,
    ) -> None:
        self._expert = expert
        self._rng = np.random.default_rng(seed)
        self._rate, self._noise = rate, noise
        longest = max(1, min(_HOLD[1], num_steps // 10))
        self._hold = (min(_HOLD[0], (longest + 1) // 2), longest)
        self._held: FloatArray | None = None
        self._steps_left = 0
        self.labels: list[FloatArray] = []
        self.disturbed: list[bool] = []

    def __call__(self, env: TaskEnv) -> FloatArray:
        """Ask the expert, note its answer, and return what is played instead."""
        label = np.clip(self._expert(env), -1, 1).astype(np.float32)
        if self._steps_left == 0:
            self._held = None
            if self._rng.random() < self._rate:
                self._held = self._rng.uniform(-1, 1, label.shape).astype(np.float32)
                self._steps_left = int(self._rng.integers(*self._hold, endpoint=True))
        if self._held is not None:
            action = self._held
            self._steps_left -= 1
        else:
            noise = self._noise * self._rng.standard_normal(label.shape)
            action = np.clip(label + noise, -1, 1).astype(np.float32)
        self.labels.append(label)
        self.disturbed.append(self._held is not None)
        return action


def practise(
    tasks: tuple[str, ...],
    *,
    out: Path | str,
    steps: int = DEFAULT_STEPS,
    rate: float = DEFAULT_RATE,
    workers: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Path:
    """Play disturbed episodes of scripted experts: 20 per task, and at least `steps` env steps.

    They go to `out/practice`, are on disk as soon as they are finished, and the same call continues
    where it was stopped. Episode i has the seed `practice_seed(task, i)`.

    Args:
        tasks: Task ids.
        out: Directory; it is made or continued.
        steps: Labelled env steps wanted per task.
        rate: Share of the steps at which a random action begins.
        workers: Worker processes; default one per core.
        on_progress: Called at the start and after every episode.

    Raises:
        DemonstrationError: If a task has no script, or a worker dies.
        UsageError: If a number is out of range, or a task is named twice.
    """
    if not (0 < rate < 1 and steps >= 1):
        raise UsageError(
            f"rate is {rate} and steps {steps}, expected a rate between 0 and 1 and 1 step or more"
        )
    num_workers = workers or os.cpu_count() or 1
    for task in distinct_tasks(tasks):
        expert_for(task, SCRIPTED)
    out = Path(out)
    with locked(out):
        writer = EpisodeWriter(out / PRACTICE)
        done = {record.key for record in read(out / PRACTICE)}
        wanted = []
        for name in tasks:
            num_episodes = max(MIN_EPISODES, -(-steps // get_task(name).max_episode_steps))
            wanted += [(name, practice_seed(name, index)) for index in range(num_episodes)]
        todo = [key for key in wanted if key not in done]

        def report(note: str) -> None:
            on_progress(Progress("practising", len(wanted) - len(todo), len(wanted), note))

        report("")
        with worker_pool(num_workers) as pool:
            running: dict[Future[EpisodeRecord], tuple[str, int]] = {}
            queue = iter(list(todo))
            try:
                while True:
                    while len(running) < num_workers and (key := next(queue, None)) is not None:
                        running[pool.submit(_play, *key, rate)] = key
                    if not running:
                        break
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        record = future.result()
                        writer.add([record])
                        todo.remove(running.pop(future))
                        report(f"{record.task_id} scored {record.score:.2f}")
            except BrokenProcessPool as error:
                raise DemonstrationError(
                    "a worker process died; run the same command again to continue"
                ) from error
        writer.compact()
    return out


def _play(task: str, seed: int, rate: float) -> EpisodeRecord:
    """Play one disturbed episode; runs in a worker."""
    env = _env(task)
    env.reset(seed=seed)
    act = Disturbed(
        build_expert(env, SCRIPTED), seed=seed, num_steps=env.task.max_episode_steps, rate=rate
    )
    record = record_episode(env, act, agent=SCRIPTED)
    return dataclasses.replace(
        record, labels=np.stack(act.labels), disturbed=np.array(act.disturbed)
    )


@lru_cache(maxsize=1)
def _env(task: str) -> TaskEnv:
    """Return the worker's environment; a task's episodes follow each other."""
    return TaskEnv(task)
