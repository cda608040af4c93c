"""Tables of text, and how they are written for other programs."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from mmbench.escape import csv_cell, latex, markdown

Format = Literal["csv", "markdown", "latex"]


class Table(NamedTuple):
    """A table of text cells."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def without_empty_columns(self) -> "Table":
        """Return the table without columns that say nothing in any row."""
        kept = [i for i in range(len(self.header)) if any(row[i] for row in self.rows)]
        return Table(
            tuple(self.header[i] for i in kept),
            tuple(tuple(row[i] for i in kept) for row in self.rows),
        )


def render(table: Table, style: Format) -> str:
    """Return the table as text in the given format."""
    renderers: dict[Format, Callable[[Table], str]] = {
        "csv": _as_csv,
        "markdown": _as_markdown,
        "latex": _as_latex,
    }
    return renderers[style](table)


def _as_csv(table: Table) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows(map(csv_cell, cells) for cells in (table.header, *table.rows))
    return stream.getvalue()


def _as_markdown(table: Table) -> str:
    header, *rows = ([markdown(cell) for cell in cells] for cells in (table.header, *table.rows))
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _as_latex(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(map(latex, cells)) + r" \\" + "\n"

    return (
        rf"\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}" + "\n"
        "\\toprule\n"
        + line(table.header)
        + "\\midrule\n"
        + "".join(line(row) for row in table.rows)
        + "\\bottomrule\n\\end{tabular}\n"
    )
