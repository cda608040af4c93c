"""Where the time of a run goes."""

import time

import pytest

from mmbench.training.stopwatch import Stopwatch


def test_shares_are_of_the_whole_and_the_slowest_of_all_but_evaluations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    times = Stopwatch()
    for part, seconds in (
        *(("acting", 2.0), ("sampling", 1.0), ("learning", 4.0)),
        *(("waiting", 1.0), ("learning", 2.0), ("evaluating", 10.0)),
    ):
        with times.part(part):  # type: ignore[arg-type]  # the parts are literals
            now += seconds
    times.stepping_s += 6.0
    assert times.table().rows == (
        ("acting", "2.0", "10%"),
        ("learning", "6.0", "30%"),
        ("sampling", "1.0", "5%"),
        ("waiting", "1.0", "5%"),
        ("evaluating", "10.0", "50%"),
        ("rest", "0.0", "0%"),
        ("all", "20.0", "100%"),
        ("environments, beside it", "6.0", "30%"),
        ("slowest of three, of all but evaluating", "7.0", "70%"),
    )
