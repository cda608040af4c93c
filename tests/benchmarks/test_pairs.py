"""What is claimed to be fast, ours and a reference, as pairs: steps, resets, sampling.

`make bench-tests` saves them with `--benchmark-json`; the file has their ratios, and docs/speed.md
is made from it.
"""

from collections.abc import Callable
from itertools import count

import gymnasium
import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

import mmbench
from mmbench.domains.maniskill.headless import without_graphics
from mmbench.registry import SUITES, load_simulator
from mmbench.training.replay import Replay
from tests.benchmarks.bare_simulators import bare_simulator
from tests.benchmarks.conftest import OURS, REFERENCE, pair_ratios
from tests.benchmarks.page import BEGIN, END, with_measured

TASKS = [task for task in SUITES["quick"] if mmbench.task(task).domain.name != "miniarcade"]
TASKS += ["mw-pick-place", "mw-coffee-pull", "mw-drawer-open", "walker-run", "ms-pick-cube"]
ROUNDS, WARM_UP = 40, 5


@pytest.mark.slow
@pytest.mark.parametrize("side", [OURS, REFERENCE])
@pytest.mark.parametrize("task", TASKS)
def test_env_step(benchmark: BenchmarkFixture, task: str, side: str) -> None:
    spec = mmbench.task(task)
    rng = np.random.default_rng(0)
    reset: Callable[[int], object]
    step: Callable[[np.ndarray], object]
    if side == OURS:
        env = gymnasium.make(f"mmbench/{task}")
        reset, step = lambda seed: env.reset(seed=seed), env.step
    else:
        reset, step = bare_simulator(spec)
    rounds = count()

    def next_action() -> tuple[tuple[np.ndarray], dict[str, object]]:
        index = next(rounds)
        if index % min(20, spec.max_episode_steps) == 0:
            reset(index)
        return (rng.uniform(-1, 1, spec.action_dim).astype(np.float32),), {}

    benchmark.group = f"env step, {task}"
    benchmark.extra_info["side"] = side
    benchmark.pedantic(step, setup=next_action, rounds=ROUNDS, warmup_rounds=WARM_UP)


@pytest.mark.slow
@pytest.mark.parametrize("side", [OURS, REFERENCE])
@pytest.mark.parametrize("task", ["ms-pick-cube", "ms-stack-cube", "ms-ant-walk"])
def test_reset(benchmark: BenchmarkFixture, task: str, side: str) -> None:
    """The reference builds the scene anew."""
    simulator = load_simulator(mmbench.task(task), pictures=False)
    if side == REFERENCE:
        simulator._renewal = None  # type: ignore[attr-defined]
    seeds = count()
    benchmark.group = f"reset, {task}"
    benchmark.extra_info["side"] = side
    with without_graphics():
        benchmark.pedantic(
            simulator.start,  # type: ignore[attr-defined]
            setup=lambda: ((next(seeds),), {}),
            rounds=15,
            warmup_rounds=2,
        )


def filled_replay(num_tasks: int, num_rows: int) -> Replay:
    replay = Replay(num_rows, obs_dim=128, action_dim=16, num_tasks=num_tasks, horizon=3)
    lengths = (25, 50, 100, 250, 500)
    longest = max(lengths)
    obs, action = np.ones((longest + 1, 128), np.float32), np.ones((longest, 16), np.float32)
    for index in count():
        length = lengths[index % len(lengths)]
        if replay.num_rows + longest + 1 > num_rows:
            return replay
        replay.add(index % num_tasks, obs[: length + 1], action[:length], action[:length, 0])


def sample_in_a_loop(replay: Replay, sums: list[np.ndarray], rng: np.random.Generator) -> None:
    """Draw like `Replay.sample` does, task after task."""
    task = rng.integers(len(sums), size=256)
    start = np.empty(256, np.int64)
    for k in np.unique(task):
        chosen = task == k
        place = rng.integers(0, sums[k][-1], size=int(chosen.sum()))
        episode = np.searchsorted(sums[k], place, side="right") - 1
        start[chosen] = replay._starts[k].entries[0][episode] + place - sums[k][episode]
    rows = start[None] + np.arange(4)[:, None]
    for name in ("obs", "action", "reward"):
        torch.from_numpy(replay._rows[name][rows])


@pytest.mark.slow
@pytest.mark.parametrize("side", [OURS, REFERENCE])
def test_sampling(benchmark: BenchmarkFixture, side: str) -> None:
    replay = filled_replay(num_tasks=200, num_rows=1_000_000)
    sums = [np.concatenate(([0], np.cumsum(index.entries[1]))) for index in replay._starts]
    rng, cpu = np.random.default_rng(0), torch.device("cpu")

    def sample() -> None:
        if side == OURS:
            replay.sample(256, rng, cpu)
        else:
            sample_in_a_loop(replay, sums, rng)

    benchmark.group = "256 sub-sequences of 1 M rows, 200 tasks"
    benchmark.extra_info["side"] = side
    benchmark.pedantic(sample, rounds=100, warmup_rounds=5)


def test_ratios_are_of_medians_within_a_group() -> None:
    def timed(group: str, side: str, median: float) -> dict[str, object]:
        return {"group": group, "extra_info": {"side": side}, "stats": {"median": median}}

    times = [timed("a", OURS, 3.0), timed("b", OURS, 1.0), timed("a", REFERENCE, 2.0)]
    assert pair_ratios(times) == {"a": 1.5}


def test_the_page_gets_the_pairs_of_a_run() -> None:
    def timed(group: str, side: str, median: float) -> dict[str, object]:
        return {"group": group, "extra_info": {"side": side}, "stats": {"median": median}}

    results = {
        "machine_info": {"cpu": {"brand_raw": "Some CPU"}},
        "benchmarks": [timed("a", OURS, 0.002), timed("a", REFERENCE, 0.003), timed("b", OURS, 1)],
    }
    page = with_measured(f"before\n{BEGIN}old\n{END}after\n", results)
    assert page == (
        f"before\n{BEGIN}Measured on Some CPU.\n\n"
        "| | ours, ms | reference, ms | times as fast |\n|---|---|---|---|\n"
        f"| a | 2.000 | 3.000 | 1.50 |\n{END}after\n"
    )
