"""What is claimed to be fast, beside a reference: steps, resets, sampling, planning.

`make bench-tests` saves them with `--benchmark-json`; the file has their ratios, and docs/speed.md
is made from it.
"""

import time
from collections.abc import Callable
from itertools import count

import gymnasium
import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

import mmbench
from mmbench.registry import SUITES, load_simulator
from mmbench.training.replay import Replay
from newt_agent.config import NewtConfig, SizeName
from newt_agent.int8.world_model import Int8WorldModel
from newt_agent.precision import Acceleration
from newt_agent.world_model import WorldModel
from tests.benchmarks.bare_simulators import bare_simulator
from tests.benchmarks.conftest import measure_in_turns, pair_ratios
from tests.benchmarks.page import BEGIN, END, with_measured

TASKS = [task for task in SUITES["quick"] if mmbench.task(task).domain.name != "miniarcade"]
TASKS += ["mw-pick-place", "mw-coffee-pull", "mw-drawer-open", "walker-run", "ms-pick-cube"]


def is_timed(test: Callable[..., None]) -> Callable[..., None]:
    return pytest.mark.slow(pytest.mark.benchmark(timer=time.process_time)(test))


@is_timed
@pytest.mark.parametrize("task", TASKS)
def test_env_step(benchmark: BenchmarkFixture, task: str) -> None:
    spec = mmbench.task(task)
    env, bare = gymnasium.make(f"mmbench/{task}"), bare_simulator(spec)
    rng, rounds = np.random.default_rng(0), count()

    def next_action() -> tuple[np.ndarray]:
        index = next(rounds)
        if index % min(20, spec.max_episode_steps) == 0:
            env.reset(seed=index)
            bare.reset(index)
        return (rng.uniform(-1, 1, spec.action_dim).astype(np.float32),)

    group = f"env step, {task}"
    measure_in_turns(benchmark, group, env.step, bare.step, arguments=next_action, rounds=50)


@is_timed
@pytest.mark.parametrize("task", ["ms-pick-cube", "ms-stack-cube", "ms-ant-walk"])
def test_reset(benchmark: BenchmarkFixture, task: str) -> None:
    """The reference builds the scene anew."""
    renewed, rebuilt = (load_simulator(mmbench.task(task), pictures=False) for _ in range(2))
    rebuilt._renewal = None  # type: ignore[attr-defined]
    seeds = count()
    measure_in_turns(
        benchmark,
        f"reset, {task}",
        renewed.start,  # type: ignore[attr-defined]
        rebuilt.start,  # type: ignore[attr-defined]
        arguments=lambda: (next(seeds),),
        rounds=15,
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


@is_timed
def test_sampling(benchmark: BenchmarkFixture) -> None:
    """The reference draws in a loop over the tasks of the batch."""
    replay = filled_replay(num_tasks=200, num_rows=1_000_000)
    sums = [np.concatenate(([0], np.cumsum(index.entries[1]))) for index in replay._starts]
    rng, cpu = np.random.default_rng(0), torch.device("cpu")
    measure_in_turns(
        benchmark,
        "256 sub-sequences of 1 M rows, 200 tasks",
        lambda: replay.sample(256, rng, cpu),
        lambda: sample_in_a_loop(replay, sums, rng),
        rounds=100,
    )


@is_timed
@pytest.mark.parametrize("size", ["S", "B", "L"])
def test_planning_in_8_bits(benchmark: BenchmarkFixture, size: SizeName) -> None:
    """A step of 4096 sequences; the reference multiplies in bfloat16, not compiled."""
    model = WorldModel(NewtConfig(size=size), torch.randn(8, 512), torch.ones(8, 16))
    context = model.contexts(frozen=True).of(torch.arange(8)[:, None])
    generator = torch.Generator().manual_seed(0)
    z = torch.rand(8, 512, model.config.model_size.latent_dim, generator=generator)
    actions = 2 * torch.rand(8, 512, 16, generator=generator) - 1
    bytes_, in_8_bits = (255 * z).to(torch.uint8), Int8WorldModel(model)

    def fast() -> None:
        in_8_bits.reward_of(bytes_, actions, context)
        in_8_bits.next_latent(bytes_, actions, context)

    @torch.no_grad()
    def reference() -> None:
        with Acceleration(dtype=torch.bfloat16).autocast(z.device):
            model.reward_of(z, actions, context)
            model.next_latent(z, actions, context)

    measure_in_turns(benchmark, f"4096 steps of a plan, {size}", fast, reference, rounds=5)


def timed(group: str, median: float, **extra_info: float) -> dict[str, object]:
    return {"group": group, "extra_info": extra_info, "stats": {"median": median}}


def test_ratios_are_of_medians() -> None:
    times = [timed("a", 3.0, reference_s=2.0), timed("b", 1.0)]
    assert pair_ratios(times) == {"a": 1.5}


def test_the_page_gets_the_pairs_of_a_run() -> None:
    results = {
        "machine_info": {"cpu": {"brand_raw": "Some CPU"}},
        "benchmarks": [timed("a", 0.002, reference_s=0.003), timed("b", 1.0)],
    }
    page = with_measured(f"before\n{BEGIN}old\n{END}after\n", results)
    assert page == (
        f"before\n{BEGIN}Measured on Some CPU.\n\n"
        "| | ours, ms | reference, ms | times as fast |\n|---|---|---|---|\n"
        f"| a | 2.000 | 3.000 | 1.50 |\n{END}after\n"
    )
