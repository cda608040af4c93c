"""`mmbench demos generate|stats|verify|render|pack|export|download`."""

import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from mmbench.checks import at_least, between
from mmbench.cli.output import options_from, print_json, print_table, show_progress
from mmbench.cli.replay import print_verification
from mmbench.cluster import JobBackend
from mmbench.demos import SHIPPED, download_official, export_minari, load, pack, read_official
from mmbench.demos.dataset import MIN_GOOD_SCORE, PRACTICE, is_good
from mmbench.demos.expert import AUTO, PLAN, SCRIPTED
from mmbench.demos.generation import DEFAULT_EPISODES, generate
from mmbench.demos.learnability import DEFAULT_EPISODES as LEARNABILITY_EPISODES
from mmbench.demos.learnability import DEFAULT_UPDATES, learnability, learnability_table
from mmbench.demos.official import REPOSITORY
from mmbench.demos.plans import SCRIPTS
from mmbench.demos.practice import (
    DEFAULT_RATE,
    DEFAULT_STEPS,
    SCRIPT,
    Disturbance,
    Student,
    Teacher,
    can_be_labelled,
    practise,
)
from mmbench.demos.stats import stats_as_json, stats_table, task_stats
from mmbench.env import IMAGE_SIZE, MAX_IMAGE_SIZE, ObsType
from mmbench.episodes import EpisodeRecord, film, read
from mmbench.errors import DemonstrationError, UsageError
from mmbench.progress import Progress
from mmbench.registry import choose_tasks, get_task


@dataclass(frozen=True, kw_only=True)
class DemosGenerate:
    """Make demonstrations with scripted experts, planning in the simulator, or an agent.

    The same command continues where it was stopped; a finished episode is never lost.
    """

    tasks: tuple[str, ...] = ()
    """Tasks to play."""
    suite: str | None = None
    """Suite to play instead: full, heldout, quick, lite, or a domain."""
    out: Path
    """Directory; it is made or continued."""
    episodes: int = DEFAULT_EPISODES
    """Good episodes wanted per task."""
    expert: str = "auto"
    """auto (a script where there is one, else a search in games and planning elsewhere), scripted,
    plan, search, or an agent."""
    budget: float = 1.0
    """Factor on the number of action sequences that are tried in a plan or a search."""
    min_score: float = MIN_GOOD_SCORE
    """Score of a good episode; in tasks with a success, only that counts. Where neither can tell,
    the share of the highest possible return."""
    attempts: int | None = None
    """Attempts per task. Default: three per wanted episode."""
    disturb: float = DEFAULT_RATE
    """Share of the env steps of practice at which a random action begins; 0 for no practice.
    In practice experts other than plans are disturbed, and say what they would have done."""
    practice_steps: int = DEFAULT_STEPS
    """Env steps of practice wanted per task; 20 episodes at least."""
    workers: int | None = None
    """Worker processes. Default: one per core (of the cluster)."""
    backend: JobBackend = "process"
    """process plays on this machine; ray sends whole episodes into a cluster."""
    address: str | None = None
    """Ray cluster, host:port or auto. Default: RAY_ADDRESS, else this machine alone."""
    checkpoint: str | None = None
    """Checkpoint for the agent."""
    option: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = field(default=())
    """More for the agent as name=value (the value in JSON, or a plain word). May be repeated."""
    json: bool = False
    """Print the statistics as one JSON value."""

    def run(self) -> int:
        """Play, then print the statistics; exit code 1 if a task has too few good episodes."""
        tasks = choose_tasks(self.tasks, self.suite)
        with show_progress() as on_progress:
            generate(
                tasks,
                out=self.out,
                episodes=self.episodes,
                expert=self.expert,
                budget=self.budget,
                min_score=self.min_score,
                max_attempts=self.attempts,
                workers=self.workers,
                backend=self.backend,
                address=self.address,
                checkpoint=self.checkpoint,
                options=options_from(self.option),
                on_progress=on_progress,
            )
            has_script = self.expert in (AUTO, SCRIPTED)
            labelled = tuple(task for task in tasks if task in SCRIPTS) if has_script else tasks
            if self.disturb and labelled and self.expert != PLAN:
                practise(
                    labelled,
                    out=self.out,
                    behaviour=Disturbance(rate=self.disturb),
                    teacher=SCRIPT
                    if has_script
                    else Teacher(agent=self.expert, checkpoint=self.checkpoint),
                    steps=self.practice_steps,
                    workers=self.workers,
                    backend=self.backend,
                    address=self.address,
                    on_progress=on_progress,
                )
        _print_stats(self.out, self.json)
        kept = {stats.task: stats.episodes for stats in task_stats(self.out)}
        return 0 if all(kept.get(task, 0) >= self.episodes for task in tasks) else 1


