"""Which results are ranked with each other, and how."""

from collections.abc import Sequence

from mmbench import scoring
from mmbench.evaluation.reference import Scored


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
