"""Benchmarks come in pairs of one group, `ours` and `reference`; what counts is their ratio."""

from typing import Any

import pytest

OURS, REFERENCE = "ours", "reference"


def pair_ratios(benchmarks: list[dict[str, Any]]) -> dict[str, float]:
    """Return, per group, the median time of ours as a multiple of the reference's."""
    medians: dict[str, dict[str, float]] = {}
    for benchmark in benchmarks:
        side = benchmark["extra_info"].get("side")
        if side is not None:
            medians.setdefault(benchmark["group"], {})[side] = benchmark["stats"]["median"]
    return {
        group: sides[OURS] / sides[REFERENCE]
        for group, sides in medians.items()
        if set(sides) == {OURS, REFERENCE}
    }


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(
    config: pytest.Config, benchmarks: list[Any], output_json: dict[str, Any]
) -> None:
    """Write the ratios beside the times that `--benchmark-json` saves."""
    output_json["ratios"] = pair_ratios(output_json["benchmarks"])