@dataclass(frozen=True, kw_only=True)
class DemosLabel:
    """Let a student play, and scripted experts say at every step what they would have done.

    This is a round of DAgger: clone the demonstrations, let the clone play, clone what the experts
    say as well, and so on. The episodes are practice: they go to OUT/practice. The same command
    continues where it was stopped.
    """

    tasks: tuple[str, ...] = ()
    """Tasks to play."""
    suite: str | None = None
    """Suite to play instead; its tasks whose experts can be asked in any state."""
    out: Path
    """Directory; it is made or continued."""
    student: str = "bc"
    """The agent that plays."""
    checkpoint: str | None = None
    """Checkpoint for the agent."""
    teacher: str = SCRIPTED
    """Who labels: the tasks' scripts, or an agent."""
    teacher_checkpoint: str | None = None
    """Checkpoint for an agent that labels."""
    mix: float = 0.0
    """Share of the steps that the expert plays itself."""
    round: int = 1
    """Number of this round; every round has episodes of its own."""
    steps: int = DEFAULT_STEPS
    """Env steps wanted per task; 20 episodes at least."""
    workers: int | None = None
    """Worker processes. Default: one per core."""

    def run(self) -> int:
        """Play."""
        tasks = choose_tasks(self.tasks, self.suite)
        if self.suite is not None and self.teacher == SCRIPTED:
            tasks = tuple(task for task in tasks if can_be_labelled(get_task(task)))
        student = Student(
            agent=self.student, checkpoint=self.checkpoint, mix=self.mix, round=self.round
        )
        with show_progress() as on_progress:
            practise(
                tasks,
                out=self.out,
                behaviour=student,
                teacher=Teacher(agent=self.teacher, checkpoint=self.teacher_checkpoint),
                steps=self.steps,
                workers=self.workers,
                on_progress=on_progress,
            )
        print(f"{self.out / PRACTICE}")
        return 0


@dataclass(frozen=True, kw_only=True)
class DemosStats:
    """Show, per task, how many demonstrations there are and how good they are."""

    path: Positional[Path] = SHIPPED
    """Directory or file of demonstrations. Default: those that come with mmbench."""
    json: bool = False
    """Print one JSON array."""

    def run(self) -> int:
        """Print the table."""
        _print_stats(self.path, self.json)
        return 0


def _print_stats(path: Path, as_json: bool) -> None:
    stats = task_stats(path)
    if as_json:
        print_json(stats_as_json(stats))
    else:
        print_table(stats_table(stats), f"demonstrations in {path}")


@dataclass(frozen=True, kw_only=True)
class DemosLearnability:
    """Clone every task's demonstrations with a small network of its own, and let it play.

    The same command continues where it was stopped.
    """

    tasks: tuple[str, ...] = ()
    """Tasks to clone."""
    suite: str | None = None
    """Suite to clone instead."""
    out: Path
    """Folder for one JSON file per task; it is made or continued."""
    path: Path | None = None
    """Directory or file of demonstrations. Default: those that come with mmbench."""
    updates: int = DEFAULT_UPDATES
    """Gradient steps per task."""
    episodes: int = LEARNABILITY_EPISODES
    """Episodes that every clone plays."""
    workers: int | None = None
    """Worker processes. Default: one per core; 0 works in this process."""
    json: bool = False
    """Print one JSON array."""

    def run(self) -> int:
        """Clone, play, and print the table."""
        tasks = choose_tasks(self.tasks, self.suite)
        with show_progress() as on_progress:
            results = learnability(
                tasks,
                out=self.out,
                path=self.path,
                updates=self.updates,
                episodes=self.episodes,
                workers=self.workers,
                on_progress=on_progress,
            )
        if self.json:
            print_json([asdict(result) for result in results])
        else:
            print_table(learnability_table(results), "demonstrations and their clones")
        return 0


@dataclass(frozen=True, kw_only=True)
class DemosPack:
    """Gather the best episodes of every task into one file per task."""

    sources: Positional[tuple[Path, ...]]
    """Directories that `demos generate` has made, or episode logs."""
    out: Path
    """Directory for the files."""
    episodes: int = DEFAULT_EPISODES
    """Episodes per task."""
    steps: int = 0
    """Take more episodes, if they are needed for so many env steps per task."""
    robust: bool = False
    """Prefer good episodes that rounding leads to no other end, as on another processor: each is
    replayed a few times with its actions nudged."""

    def run(self) -> int:
        """Write the files, then print the statistics."""
        at_least(1, episodes=self.episodes)
        at_least(0, steps=self.steps)
        if not self.sources:
            raise UsageError("give at least one directory of demonstrations")
        with show_progress() as on_progress:
            pack(
                self.sources,
                self.out,
                episodes=self.episodes,
                steps=self.steps,
                prefers_robust=self.robust,
                on_progress=on_progress,
            )
        _print_stats(self.out, as_json=False)
        return 0


