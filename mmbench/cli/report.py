"""`mmbench report`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from mmbench.checks import at_least, writable_file
from mmbench.cli.output import print_json, print_table, show_progress
from mmbench.errors import ResultError, UsageError
from mmbench.evaluation.page import write_page
from mmbench.evaluation.plots import plot
from mmbench.evaluation.ranking import pool_seeds, ranked_of
from mmbench.evaluation.reference import Reference, Scored, load_reference, save_reference
from mmbench.evaluation.report import (
    domain_table,
    improvement_table,
    report_as_json,
    summary_table,
    task_table,
)
from mmbench.evaluation.result import Result, incomparable, load_results
from mmbench.tables import render


@dataclass(frozen=True, kw_only=True)
class Report:
    """Show and rank the scores of one or several results."""

    results: Positional[tuple[Path, ...]]
    """Result directories; the first is what the others are compared with."""
    per: Literal["summary", "improvement", "domain", "task"] | None = None
    """Only this table. Default: all."""
    format: Literal["table", "csv", "markdown", "latex"] = "table"
    """How tables are written."""
    plot: Path | None = None
    """Also draw scores per domain and performance profiles to this .png or .html file."""
    pool_seeds: bool = False
    """Several results of one agent are runs with several seeds: one column, where a run's mean is a
    score. Not for --html."""
    beside: tuple[str, ...] = ()
    """Scores to stand beside them: names of references that come with mmbench (newt, ...), or
    files of --summary."""
    html: Path | None = None
    """Also write one page with tables, a heat map, episodes and how it was made."""
    films: int = 4
    """Episodes filmed for the page."""
    summary: Path | None = None
    """Also write the scores of the first result alone to this file, for --beside."""
    json: bool = False
    """Print one JSON array."""

    def run(self) -> int:
        """Print tables, JSON or both plot and tables."""
        if not self.results:
            raise ResultError("give at least one result directory")
        results = load_results(self.results)
        for result, path in zip(results, self.results, strict=True):
            if not result.episodes:
                raise ResultError(f"{path} holds no finished episode yet")
        at_least(0, films=self.films)
        for file, suffix in ((self.summary, ".json"), (self.html, ".html")):
            if file is not None:
                writable_file(file, (suffix,))
        if self.pool_seeds and self.html is not None:
            raise UsageError("--html shows single results, so not with --pool-seeds")
        shown = pool_seeds(results) if self.pool_seeds else results
        everybody: list[Scored] = [*shown, *self._beside(results[0])]
        if self.plot is not None:
            plot(everybody, self.plot)
        if self.summary is not None:
            save_reference(results[0], self.summary)
        if self.html is not None:
            with show_progress() as on_progress:
                write_page(
                    results,
                    self.html,
                    beside=everybody[len(results) :],
                    num_films=self.films,
                    on_progress=on_progress,
                )
        if self.json:
            print_json(report_as_json(everybody))
            return 0
        makers = {
            "summary": summary_table,
            "improvement": improvement_table,
            "domain": domain_table,
            "task": task_table,
        }
        chosen = [self.per] if self.per else list(makers)
        if self.per is None and len(ranked_of(everybody)) < 2:
            chosen.remove("improvement")
        for position, name in enumerate(chosen):
            table = makers[name](everybody)
            if position:
                print()
            if self.format == "table":
                print_table(table, name)
            else:
                print(render(table, self.format), end="")
        return 0

    def _beside(self, result: Result) -> list[Reference]:
        """Return the references' scores on the tasks of a result."""
        found = [load_reference(name).on(tuple(result.scores)) for name in self.beside]
        for reference in found:
            if (reason := incomparable(result.manifest, reference.manifest)) is not None:
                raise ResultError(reason)
        return [reference for reference in found if reference.scores]
