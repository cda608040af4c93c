"""What commands share: tables for people, JSON for programs, progress bars, name=value flags."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

from mmbench.errors import PlanError
from mmbench.evaluation.report import Table


def print_json(value: Any) -> None:
    """Print one JSON value on stdout."""
    print(json.dumps(value, indent=2, sort_keys=False, allow_nan=False))


def print_table(table: Table, title: str) -> None:
    """Print a table on stdout, as wide as the terminal."""
    console = Console()
    rich_table = RichTable(title=title, title_justify="left")
    for index, name in enumerate(table.header):
        rich_table.add_column(name, justify="left" if index == 0 else "right", overflow="fold")
    for row in table.rows:
        rich_table.add_row(*row)
    console.print(rich_table)


class _RateColumn(ProgressColumn):
    """How many per second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.1f}/s")


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on stderr with counts, how many per second, time spent and time left."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield progress


def options_from(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return name=value pairs as a mapping; a value is JSON, or else a plain word."""
    options = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name.isidentifier():
            raise PlanError(f"option {pair!r} is not of the form name=value")
        try:
            options[name] = json.loads(text)
        except json.JSONDecodeError:
            options[name] = text
    return options
