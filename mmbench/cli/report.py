"""`mmbench report`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from mmbench.cli.output import print_json, print_table
from mmbench.errors import ResultError
from mmbench.evaluation.plots import plot
from mmbench.evaluation.ranking import ranked_of
from mmbench.evaluation.report import (
    domain_table,
    improvement_table,
    report_as_json,
    summary_table,
    task_table,
)
from mmbench.evaluation.result import load_results
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
        if self.plot is not None:
            plot(results, self.plot)
        if self.json:
            print_json(report_as_json(results))
            return 0
        makers = {
            "summary": summary_table,
            "improvement": improvement_table,
            "domain": domain_table,
            "task": task_table,
        }
        chosen = [self.per] if self.per else list(makers)
        if self.per is None and len(ranked_of(results)) < 2:
            chosen.remove("improvement")
        for position, name in enumerate(chosen):
            table = makers[name](results)
            if position:
                print()
            if self.format == "table":
                print_table(table, name)
            else:
                print(render(table, self.format), end="")
        return 0
