"""Evaluations spread over workers, measured in one run."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import ray

from mmbench.bench import cpu_s
from mmbench.job_bench import time_jobs

TASKS = ("pygame-landing", "pygame-point-maze-var1")  # episodes of 200 env steps


@pytest.fixture
def no_cluster() -> Iterator[None]:
    ray.shutdown()
    yield
    ray.shutdown()


def test_cpu_seconds_are_of_descendants_too() -> None:
    burn = (
        "import time\nwhile time.process_time() < 0.5: pass\nprint('burnt', flush=True)\ninput()\n"
    )
    before = cpu_s()
    child = subprocess.Popen(
        [sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "burnt\n"
    while_it_lives = cpu_s()
    child.communicate("\n")
    assert while_it_lives - before >= 0.45
    assert cpu_s() - before >= 0.45


@pytest.mark.slow
def test_two_workers_are_done_sooner_where_the_agent_is_the_work(no_cluster: None) -> None:
    one, two = time_jobs((1, 2), TASKS, episodes=40, think_s=0.005, rounds=1)
    assert (one.workers, two.workers) == (1, 2)
    for timing in (one, two):
        assert (timing.episodes, timing.env_steps) == (80, 16_000)
        assert timing.cpu_s > timing.writer_cpu_s > 0
    # Eight jobs of ten episodes, each at least a second long.
    assert one.wall_s > 8
    assert two.wall_s < 0.9 * one.wall_s
