"""Which results are ranked with each other, and how."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmbench import scoring
from mmbench.errors import ResultError
from mmbench.evaluation.manifest import Manifest
from mmbench.evaluation.reference import Scored
from mmbench.simulator import AssetVariant, variant_of


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Results of one agent, trained with several seeds; see `Scored`.

    A run's mean over its episodes of a task is one score, so that intervals are over runs and tasks
    (as in arXiv:2108.13264).
    """

    name: str
    results: tuple[Scored, ...]

    @property
    def manifest(self) -> Manifest:
        """How the first came to be."""
        return self.results[0].manifest

    @property
    def scores(self) -> dict[str, NDArray[np.float64]]:
        """Mean scores of the runs, of every task."""
        means = [scoring.task_means(result.scores) for result in self.results]
        return {task: np.array([run[task] for run in means]) for task in means[0]}

    @property
    def is_complete(self) -> bool:
        """Whether every task of every run has all its episodes."""
        return all(result.is_complete for result in self.results)

    @property
    def completeness(self) -> str:
        """How many episodes there are of every run."""
        return " + ".join(result.completeness for result in self.results)

    @property
    def assets(self) -> AssetVariant:
        """`official` if no episode was played with stand-ins."""
        return variant_of(result.assets for result in self.results)


def pool_seeds(results: Sequence[Scored]) -> list[Scored]:
    """Take the results of every agent together, as runs with several seeds.

    An agent's only result stays as it is, with episodes as scores.

    Raises:
        ResultError: If the results of an agent are not of the same tasks.
    """
    by_agent: dict[str, list[Scored]] = {}
    for result in results:
        by_agent.setdefault(result.manifest.agent, []).append(result)
    for agent, runs in by_agent.items():
        if any(run.scores.keys() != runs[0].scores.keys() for run in runs):
            raise ResultError(f"the results of {agent} are not of the same tasks")
    return [
        runs[0] if len(runs) == 1 else Runs(name=agent, results=tuple(runs))
        for agent, runs in by_agent.items()
    ]


def baseline_of(results: Sequence[Scored]) -> Scored:
    """Return what the others are compared with: the first that is not privileged."""
    agents = [result for result in results if not result.manifest.is_privileged]
    return (agents or list(results))[0]


def ranked_of(results: Sequence[Scored]) -> list[Scored]:
    """Return the results that are ranked: of agents, which see observations, on the same tasks."""
    tasks = baseline_of(results).scores.keys()
    return [r for r in results if not r.manifest.is_privileged and r.scores.keys() == tasks]


def ranks_of(results: Sequence[Scored]) -> dict[str, int | None]:
    """Return ranks by mean score, 1 for the best, by the names of results; `None` if not ranked."""
    means = {result.name: scoring.mean_score(result.scores) for result in ranked_of(results)}
    ranks: dict[str, int | None] = {result.name: None for result in results}
    for name, mean in means.items():
        ranks[name] = 1 + sum(other > mean for other in means.values())
    return ranks


def best_first(results: Sequence[Scored]) -> list[Scored]:
    """Return the ranked results by their means, and below them the others."""
    ranked = ranked_of(results)
    others = [result for result in results if result not in ranked]
    return sorted(ranked, key=lambda result: -scoring.mean_score(result.scores)) + others
