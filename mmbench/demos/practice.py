"""Practice: episodes that stray, in which an expert says at every step what it would have done.

A demonstration shows one clean path and never how to come back to it; a network that clones it has
nothing to go by once it strays. In practice either the expert is disturbed on purpose, or a student
plays; every step carries the expert's own action in the state that was visited as its label.

Sources: DART (arXiv:1703.09327) for disturbance; ours also holds a random action now and then.
DAgger (arXiv:1011.0686) for students.
"""

import dataclasses
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from mmbench.agent import Expert, find_agent
from mmbench.checks import at_least, between
from mmbench.cluster import JobBackend, check_backend, job_pool
from mmbench.demos.dataset import PRACTICE, in_16_bits, record_and_keep
from mmbench.demos.expert import SCRIPTED, build_expert, expert_for
from mmbench.demos.plans import SCRIPTS
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord, EpisodeWriter, read
from mmbench.errors import DemonstrationError, UsageError
from mmbench.files import locked
from mmbench.pool import beat
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import distinct_tasks, get_task
from mmbench.seeding import practice_seed
from mmbench.simulator import FloatArray
from mmbench.spec import TaskSpec

DEFAULT_RATE = 0.02
DEFAULT_STEPS = 2500
MIN_EPISODES = 20
"""Episodes per task, however long: each starts elsewhere. Clones of 6 and of 20 episodes of
`reacher-easy` score 0.35 and 0.93."""
HANG_TIMEOUT_S = 600.0
"""An episode that takes no env step for so long is given up and begun again."""
NOISE = 0.1
_HOLD = (3, 14)
"""Env steps that a random action is held for, in an episode of 140 steps and more."""


_ROUND = 1000
"""Episodes of a task that a round of students has seeds for."""