@dataclass(frozen=True, kw_only=True)
class DemosVerify:
    """Replay demonstrations and compare every reward; exit code 1 if one differs."""

    path: Positional[Path] = SHIPPED
    """Directory or file of demonstrations. Default: those that come with mmbench."""
    tasks: tuple[str, ...] = ()
    """Only these tasks."""
    workers: int | None = None
    """Worker processes. Default: one per core; 0 replays in this process."""
    json: bool = False
    """Print one JSON value."""

    def run(self) -> int:
        """Replay all."""
        return print_verification(_records(self.path, self.tasks), self.workers, self.json)


@dataclass(frozen=True, kw_only=True)
class DemosRender:
    """Make a video of demonstrations of every task."""

    path: Positional[Path] = SHIPPED
    """Directory or file of demonstrations. Default: those that come with mmbench."""
    out: Path
    """Directory for the videos."""
    tasks: tuple[str, ...] = ()
    """Only these tasks."""
    episodes: int = 1
    """Videos per task."""
    image_size: int = IMAGE_SIZE
    """Height and width, in pixels."""
    gif: bool = False
    """Write .gif instead of .mp4."""

    def run(self) -> int:
        """Film."""
        at_least(1, episodes=self.episodes)
        between(1, MAX_IMAGE_SIZE, image_size=self.image_size)
        chosen: dict[str, list[EpisodeRecord]] = {}
        for record in _records(self.path, self.tasks):
            of_task = chosen.setdefault(record.task_id, [])
            if len(of_task) < self.episodes:
                of_task.append(record)
        self.out.mkdir(parents=True, exist_ok=True)
        jobs = [
            (record, self.out / f"{task}-{index}.{'gif' if self.gif else 'mp4'}")
            for task, records in chosen.items()
            for index, record in enumerate(records)
        ]
        with show_progress() as on_progress:
            for done, (record, file) in enumerate(jobs):
                on_progress(Progress("filming", done, len(jobs), file.name))

                def on_env_step(inner: Progress, done: int = done, file: Path = file) -> None:
                    note = f"{file.name}, env step {inner.done} of {inner.total}"
                    on_progress(Progress("filming", done, len(jobs), note))

                film(record, file, image_size=self.image_size, on_progress=on_env_step)
        print(f"{self.out}: {len(jobs)} videos")
        return 0


def _records(path: Path, tasks: tuple[str, ...]) -> list[EpisodeRecord]:
    """Read a log, all of it or some tasks."""
    wanted = {get_task(task).id for task in tasks}
    records = [record for record in read(path) if not wanted or record.task_id in wanted]
    if not records:
        raise DemonstrationError(f"{path} holds no demonstrations" + (" of them" if tasks else ""))
    return records


@dataclass(frozen=True, kw_only=True)
class DemosExport:
    """Write demonstrations as Minari datasets, one per task."""

    tasks: tuple[str, ...] = ()
    """Tasks to export."""
    suite: str | None = None
    """Suite to export instead."""
    path: Path | None = None
    """Directory or file of demonstrations. Default: those that come with mmbench."""
    obs: ObsType = "state"
    """What observations hold; pictures are made by replaying."""
    image_size: int = IMAGE_SIZE
    """Height and width of pictures, in pixels."""
    version: int = 0
    """Version of the datasets."""

    def run(self) -> int:
        """Export, and print the ids of the datasets."""
        tasks = choose_tasks(self.tasks, self.suite)
        at_least(0, version=self.version)
        between(1, MAX_IMAGE_SIZE, image_size=self.image_size)
        demonstrations = load(tasks, obs_type=self.obs, image_size=self.image_size, path=self.path)
        for task in tasks:
            scores = [r.score for r in demonstrations.records if r.task_id == task]
            if not any(is_good(r) for r in demonstrations.records if r.task_id == task):
                print(
                    f"{task}: none of {len(scores)} is good, the best scores {max(scores):.2f}",
                    file=sys.stderr,
                )
        for dataset_id in export_minari(demonstrations, version=self.version):
            print(dataset_id)
        return 0


@dataclass(frozen=True, kw_only=True)
class DemosDownload:
    """Download demonstration files of the original benchmark from the Hugging Face hub."""

    tasks: tuple[str, ...] = ()
    """Tasks to download."""
    suite: str | None = None
    """Suite to download instead."""
    out: Path
    """Directory for the files."""
    repository: str = REPOSITORY
    """Dataset repository on the hub."""

    def run(self) -> int:
        """Download and check every file, and print what is in it."""
        for file in download_official(
            choose_tasks(self.tasks, self.suite), self.out, repository=self.repository
        ):
            episodes = read_official(file)
            print(f"{file}: {len(episodes)} episodes")
        return 0
