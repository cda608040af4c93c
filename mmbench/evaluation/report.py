"""Tables of results."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmbench import scoring
from mmbench.evaluation.ranking import baseline_of, best_first, ranked_of, ranks_of
from mmbench.evaluation.reference import Scored
from mmbench.registry import get_task
from mmbench.tables import Table


def summary_table(results: Sequence[Scored]) -> Table:
    """One row per result, best first: mean and interquartile mean with their 95 % intervals.

    Results of the same tasks are ranked. Privileged ones are not, and stand below.
    """
    ranks = ranks_of(results)
    baseline = baseline_of(results)
    rows = []
    for result in best_first(results):
        mean = scoring.bootstrap_mean(result.scores)
        iqm = scoring.bootstrap_iqm(result.scores)
        rows.append(
            (
                _rank_text(result, ranks),
                result.name,
                f"{mean.value:.4f}",
                f"[{mean.low:.4f}, {mean.high:.4f}]",
                f"{iqm.value:.4f}",
                f"[{iqm.low:.4f}, {iqm.high:.4f}]",
                _improvement(result, baseline),
                str(len(result.scores)),
                result.completeness,
                result.assets,
            )
        )
    header = (
        "rank",
        "agent",
        "mean",
        "95 % interval",
        "IQM",
        "95 % interval",
        f"P(better than {baseline.name})",
        "tasks",
        "episodes",
        "assets",
    )
    return Table(header, tuple(rows)).without_empty_columns()


def improvement_table(results: Sequence[Scored]) -> Table:
    """How probably the agent of a row beats the one of a column, with 95 % intervals."""
    ranked = ranked_of(results)
    rows = []
    for one in ranked:
        cells = []
        for other in ranked:
            found = scoring.bootstrap_improvement(one.scores, other.scores)
            text = f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
            cells.append("" if other is one else text)
        rows.append((one.name, *cells))
    return Table(("P(better)", *(result.name for result in ranked)), tuple(rows))


def domain_table(results: Sequence[Scored]) -> Table:
    """One row per domain, one column per result."""
    means = [
        scoring.domain_means(
            result.scores, {task: get_task(task).domain.name for task in result.scores}
        )
        for result in results
    ]
    return _grid("domain", [result.name for result in results], means)


def task_table(results: Sequence[Scored]) -> Table:
    """One row per task, one column per result."""
    means = [scoring.task_means(result.scores) for result in results]
    return _grid("task", [result.name for result in results], means)


def report_as_json(results: Sequence[Scored]) -> list[dict[str, Any]]:
    """Return all numbers of a report as JSON-ready values, in the order of `results`."""
    ranks = ranks_of(results)
    report = []
    for result in results:
        mean, iqm = scoring.bootstrap_mean(result.scores), scoring.bootstrap_iqm(result.scores)
        domains = {task: get_task(task).domain.name for task in result.scores}
        better = {
            other.name: scoring.bootstrap_improvement(result.scores, other.scores)
            for other in ranked_of(results)
            if other is not result and ranks[result.name] is not None
        }
        report.append(
            {
                "name": result.name,
                "agent": result.manifest.agent,
                "rank": ranks[result.name],
                "is_privileged": result.manifest.is_privileged,
                "score": mean.value,
                "score_interval": [mean.low, mean.high],
                "iqm": iqm.value,
                "iqm_interval": [iqm.low, iqm.high],
                "improvement": {name: [e.value, e.low, e.high] for name, e in better.items()},
                "domains": scoring.domain_means(result.scores, domains),
                "tasks": scoring.task_means(result.scores),
                "num_episodes": sum(map(len, result.scores.values())),
                "is_complete": result.is_complete,
                "assets": result.assets,
                "simulators": result.manifest.simulators,
            }
        )
    return report


def _rank_text(result: Scored, ranks: Mapping[str, int | None]) -> str:
    if result.manifest.is_privileged:
        return "privileged"
    if (rank := ranks[result.name]) is None:
        return "other tasks"
    return "" if len(ranks) == 1 else str(rank)


def _improvement(result: Scored, baseline: Scored) -> str:
    is_comparable = result.scores.keys() == baseline.scores.keys()
    if result is baseline or result.manifest.is_privileged or not is_comparable:
        return ""
    return f"{scoring.probability_of_improvement(result.scores, baseline.scores):.3f}"


def _grid(first: str, names: Sequence[str], columns: Sequence[dict[str, float]]) -> Table:
    keys = dict.fromkeys(key for column in columns for key in column)
    rows = tuple(
        (key, *(f"{column[key]:.4f}" if key in column else "" for column in columns))
        for key in keys
    )
    return Table((first, *names), rows)
