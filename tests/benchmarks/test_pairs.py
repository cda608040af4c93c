"""One env step of a task of every domain, ours and the bare simulator's, as pairs.

`make bench-tests` saves them with `--benchmark-json`; the file has their ratios.
"""

from collections.abc import Callable

import gymnasium
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import mmbench
from mmbench.registry import SUITES
from tests.benchmarks.bare_simulators import bare_simulator
from tests.benchmarks.conftest import OURS, REFERENCE, pair_ratios

TASKS = [task for task in SUITES["quick"] if mmbench.task(task).domain.name != "miniarcade"]
ROUNDS, WARM_UP = 40, 5


@pytest.mark.slow
@pytest.mark.parametrize("side", [OURS, REFERENCE])
@pytest.mark.parametrize("task", TASKS)
def test_env_step(benchmark: BenchmarkFixture, task: str, side: str) -> None:
    spec = mmbench.task(task)
    actions = np.random.default_rng(0).uniform(-1, 1, (ROUNDS + WARM_UP, spec.action_dim))
    left = iter(actions.astype(np.float32))
    step: Callable[[np.ndarray], object]
    if side == OURS:
        env = gymnasium.make(f"mmbench/{task}")
        env.reset(seed=0)
        step = env.step
    else:
        bare = bare_simulator(spec)
        bare.reset(0)
        step = bare.step
    benchmark.group = f"env step, {task}"
    benchmark.extra_info["side"] = side
    benchmark.pedantic(
        step, setup=lambda: ((next(left),), {}), rounds=ROUNDS, warmup_rounds=WARM_UP
    )


def test_ratios_are_of_medians_within_a_group() -> None:
    def timed(group: str, side: str, median: float) -> dict[str, object]:
        return {"group": group, "extra_info": {"side": side}, "stats": {"median": median}}

    times = [timed("a", OURS, 3.0), timed("b", OURS, 1.0), timed("a", REFERENCE, 2.0)]
    assert pair_ratios(times) == {"a": 1.5}
