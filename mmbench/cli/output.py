"""What commands share: tables for people, JSON for programs, progress, name=value flags."""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from typing import Any

from rich import progress as bar
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text

from mmbench.errors import UsageError
from mmbench.escape import printable
from mmbench.progress import OnProgress, Progress
from mmbench.tables import Table

_LINE_INTERVAL_S = 10.0
_PROSE_LENGTH, _LEAST_PROSE_WIDTH = 24, 20
_NUMBER = re.compile(r"[-+]?[\d.,]*(e[-+]?\d+)?%?")
_GAP = "   "
_COLUMN_PADDING = 3


def print_json(value: Any) -> None:
    """Print one JSON value on stdout."""
    print(json.dumps(value, indent=2, sort_keys=False, allow_nan=False))


def print_table(table: Table, title: str) -> None:
    """Print a table on stdout: for people on a terminal, else with tabs between cells.

    Ids and numbers are never broken. Where they do not fit beside each other, rows become blocks.
    """
    console = Console()
    if console.is_terminal:
        console.print(_for_people(table, title, console.width))
    else:
        for cells in (table.header, *table.rows):
            print("\t".join(printable(cell) for cell in cells))


def _for_people(table: Table, title: str, width: int) -> RenderableType:
    columns = [
        (name, [printable(row[index]) for row in table.rows])
        for index, name in enumerate(table.header)
    ]
    is_prose = [any(len(c) > _PROSE_LENGTH and " " in c for c in cells) for _, cells in columns]
    room = width - _COLUMN_PADDING * len(columns)
    for (name, cells), prose in zip(columns, is_prose, strict=True):
        room -= _LEAST_PROSE_WIDTH if prose else max(map(len, (name, *cells)))
    if room < 0:
        return _blocks(table, title, width)
    drawn = RichTable(
        title=Text(printable(title)),
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        collapse_padding=True,
    )
    for (name, cells), prose in zip(columns, is_prose, strict=True):
        is_number = all(_NUMBER.fullmatch(cell) for cell in cells)
        drawn.add_column(name, justify="right" if is_number else "left", no_wrap=not prose)
    for row in table.rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    return drawn


def _blocks(table: Table, title: str, width: int) -> RenderableType:
    """Write rows below each other: the first cell, then names and values, wrapped between them."""
    parts = [Text(printable(title), style="italic")]
    for row in table.rows:
        parts.append(Text(printable(row[0]), style="bold"))
        line = Text()
        for name, cell in zip(table.header[1:], row[1:], strict=True):
            if not cell:
                continue
            pair = Text.assemble((name, "dim"), " ", printable(cell))
            if line and len(line) + len(_GAP) + len(pair) > width:
                parts.append(line)
                line = Text()
            line.append(_GAP if line else "  ").append_text(pair)
        parts.append(line)
    return Group(*parts)


class _RateColumn(bar.ProgressColumn):
    """How many per second."""

    def render(self, task: bar.Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.1f}/s")


@contextlib.contextmanager
def show_progress() -> Iterator[OnProgress]:
    """Show on stderr how far a job is: a bar on a terminal, and else a line now and then.

    Nothing is shown before the first report, and no bar is left behind.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        bar.SpinnerColumn(),
        bar.TextColumn("{task.description}"),
        bar.BarColumn(bar_width=20),
        bar.MofNCompleteColumn(),
        _RateColumn(),
        bar.TimeElapsedColumn(),
        bar.TextColumn("so far,"),
        bar.TimeRemainingColumn(),
        bar.TextColumn("left"),
    )
    with bar.Progress(*columns, console=console, transient=True) as bars:
        yield _Bar(bars)


class _Bar:
    """One bar, which begins anew with each phase."""

    def __init__(self, bars: bar.Progress) -> None:
        self._bars = bars
        self._phase: str | None = None

    def __call__(self, progress: Progress) -> None:
        if progress.phase != self._phase:
            self._phase = progress.phase
            for task in self._bars.task_ids:
                self._bars.remove_task(task)
            # What an earlier run has done must not count for the speed of this one.
            self._bars.add_task(progress.phase, completed=progress.done, total=progress.total)
        (task,) = self._bars.task_ids
        description = escape(printable(", ".join(filter(None, (progress.phase, progress.note)))))
        self._bars.update(
            task, completed=progress.done, total=progress.total, description=description
        )


class _Lines:
    """A line when a phase begins or ends, and every few seconds between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase: str | None = None
        self._next_s = 0.0

    def __call__(self, progress: Progress) -> None:
        is_over = progress.total is not None and progress.done >= progress.total
        if progress.phase == self._phase and not is_over and time.monotonic() < self._next_s:
            return
        self._phase = progress.phase
        self._next_s = time.monotonic() + _LINE_INTERVAL_S
        of_all = "" if progress.total is None else f"/{progress.total}"
        line = ", ".join(filter(None, (progress.phase, progress.note)))
        print(f"{printable(line)}: {progress.done}{of_all}", file=self._console.file, flush=True)


def options_from(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return name=value pairs as a mapping; a value is JSON, or else a plain word."""
    options = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name.isidentifier():
            raise UsageError(f"option {pair!r} is not of the form name=value")
        try:
            options[name] = json.loads(text)
        except json.JSONDecodeError:
            options[name] = text
    return options
