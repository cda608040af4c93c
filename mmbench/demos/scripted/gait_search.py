"""Finds the numbers of a gait: `python -m mmbench.demos.scripted.gait_search --tasks og-ant`.

CMA-ES (Hansen, arXiv:1604.00772) on the value of short episodes; what is kept is the better of the
numbers that are there and the new ones, on episodes that the search has not seen.
"""

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path

import cma
import numpy as np
import tyro

from mmbench.cli.output import progress_bar
from mmbench.demos.objectives import OBJECTIVES
from mmbench.demos.scripted.gaits import GAITS, NUMBERS, Vector, all_numbers
from mmbench.env import TaskEnv
from mmbench.files import replacing
from mmbench.seeding import training_seed

_NUM_DECIMALS = 4
_HOPELESS_STEPS = 25


@dataclass(frozen=True, kw_only=True)
class Search:
    """Find the numbers of gaits, and put them where the scripted expert finds them."""

    tasks: tuple[str, ...]
    """Tasks that are walked."""
    minutes: float = 10.0
    """Time per task."""
    start: str | None = None
    """Task whose numbers the search starts from, with small steps. Default: the task itself, if it
    has numbers; else zeros."""
    steps: int = 300
    """Env steps of an episode of the search."""
    episodes: int = 2
    """Episodes per candidate."""
    hopeless: float = -1e9
    """A second of rewards below this ends an episode of the search."""
    width: float | None = None
    """First standard deviation of the search; default 0.3 from numbers, 0.8 from zeros."""
    population: int = 16
    """Candidates per generation."""
    seed: int = 0
    """Of candidates and episodes."""

    def run(self) -> None:
        """Search, task after task."""
        for name in self.tasks:
            with progress_bar() as bars:
                bar = bars.add_task(name, total=60 * self.minutes)
                self._search(
                    name,
                    lambda done, text, bar=bar, bars=bars: bars.update(
                        bar, completed=done, description=text
                    ),
                )

    def _search(self, name, on_progress) -> None:
        env = TaskEnv(name)
        origin = all_numbers().get(self.start or name)
        start = np.zeros(GAITS[name].num_numbers) if origin is None else np.array(origin)
        width = self.width or (0.8 if origin is None else 0.3)
        strategy = cma.CMAEvolutionStrategy(
            start, width, {"popsize": self.population, "seed": self.seed + 1, "verbose": -9}
        )
        began, best, generation = time.monotonic(), -np.inf, 0
        leader = start
        while (seconds := time.monotonic() - began) < 60 * self.minutes:
            candidates = strategy.ask()
            seeds = [
                training_seed(name, self.seed, 0) + self.episodes * generation + i
                for i in range(self.episodes)
            ]
            values = [self._value(env, x, seeds) for x in candidates]
            strategy.tell(candidates, [-value for value in values])
            generation += 1
            if max(values) > best:
                best, leader = max(values), candidates[int(np.argmax(values))]
            on_progress(seconds, f"{name}, {np.mean(values):.1f}, best {best:.1f}")
        seeds = [training_seed(name, self.seed, 1) + i for i in range(10)]
        whole = dataclasses.replace(self, steps=env.task.max_episode_steps)
        finalists = [np.round(x, _NUM_DECIMALS) for x in (start, strategy.mean, leader)]
        scores = [whole._value(env, x, seeds) for x in finalists]
        chosen = finalists[int(np.argmax(scores))]
        print(f"{name}: {scores[0]:.1f} before, {max(scores):.1f} now")
        all_numbers.cache_clear()  # another search may have ended
        numbers = dict(all_numbers()) | {name: chosen.tolist()}
        with replacing(Path(__file__).with_name(NUMBERS)) as partial:
            partial.write_text(json.dumps(dict(sorted(numbers.items())), indent=1))
        all_numbers.cache_clear()
        env.close()

    def _value(self, env: TaskEnv, numbers: Vector, seeds: list[int]) -> float:
        """Return the mean value of episodes."""
        return float(np.mean([self._play(env, numbers, seed) for seed in seeds]))

    def _play(self, env: TaskEnv, numbers: Vector, seed: int) -> float:
        objective = OBJECTIVES[GAITS[env.task.id].objective]
        env.reset(seed=seed)
        gait = GAITS[env.task.id].build(env, numbers)
        total, num_hopeless = 0.0, 0
        for _ in range(min(self.steps, env.task.max_episode_steps)):
            _, reward, _, _, _ = env.step(gait(env))
            value = objective(env.simulator, reward)
            total += value
            num_hopeless = num_hopeless + 1 if value < self.hopeless else 0
            if num_hopeless > _HOPELESS_STEPS:
                break
        return total


if __name__ == "__main__":
    tyro.cli(Search).run()
