"""`mmbench demos generate|stats|verify|render|pack`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from mmbench.cli.output import options_from, print_json, print_table, progress_bar
from mmbench.demos import SHIPPED, pack
from mmbench.demos.generation import (
    DEFAULT_EPISODES,
    DEFAULT_MIN_SCORE,
    Progress,
    generate,
)
from mmbench.demos.stats import stats_as_json, stats_table, task_stats
from mmbench.errors import PlanError
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
        if bool(self.tasks) == (self.suite is not None):
            raise PlanError("give either --tasks or --suite, and not both")
        tasks = self.tasks or get_suite(self.suite or "")
        for task in tasks:
            get_task(task)
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
