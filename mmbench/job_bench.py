"""Evaluations spread over workers, measured side by side in one run."""

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.bench import cpu_s
from mmbench.cluster import connect
from mmbench.evaluation import evaluate
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.simulator import FloatArray
from mmbench.spec import MAX_ACTION_DIM

_AGENT = "mmbench.job_bench:Thinker"


class Thinker:
    """Answers with zeros after a while, as a model does that computes elsewhere."""

    def __init__(self, tasks: tuple[str, ...], *, think_s: float, **options: Any) -> None:
        self._think_s = think_s

    def act(self, obs: Any, *, first: NDArray[np.bool_]) -> FloatArray:
        """Sleep, then return zeros for all slots."""
        time.sleep(self._think_s)
        return np.zeros((len(first), MAX_ACTION_DIM), np.float32)


@dataclass(frozen=True, kw_only=True)
class JobTiming:
    """An evaluation by so many workers; medians over the rounds.

    Attributes:
        workers: Jobs at once.
        episodes: Episodes played in a round.
        env_steps: Env steps of a round.
        wall_s: Seconds from the call to the finished result.
        cpu_s: CPU seconds of all processes on this machine.
        writer_cpu_s: The part of it in the process that sends jobs and writes the result.
    """

    workers: int
    episodes: int
    env_steps: int
    wall_s: float
    cpu_s: float
    writer_cpu_s: float


def time_jobs(
    workers: Sequence[int],
    tasks: Sequence[str],
    *,
    episodes: int,
    think_s: float,
    rounds: int,
    on_progress: OnProgress = ignore_progress,
) -> list[JobTiming]:
    """Play the same evaluation on a Ray cluster of this machine with other numbers of workers.

    Numbers of workers take turns, so that a busy machine slows all of them. A round that is not
    counted comes first, in which workers import simulators.

    Args:
        workers: Numbers to compare.
        tasks: Task ids.
        episodes: Per task.
        think_s: How long the agent sleeps before it answers.
        rounds: How often each number is measured.
        on_progress: Called before every evaluation.

    Returns:
        A timing per number, in the given order.
    """
    connect(num_cpus=max(workers))
    order = [max(workers), *(number for _ in range(rounds) for number in workers)]
    found: dict[int, list[JobTiming]] = {number: [] for number in workers}
    for done, number in enumerate(order):
        on_progress(Progress("playing", done, len(order), f"{number} workers"))
        timing = _play(number, tasks, episodes, think_s)
        if done:
            found[number].append(timing)
    return [_median(timings) for timings in found.values()]


def _play(workers: int, tasks: Sequence[str], episodes: int, think_s: float) -> JobTiming:
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu, own = time.perf_counter(), cpu_s(), time.process_time()
        result = evaluate(
            _AGENT,
            tasks=tasks,
            episodes=episodes,
            out=Path(folder) / "result",
            workers=workers,
            options={"think_s": think_s},
            backend="ray",
        )
        return JobTiming(
            workers=workers,
            episodes=len(result.episodes),
            env_steps=sum(len(episode.rewards) for episode in result.episodes),
            wall_s=time.perf_counter() - wall,
            cpu_s=cpu_s() - cpu,
            writer_cpu_s=time.process_time() - own,
        )


def _median(timings: Sequence[JobTiming]) -> JobTiming:
    first = timings[0]
    return JobTiming(
        workers=first.workers,
        episodes=first.episodes,
        env_steps=first.env_steps,
        wall_s=statistics.median(timing.wall_s for timing in timings),
        cpu_s=statistics.median(timing.cpu_s for timing in timings),
        writer_cpu_s=statistics.median(timing.writer_cpu_s for timing in timings),
    )
