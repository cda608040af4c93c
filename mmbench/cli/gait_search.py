"""Finds the numbers of a gait: `python -m mmbench.cli.gait_search --tasks og-ant`.

CMA-ES (Hansen, arXiv:1604.00772) on what short episodes add up to. In the end the numbers that
are there, the search's mean and its best candidate play whole episodes that the search has not
seen, and the best of the three is kept: a search never makes a gait worse.
"""

import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import cma
import numpy as np
import tyro

from mmbench.cli.output import show_progress
from mmbench.demos import plans
from mmbench.demos.objectives import OBJECTIVES
from mmbench.demos.scripted.gaits import GAITS, all_numbers
from mmbench.demos.scripted.walks.gait import Vector
from mmbench.env import TaskEnv
from mmbench.files import replacing
from mmbench.progress import OnProgress, Progress
from mmbench.seeding import training_seed

_NUM_DECIMALS = 4
_FINAL_EPISODES = 10
_HOPELESS_STEPS = 25
_WIDTH_FROM_NUMBERS, _WIDTH_FROM_ZEROS = 0.3, 0.8


@dataclass(frozen=True, kw_only=True)
class Search:
    """Find the numbers of gaits, and put them where the scripted expert finds them."""

    tasks: tuple[str, ...]
    """Tasks that are walked."""
    minutes: float = 10.0
    """Time per task."""
    start: str | None = None
    """Task whose numbers the search starts from. Default: the task itself if it has numbers, else
    zeros."""
    steps: int = 300
    """Env steps of an episode of the search."""
    episodes: int = 2
    """Episodes per candidate."""
    hopeless: float = -np.inf
    """25 steps below this value in a row end an episode of the search."""
    width: float | None = None
    """First standard deviation. Default: 0.3 from numbers, 0.8 from zeros."""
    population: int = 16
    """Candidates per generation."""
    seed: int = 0
    """Seed of candidates and episodes."""

    def run(self) -> None:
        """Search, task after task."""
        for name in self.tasks:
            env = TaskEnv(name)
            with show_progress() as on_progress:
                finalists = self._search(env, on_progress)
            seeds = self._seeds(name, 1, _FINAL_EPISODES)
            whole = dataclasses.replace(self, steps=env.task.max_episode_steps)
            values = [whole._value(env, numbers, seeds) for numbers in finalists]
            _keep(name, finalists[int(np.argmax(values))])
            print(f"{name}: {values[0]:.1f} before, {max(values):.1f} now")
            env.close()

    def _search(self, env: TaskEnv, on_progress: OnProgress) -> list[Vector]:
        """Return the numbers that are there, the search's mean, and its best candidate."""
        name = env.task.id
        zeros = np.zeros(GAITS[name].num_numbers)
        present = np.array(all_numbers().get(name, zeros))
        start = np.array(all_numbers()[self.start]) if self.start else present
        width = _WIDTH_FROM_NUMBERS if start.any() else _WIDTH_FROM_ZEROS
        strategy = cma.CMAEvolutionStrategy(
            start,
            self.width or width,
            {"popsize": self.population, "seed": self.seed + 1, "verbose": -9},
        )
        began, best, leader, generation = time.monotonic(), -np.inf, start, 0
        while (seconds := time.monotonic() - began) < 60 * self.minutes:
            candidates = strategy.ask()
            first = self.episodes * generation
            seeds = self._seeds(name, 0, first + self.episodes)[first:]
            values = [self._value(env, candidate, seeds) for candidate in candidates]
            strategy.tell(candidates, [-value for value in values])
            generation += 1
            if max(values) > best:
                best, leader = max(values), candidates[int(np.argmax(values))]
            note = f"mean {np.mean(values):.1f}, best {best:.1f}"
            total = round(60 * self.minutes)
            on_progress(Progress(f"{name}, seconds", round(seconds), total, note))
        return [np.round(numbers, _NUM_DECIMALS) for numbers in (present, strategy.mean, leader)]

    def _seeds(self, name: str, copy: int, number: int) -> range:
        first = training_seed(name, self.seed, copy)
        return range(first, first + number)

    def _value(self, env: TaskEnv, numbers: Vector, seeds: Sequence[int]) -> float:
        """Return what episodes add up to on average."""
        return float(np.mean([self._play(env, numbers, seed) for seed in seeds]))

    def _play(self, env: TaskEnv, numbers: Vector, seed: int) -> float:
        gait = GAITS[env.task.id]
        objective = OBJECTIVES[gait.objective]
        env.reset(seed=seed)
        act = gait.expert(env, numbers)
        total, num_hopeless = 0.0, 0
        for _ in range(min(self.steps, env.task.max_episode_steps)):
            _, reward, _, _, _ = env.step(act(env))
            value = objective(env.simulator, reward)
            total += value
            num_hopeless = num_hopeless + 1 if value < self.hopeless else 0
            if num_hopeless == _HOPELESS_STEPS:
                break
        return total


def _keep(name: str, numbers: Vector) -> None:
    all_numbers.cache_clear()  # another search may have ended meanwhile
    rows = dict(all_numbers()) | {name: numbers.tolist()}
    lines = ",\n".join(f'  "{task}": {json.dumps(row)}' for task, row in sorted(rows.items()))
    with replacing(plans.GAIT_NUMBERS) as unfinished:
        unfinished.write_text(f"{{\n{lines}\n}}\n")
    all_numbers.cache_clear()


if __name__ == "__main__":
    tyro.cli(Search).run()
