"""`mmbench bench env` and `mmbench bench vector`."""

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from mmbench.bench import (
    VectorTiming,
    domain_of,
    spread,
    time_env,
    time_gymnasium,
    time_ours,
)
from mmbench.checks import at_least
from mmbench.cli.output import print_json, print_table, show_progress
from mmbench.errors import UsageError
from mmbench.progress import Progress
from mmbench.registry import get_suite
from mmbench.tables import Table


@dataclass(frozen=True, kw_only=True)
class BenchEnv:
    """Time single environments: creation, reset, step, and the simulator's part of a step."""

    suite: str = "quick"
    """Tasks to time."""
    env_steps: int = 100
    """Env steps per task."""
    costs: Path | None = None
    """Also write the step times to this JSON file (the table that places slots on workers)."""
    json: bool = False
    """Print one JSON array."""

    def run(self) -> int:
        """Time every task of the suite."""
        at_least(1, env_steps=self.env_steps)
        tasks = get_suite(self.suite)
        found = []
        with show_progress() as on_progress:
            for done, task in enumerate(tasks):
                on_progress(Progress("timing", done, len(tasks), task))
                found.append(time_env(task, self.env_steps))
        if self.costs is not None:
            known = json.loads(self.costs.read_text()) if self.costs.is_file() else {}
            known.update({t.task: float(f"{t.step_s:.3g}") for t in found})
            self.costs.write_text(json.dumps(known, indent=0, sort_keys=True) + "\n")
        if self.json:
            print_json([asdict(timing) for timing in found])
            return 0
        rows = tuple(
            (
                t.task,
                domain_of(t.task),
                f"{1 / t.step_s:,.0f}",
                f"{1e3 * t.step_s:.3f}",
                f"{t.step_s / t.simulator_step_s:.3f}",
                f"{1e3 * t.reset_s:.1f}",
                f"{t.create_s:.2f}",
            )
            for t in found
        )
        header = ("task", "domain", "steps/s", "step ms", "/ simulator", "reset ms", "create s")
        print_table(Table(header, rows), f"{len(found)} tasks, one core")
        return 0


@dataclass(frozen=True, kw_only=True)
class BenchVector:
    """Compare our vector environment with Gymnasium's over the same tasks, in one run."""

    suite: str = "quick"
    """Tasks to run, one slot each."""
    workers: int | None = None
    """Worker processes of ours. Default: one per core."""
    seconds: float = 10.0
    """How long each one steps."""
    max_processes: int = 24
    """Most tasks for AsyncVectorEnv, which starts a process for each; an even choice of the suite
    stands for the rest, and ours is measured on the same choice."""
    json: bool = False
    """Print one JSON array."""

    def run(self) -> int:
        """Measure ours on all tasks, and everything on what one process per task can hold."""
        at_least(0, workers=self.workers)
        at_least(1, max_processes=self.max_processes)
        if not self.seconds > 0:
            raise UsageError(f"seconds is {self.seconds}, expected more than 0")
        tasks = get_suite(self.suite)
        shared = spread(tasks, self.max_processes)
        found: list[VectorTiming] = []
        jobs = [
            *(
                partial(time_ours, shared, self.workers, self.seconds, asynchronous=a)
                for a in (False, True)
            ),
            *(
                partial(time_gymnasium, shared, asynchronous=a, seconds=self.seconds)
                for a in (True, False)
            ),
        ]
        if len(shared) < len(tasks):
            jobs.insert(0, partial(time_ours, tasks, self.workers, self.seconds))
        with show_progress() as on_progress:
            for done, job in enumerate(jobs):
                on_progress(Progress("measuring", done, len(jobs)))
                found.append(job())
        if self.json:
            print_json([asdict(timing) for timing in found])
            return 0
        rows = tuple(
            (
                t.name,
                str(t.num_tasks),
                f"{t.steps_per_s:,.0f}",
                f"{t.start_s:.1f}",
                f"{t.memory_mib:,.0f}",
                f"{t.memory_mib / t.num_tasks:.0f}",
            )
            for t in found
        )
        header = ("vector environment", "tasks", "steps/s", "start s", "MiB", "MiB per task")
        print_table(Table(header, rows), f"suite {self.suite}")
        return 0
