"""`mmbench bench env`, `mmbench bench vector` and `mmbench bench jobs`."""

import json
from collections.abc import Sequence
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
from mmbench.job_bench import time_jobs
from mmbench.profiling import EnvProfile, profile_env
from mmbench.progress import Progress
from mmbench.registry import choose_tasks, get_suite
from mmbench.tables import Table


@dataclass(frozen=True, kw_only=True)
class BenchEnv:
    """Time single environments: creation, reset, step, and the simulator's part of a step."""

    suite: str = "quick"
    """Tasks to time."""
    env_steps: int = 100
    """Env steps per task."""
    profile: bool = False
    """Say instead, per domain, how much of a step is the simulator's compiled code, the package's
    Python, and ours."""
    costs: Path | None = None
    """Also write the step times to this JSON file (the table that places slots on workers)."""
    json: bool = False
    """Print one JSON array."""

    def run(self) -> int:
        """Time every task of the suite."""
        at_least(1, env_steps=self.env_steps)
        if self.profile and self.costs is not None:
            raise UsageError("--costs needs step times without a profiler; leave out --profile")
        tasks = get_suite(self.suite)
        if self.profile:
            return self._print_profile(tasks)
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

    def _print_profile(self, tasks: Sequence[str]) -> int:
        found: list[EnvProfile] = []
        with show_progress() as on_progress:
            for done, task in enumerate(tasks):
                on_progress(Progress("profiling", done, len(tasks), task))
                found.append(profile_env(task, self.env_steps))
        if self.json:
            print_json([asdict(profile) for profile in found])
            return 0
        by_domain: dict[str, list[EnvProfile]] = {}
        for profile in found:
            by_domain.setdefault(profile.domain, []).append(profile)
        rows = [_profile_row(domain, profiles) for domain, profiles in by_domain.items()]
        header = ("domain", "tasks", "step ms", "compiled", "package's Python", "ours")
        table = Table(header, (*rows, _profile_row("all", found)))
        print_table(table, f"a step of each of {len(found)} tasks, one core, CPU time")
        return 0


def _profile_row(name: str, profiles: Sequence[EnvProfile]) -> tuple[str, ...]:
    step_s = sum(profile.step_s for profile in profiles)
    parts = (
        sum(profile.compiled_s for profile in profiles),
        sum(profile.package_s for profile in profiles),
        sum(profile.ours_s for profile in profiles),
    )
    shares = (f"{100 * part / step_s:.0f} %" for part in parts)
    return (name, str(len(profiles)), f"{1e3 * step_s:.2f}", *shares)


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


@dataclass(frozen=True, kw_only=True)
class BenchJobs:
    """Compare `mmbench evaluate --backend ray` with more and more workers, in one run."""

    workers: tuple[int, ...] = (1, 2)
    """Numbers of workers to compare, on a Ray cluster of this machine."""
    suite: str | None = None
    """Suite to play. Default: quick."""
    tasks: tuple[str, ...] = ()
    """Tasks to play instead of a suite."""
    episodes: int = 10
    """Episodes per task."""
    think_ms: float = 0.0
    """Time the agent sleeps before it answers, in milliseconds. Where it is most of the time, the
    speed of the machine hardly matters, and what is left is the distribution itself."""
    rounds: int = 3
    """How often each number is measured; the median is shown."""
    json: bool = False
    """Print one JSON array."""

    def run(self) -> int:
        """Measure, in turn."""
        at_least(
            1, episodes=self.episodes, rounds=self.rounds, workers=min(self.workers, default=0)
        )
        if not self.think_ms >= 0:
            raise UsageError(f"think_ms is {self.think_ms}, expected 0 or more")
        tasks = choose_tasks(self.tasks, self.suite, default="quick")
        with show_progress() as on_progress:
            found = time_jobs(
                self.workers,
                tasks,
                episodes=self.episodes,
                think_s=self.think_ms / 1000,
                rounds=self.rounds,
                on_progress=on_progress,
            )
        if self.json:
            print_json([asdict(timing) for timing in found])
            return 0
        rows = tuple(
            (
                str(t.workers),
                f"{t.wall_s:.1f}",
                f"{t.episodes / t.wall_s:.2f}",
                f"{t.env_steps / t.wall_s:,.0f}",
                f"{t.cpu_s:.1f}",
                f"{t.writer_cpu_s:.2f}",
            )
            for t in found
        )
        header = ("workers", "wall s", "episodes/s", "env steps/s", "CPU s", "writer's CPU s")
        title = (
            f"{found[0].episodes} episodes of {len(tasks)} tasks, {found[0].env_steps} env steps"
        )
        print_table(Table(header, rows), title)
        return 0