_Play = Callable[[TaskEnv, FloatArray], tuple[FloatArray, bool]]
"""Given the environment and the expert's action, returns the action and whether it is another."""


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """The expert plays, with noise, and now and then a random action that is held.

    Attributes:
        rate: Share of the steps at which a random action begins.
        noise: Standard deviation of the noise in the other steps.
    """

    rate: float = DEFAULT_RATE
    noise: float = NOISE

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise UsageError(f"rate is {self.rate}, expected a number between 0 and 1")

    @property
    def first_index(self) -> int:
        """Index of the first episode's seed."""
        return 0

    def begin(self, env: TaskEnv, seed: int) -> "_Play":
        """Return who plays one episode, given what the expert would do."""
        rng = np.random.default_rng(seed)
        longest = max(1, min(_HOLD[1], env.task.max_episode_steps // 10))
        shortest = min(_HOLD[0], (longest + 1) // 2)
        held: FloatArray | None = None
        steps_left = 0

        def play(env: TaskEnv, label: FloatArray) -> tuple[FloatArray, bool]:
            nonlocal held, steps_left
            if steps_left == 0:
                held = None
                if rng.random() < self.rate:
                    held = rng.uniform(-1, 1, label.shape).astype(np.float32)
                    steps_left = int(rng.integers(shortest, longest, endpoint=True))
            if held is not None:
                steps_left -= 1
                return held, True
            noise = self.noise * rng.standard_normal(label.shape)
            return np.clip(label + noise, -1, 1).astype(np.float32), False

        return play


@dataclass(frozen=True, kw_only=True)
class Student:
    """An agent plays; the expert takes over for `mix` of the steps.

    Attributes:
        agent: As `mmbench evaluate --agent` takes it.
        checkpoint: For the agent.
        mix: Share of the steps that the expert plays.
        round: Number of this round; every round has its own episodes.
    """

    agent: str
    checkpoint: str | None = None
    mix: float = 0.0
    round: int = 1

    def __post_init__(self) -> None:
        find_agent(self.agent)
        between(0, 1, mix=self.mix)
        at_least(1, round=self.round)

    @property
    def first_index(self) -> int:
        """Index of the first episode's seed."""
        return _ROUND * self.round

    def begin(self, env: TaskEnv, seed: int) -> "_Play":
        """Return who plays one episode, given what the expert would do."""
        rng = np.random.default_rng(seed)
        student = _agent(self, env)

        def play(env: TaskEnv, label: FloatArray) -> tuple[FloatArray, bool]:
            action = np.clip(student(env), -1, 1)  # asked at every step, as it may remember
            is_expert = bool(rng.random() < self.mix)
            return (label, False) if is_expert else (action, True)

        return play


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """Who says what should have been done.

    Attributes:
        agent: The task's script, or an agent as `mmbench evaluate --agent` takes it.
        checkpoint: For an agent.
    """

    agent: str = SCRIPTED
    checkpoint: str | None = None


SCRIPT = Teacher()


def can_be_labelled(task: TaskSpec) -> bool:
    """Whether the task's script says in any state what to do, whoever played until then."""
    script = SCRIPTS.get(task.id, "").rpartition(".")[2]
    return script not in ("", "robodesk") and not task.id.startswith("bipedal-walker-")


DISTURBANCE = Disturbance()


def practise(
    tasks: tuple[str, ...],
    *,
    out: Path | str,
    behaviour: Disturbance | Student = DISTURBANCE,
    teacher: Teacher = SCRIPT,
    steps: int = DEFAULT_STEPS,
    workers: int | None = None,
    backend: JobBackend = "process",
    address: str | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Path:
    """Play episodes labelled by an expert: 20 per task, and at least `steps` env steps.

    They go to `out/practice`, are on disk as soon as they are finished, and the same call continues
    where it was stopped. Episode i has the seed `practice_seed(task, first_index + i)`.

    Args:
        tasks: Task ids.
        out: Directory; it is made or continued.
        behaviour: Who plays.
        teacher: Who labels, and plays where it is disturbed.
        steps: Labelled env steps wanted per task.
        workers: Worker processes; default one per core.
        backend: `process` plays on this machine, `ray` in a Ray cluster.
        address: Of the cluster; see `mmbench.evaluate`.
        on_progress: Called at the start and after every episode.

    Raises:
        DemonstrationError: If a task has no script that could label it.
        UsageError: If a number is out of range, or a task is named twice.
        WorkerError: If several workers are lost, one after the other, at the same episode.
    """
    at_least(1, steps=steps)
    check_backend(backend, address, workers)
    for task in distinct_tasks(tasks):
        expert_for(task, teacher.agent)
        is_script = teacher.agent == SCRIPTED
        if isinstance(behaviour, Student) and is_script and not can_be_labelled(task):
            raise DemonstrationError(
                f"the script of {task.id} remembers what it has done, so it cannot label a student"
            )
    out = Path(out)
    with locked(out):
        writer = EpisodeWriter(out / PRACTICE)
        done = {record.key for record in read(out / PRACTICE)}
        wanted = []
        for name in tasks:
            num_episodes = max(MIN_EPISODES, -(-steps // get_task(name).max_episode_steps))
            first = behaviour.first_index
            wanted += [(name, practice_seed(name, first + i)) for i in range(num_episodes)]
        todo = [key for key in wanted if key not in done]

        def report(note: str) -> None:
            on_progress(Progress("practising", len(wanted) - len(todo), len(wanted), note))

        report("")
        with job_pool(
            workers, backend=backend, address=address, hang_timeout_s=HANG_TIMEOUT_S
        ) as pool:
            running: dict[Future[EpisodeRecord], tuple[str, int]] = {}
            queue = iter(list(todo))
            while True:
                while len(running) < pool.num_workers and (key := next(queue, None)) is not None:
                    running[pool.submit(_play, *key, behaviour, teacher)] = key
                if not running:
                    break
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    record = future.result()
                    writer.add([record])
                    todo.remove(running.pop(future))
                    report(f"{record.task_id} scored {record.score:.2f}")
        writer.compact()
    return out


def _play(
    task: str, seed: int, behaviour: Disturbance | Student, teacher: Teacher
) -> EpisodeRecord:
    """Play one labelled episode; runs in a worker."""
    env = _env(task)
    env.reset(seed=seed)
    is_script = teacher.agent == SCRIPTED
    expert = build_expert(env, SCRIPTED) if is_script else _agent(teacher, env)
    play = behaviour.begin(env, seed)
    labels: list[FloatArray] = []
    disturbed: list[bool] = []

    def act(env: TaskEnv) -> FloatArray:
        beat()
        label = in_16_bits(np.clip(expert(env), -1, 1))
        action, is_disturbed = play(env, label)
        labels.append(label)
        disturbed.append(is_disturbed)
        return in_16_bits(action)

    player = teacher.agent if isinstance(behaviour, Disturbance) else behaviour.agent
    record = record_and_keep(env, act, agent=player)
    return dataclasses.replace(record, labels=np.stack(labels), disturbed=np.array(disturbed))


@lru_cache(maxsize=1)
def _env(task: str) -> TaskEnv:
    """Return the worker's environment; a task's episodes follow each other."""
    return TaskEnv(task)


@lru_cache(maxsize=2)
def _agent(player: Student | Teacher, env: TaskEnv) -> Expert:
    """Return the worker's student or teacher of a task."""
    return build_expert(env, player.agent, checkpoint=player.checkpoint)
