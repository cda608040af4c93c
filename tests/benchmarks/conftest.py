"""A benchmark is of ours and of a reference, call by call in turns; what counts is their ratio."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

REFERENCE_S = "reference_s"


def measure_in_turns(
    benchmark: BenchmarkFixture,
    group: str,
    ours: Callable[..., object],
    reference: Callable[..., object],
    *,
    arguments: Callable[[], tuple[Any, ...]] = tuple,
    rounds: int,
) -> None:
    """Measure the CPU time of ours, with the reference's between any two calls.

    Args:
        benchmark: Of a test marked `benchmark(timer=time.process_time)`.
        group: What is measured.
        ours: The one that is benchmarked.
        reference: The other one.
        arguments: Makes the arguments of a call of both.
        rounds: Calls of each.
    """
    reference_s = []

    def prepare() -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = arguments()
        started = time.process_time()
        reference(*given)
        reference_s.append(time.process_time() - started)
        return given, {}

    benchmark.group = group
    benchmark.pedantic(ours, setup=prepare, rounds=rounds, warmup_rounds=2)
    benchmark.extra_info[REFERENCE_S] = statistics.median(reference_s)


def pair_ratios(benchmarks: list[dict[str, Any]]) -> dict[str, float]:
    """Return, per group, the median time of ours as a multiple of the reference's."""
    return {
        benchmark["group"]: benchmark["stats"]["median"] / benchmark["extra_info"][REFERENCE_S]
        for benchmark in benchmarks
        if REFERENCE_S in benchmark["extra_info"]
    }


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(
    config: pytest.Config, benchmarks: list[Any], output_json: dict[str, Any]
) -> None:
    """Write the ratios beside the times that `--benchmark-json` saves."""
    output_json["ratios"] = pair_ratios(output_json["benchmarks"])
