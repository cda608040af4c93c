"""How many demonstrations there are, and how good they are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmbench.demos.dataset import is_good
from mmbench.dependencies import needed_for
from mmbench.episodes import EpisodeRecord, read
from mmbench.registry import get_task, list_tasks
from mmbench.tables import Table

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, kw_only=True)
class TaskStats:
    """The demonstrations of one task.

    Attributes:
        task: Task id.
        domain: Domain name.
        episodes: How many there are.
        good: How many are successes, or score 0.5 and more where there is no success.
        mean_score: Mean of their scores.
        min_score: Lowest of their scores.
        success_rate: Share that ends with success.
        mean_return: Mean of their returns, task units.
        length: Mean length, env steps.
        experts: Who made them.
    """

    task: str
    domain: str
    episodes: int
    good: int
    mean_score: float
    min_score: float
    success_rate: float
    mean_return: float
    length: float
    experts: tuple[str, ...]


def task_stats(path: Path | str) -> list[TaskStats]:
    """Return the statistics of every task in an episode log, in the order of the registry."""
    grouped: dict[str, list[EpisodeRecord]] = {}
    for record in read(path):
        grouped.setdefault(record.task_id, []).append(record)
    return [_stats(task.id, grouped[task.id]) for task in list_tasks() if task.id in grouped]


def stats_table(stats: Sequence[TaskStats]) -> Table:
    """Return the statistics as a table, with a last row over all tasks."""
    header = ("task", "episodes", "good", "score", "lowest", "success", "return", "steps", "expert")
    rows: list[tuple[str, ...]] = [
        (
            s.task,
            str(s.episodes),
            str(s.good),
            f"{s.mean_score:.3f}",
            f"{s.min_score:.3f}",
            f"{s.success_rate:.2f}",
            f"{s.mean_return:.1f}",
            f"{s.length:.0f}",
            ", ".join(s.experts),
        )
        for s in stats
    ]
    if stats:
        total = sum(s.episodes for s in stats)
        good = sum(s.good for s in stats)
        mean = f"{np.mean([s.mean_score for s in stats]):.3f}"
        rows.append((f"{len(stats)} tasks", str(total), str(good), mean, *[""] * 5))
    return Table(header, tuple(rows))


def stats_frame(stats: Sequence[TaskStats]) -> "pandas.DataFrame":
    """Return the statistics as a frame, one row per task, one column per attribute.

    Raises:
        DependencyError: If pandas is not installed.
    """
    with needed_for("a frame of statistics", "frames"):
        import pandas
    return pandas.DataFrame(
        [asdict(s) for s in stats], columns=[field.name for field in fields(TaskStats)]
    )


def stats_as_json(stats: Sequence[TaskStats]) -> list[dict[str, Any]]:
    """Return the statistics as JSON-ready objects."""
    return [asdict(s) for s in stats]


def _stats(task: str, records: Sequence[EpisodeRecord]) -> TaskStats:
    scores = [record.score for record in records]
    return TaskStats(
        task=task,
        domain=get_task(task).domain.name,
        episodes=len(records),
        good=sum(is_good(record) for record in records),
        mean_score=float(np.mean(scores)),
        min_score=min(scores),
        success_rate=float(np.mean([record.success for record in records])),
        mean_return=float(np.mean([record.episode_return for record in records])),
        length=float(np.mean([record.length for record in records])),
        experts=tuple(sorted({record.agent for record in records})),
    )
