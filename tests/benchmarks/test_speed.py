"""Speed against bare simulators and plain equations, in one run, as ratios of medians."""

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor

import gymnasium
import numpy as np
import pytest
import torch

import mmbench
from mmbench.bench import memory_mib, spread, time_gymnasium, time_ours
from mmbench.registry import SUITES
from newt_agent.precision import acceleration
from newt_agent.reference.bench import time_newt
from tests.benchmarks.bare_simulators import bare_simulator

pytestmark = pytest.mark.slow

# Most time of an env step through gymnasium.make, as a multiple of the bare simulator's: the median
# over the tasks of these domains.
LIMITS = {
    ("dmcontrol", "dmcontrol-ext", "mujoco", "box2d"): 1.1,
    ("metaworld",): 1 / 1.8,
    ("ogbench",): 1.1,
    ("atari",): 1.1,
    ("robodesk",): 1 / 1.4,
    ("maniskill",): 1 / 3,
}
TABLETOP = (
    "ms-pick-cube",
    "ms-pick-cube-eepose",
    "ms-poke-cube",
    "ms-push-cube",
    "ms-pull-cube",
    "ms-stack-cube",
    "ms-place-sphere",
    "ms-lift-peg",
    "ms-pick-apple",
    "ms-reach",
)


def ratio(spec: mmbench.TaskSpec, rounds: int) -> float:
    """Time ours and the package's own in turn; return the ratio of the medians."""
    env = gymnasium.make(f"mmbench/{spec.id}")
    bare = bare_simulator(spec)
    rng = np.random.default_rng(0)
    ours, theirs = [], []
    for index in range(rounds):
        if index % min(20, spec.max_episode_steps) == 0:
            env.reset(seed=index)
            bare.reset(index)
        action = rng.uniform(-1, 1, spec.action_dim).astype(np.float32)
        started = time.perf_counter()
        env.step(action)
        middle = time.perf_counter()
        bare.step(action)
        theirs.append(time.perf_counter() - middle)
        ours.append(middle - started)
    env.close()
    return float(np.median(ours) / np.median(theirs))


@pytest.mark.parametrize("domains", LIMITS, ids="+".join)
def test_a_step_costs_little_more_than_the_bare_simulator(domains: tuple[str, ...]) -> None:
    specs = [spec for domain in domains for spec in mmbench.tasks(suite=domain)]
    if "maniskill" in domains:
        specs = [spec for spec in specs if spec.id in TABLETOP]
    if "metaworld" in domains:
        specs = specs[::4]
    ratios = {spec.id: ratio(spec, 25 if spec.domain.name == "robodesk" else 60) for spec in specs}
    for domain in domains:
        of_domain = [ratios[spec.id] for spec in specs if spec.domain.name == domain]
        print(f"\n{domain}: median {np.median(of_domain):.3f} of the bare simulator")
    assert np.median(list(ratios.values())) <= LIMITS[domains], ratios


@pytest.mark.parametrize("spec", mmbench.tasks(domain="miniarcade"), ids=lambda spec: spec.id)
def test_miniarcade_plays_25000_steps_a_second(spec: mmbench.TaskSpec) -> None:
    env = gymnasium.make(f"mmbench/{spec.id}")
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (200, spec.action_dim)).astype(np.float32)
    rates = []
    for _ in range(5):
        env.reset(seed=0)
        started = time.perf_counter()
        for action in actions[:199]:
            env.step(action)
        rates.append(199 / (time.perf_counter() - started))
    print(f"\n{spec.id}: {max(rates):,.0f} steps/s")
    assert max(rates) >= 25_000


def test_two_hundred_tasks_fit_and_beat_one_process_per_task() -> None:
    tasks = SUITES["full"]
    subset = spread(tasks, 48)
    whole = time_ours(tasks, 2, seconds=5)
    ours = time_ours(subset, 2, seconds=5, asynchronous=True)
    theirs = time_gymnasium(subset, asynchronous=True, seconds=5)
    print(f"\n{whole}\n{ours}\n{theirs}")
    assert whole.memory_mib <= 6 * 1024
    # Nearly all time is physics, which both do; docs/speed.md has what was measured.
    assert ours.steps_per_s >= 1.2 * theirs.steps_per_s
    assert whole.memory_mib / 200 <= theirs.memory_mib / len(subset) / 5


def bare_rate(seconds: float) -> float:
    """Steps per second of dm_control's own walker-run in this process."""
    bare = bare_simulator(mmbench.task("walker-run"))
    bare.reset(0)
    actions = np.random.default_rng(0).uniform(-1, 1, (500, 6))
    started = time.perf_counter()
    num_steps = 0
    while time.perf_counter() - started < seconds:
        bare.step(actions[num_steps % len(actions)])
        num_steps += 1
    return num_steps / seconds


def test_many_copies_of_one_task_use_all_cores() -> None:
    """Measured in turns: ours, and as many processes with the bare simulator alone as cores."""
    cores = os.cpu_count() or 1
    envs = mmbench.make_vec(["walker-run"], copies=64, num_workers=cores)
    envs.reset(seed=0)
    batch = np.random.default_rng(0).uniform(-1, 1, (64, 16)).astype(np.float32)
    rates, bare_rates = [], []
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(bare_rate, [0.1] * cores))
        for _ in range(3):
            started = time.perf_counter()
            for _ in range(40):
                envs.step(batch)
            rates.append(40 * 64 / (time.perf_counter() - started))
            bare_rates.append(sum(pool.map(bare_rate, [2.0] * cores)))
    envs.close()
    print(f"\n{rates} steps/s, bare on {cores} cores {bare_rates}")
    assert np.median(rates) >= 0.85 * np.median(bare_rates)


@pytest.mark.skipif(
    not torch.cpu._is_amx_tile_supported(), reason="needs a CPU that multiplies bfloat16 fast"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler has some of its own
def test_updates_are_three_times_as_fast_as_plain_ones() -> None:
    cpu = torch.device("cpu")
    how = acceleration(cpu, update_precision="auto", compile=True)
    timing = time_newt("S", num_slots=1, batch_size=256, device=cpu, acceleration=how)
    print(f"\n{timing}")
    assert timing.update_speedup >= 3


def test_memory_counts_processes_once() -> None:
    assert 10 < memory_mib() < 20_000
