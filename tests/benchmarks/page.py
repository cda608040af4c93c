"""Write what was measured into docs/speed.md.

`python -m tests.benchmarks.page results/benchmarks.json`
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.conftest import OURS, REFERENCE

PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def measured(results: dict[str, Any]) -> str:
    """Return the processor and a table of the pairs of a benchmark file."""
    medians: dict[str, dict[str, float]] = {}
    for benchmark in results["benchmarks"]:
        side = benchmark["extra_info"].get("side")
        if side is not None:
            medians.setdefault(benchmark["group"], {})[side] = benchmark["stats"]["median"]
    rows = [
        f"| {group} | {1e3 * sides[OURS]:.3f} | {1e3 * sides[REFERENCE]:.3f} | "
        f"{sides[REFERENCE] / sides[OURS]:.2f} |"
        for group, sides in medians.items()
        if set(sides) == {OURS, REFERENCE}
    ]
    head = ["| | ours, ms | reference, ms | times as fast |", "|---|---|---|---|"]
    processor = results["machine_info"]["cpu"]["brand_raw"]
    return "\n".join([f"Measured on {processor}.", "", *head, *rows]) + "\n"


def with_measured(page: str, results: dict[str, Any]) -> str:
    """Return the page with the table of a benchmark file in its place."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{measured(results)}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_measured(PAGE.read_text(), json.loads(Path(sys.argv[1]).read_text())))
