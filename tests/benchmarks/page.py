"""Write what was measured into docs/speed.md.

`python -m tests.benchmarks.page results/benchmarks.json`
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.conftest import REFERENCE_S

PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def measured(results: dict[str, Any]) -> str:
    """Return the processor and a table of the pairs of a benchmark file."""
    rows = []
    for benchmark in results["benchmarks"]:
        if REFERENCE_S in benchmark["extra_info"]:
            ours_s = benchmark["stats"]["median"]
            reference_s = benchmark["extra_info"][REFERENCE_S]
            times = f"{1e3 * ours_s:.3f} | {1e3 * reference_s:.3f} | {reference_s / ours_s:.2f}"
            rows.append(f"| {benchmark['group']} | {times} |")
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
