"""`mmbench demos generate|stats|verify|render|pack|export|download`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from mmbench.cli.output import options_from, print_json, print_table, progress_bar
from mmbench.cli.replay import print_verification
from mmbench.demos import SHIPPED, download_official, export_minari, load, pack, read_official
from mmbench.demos.generation import (
    DEFAULT_EPISODES,
    DEFAULT_MIN_SCORE,
    Progress,
    generate,
)
from mmbench.demos.official import REPOSITORY
from mmbench.demos.stats import stats_as_json, stats_table, task_stats
from mmbench.env import IMAGE_SIZE, ObsType
from mmbench.episodes import EpisodeRecord, film, read
from mmbench.errors import DemonstrationError, PlanError
from mmbench.registry import get_suite, get_task


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
    """auto (a script where there is one, else planning), scripted, plan, or an agent."""
    budget: float = 1.0
    """Factor on the number of action sequences that are tried in a plan."""
    min_score: float = DEFAULT_MIN_SCORE
    """Score of a good episode; in tasks with a success, only that counts."""
    attempts: int | None = None
    """Attempts per task. Default: three per wanted episode."""
    workers: int | None = None
    """Worker processes. Default: one per core."""
    checkpoint: str | None = None
    """Checkpoint for the agent."""
    option: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = field(default=())
    """More for the agent as name=value (the value in JSON, or a plain word). May be repeated."""
    json: bool = False
    """Print the statistics as one JSON value."""

    def run(self) -> int:
        """Play, then print the statistics; exit code 1 if a task has too few good episodes."""
        tasks = _chosen(self.tasks, self.suite)
        kept: dict[str, int] = {}
        with progress_bar() as bars:
            bar = bars.add_task("good episodes", total=len(tasks) * self.episodes)

            def on_progress(progress: Progress) -> None:
                kept[progress.task] = min(progress.kept, self.episodes)
                score = "" if progress.last_score is None else f" scored {progress.last_score:.2f}"
                description = f"{progress.task}: attempt {progress.attempts}{score}; good episodes"
                bars.update(bar, completed=sum(kept.values()), description=description)

            generate(
                tasks,
                out=self.out,
                episodes=self.episodes,
                expert=self.expert,
                budget=self.budget,
                min_score=self.min_score,
                max_attempts=self.attempts,
                workers=self.workers,
                checkpoint=self.checkpoint,
                options=options_from(self.option),
                on_progress=on_progress,
            )
        _print_stats(self.out, self.json)
        return 0 if all(count >= self.episodes for count in kept.values()) else 1


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
class DemosPack:
    """Gather the best episodes of every task into one file per task."""

    sources: Positional[tuple[Path, ...]]
    """Directories that `demos generate` has made, or episode logs."""
    out: Path
    """Directory for the files."""
    episodes: int = DEFAULT_EPISODES
    """Episodes per task."""

    def run(self) -> int:
        """Write the files, then print the statistics."""
        pack(self.sources, self.out, episodes=self.episodes)
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
        chosen: dict[str, list[EpisodeRecord]] = {}
        for record in _records(self.path, self.tasks):
            of_task = chosen.setdefault(record.task_id, [])
            if len(of_task) < self.episodes:
                of_task.append(record)
        self.out.mkdir(parents=True, exist_ok=True)
        with progress_bar() as bars:
            bar = bars.add_task("filming", total=sum(map(len, chosen.values())))
            for task, records in chosen.items():
                for index, record in enumerate(records):
                    file = self.out / f"{task}-{index}.{'gif' if self.gif else 'mp4'}"
                    film(record, file, image_size=self.image_size)
                    bars.advance(bar)
        print(f"{self.out}: {sum(map(len, chosen.values()))} videos")
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
        tasks = _chosen(self.tasks, self.suite)
        demonstrations = load(tasks, obs_type=self.obs, image_size=self.image_size, path=self.path)
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
            _chosen(self.tasks, self.suite), self.out, repository=self.repository
        ):
            episodes = read_official(file)
            print(f"{file}: {len(episodes)} episodes")
        return 0


def _chosen(tasks: tuple[str, ...], suite: str | None) -> tuple[str, ...]:
    if bool(tasks) == (suite is not None):
        raise PlanError("give either --tasks or --suite, and not both")
    return tuple(get_task(task).id for task in (tasks or get_suite(suite or "")))
