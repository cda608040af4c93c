"""Tables and plots of results."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmbench import scoring
from mmbench.dependencies import needed_for
from mmbench.errors import MMBenchError
from mmbench.escape import mathtext, printable
from mmbench.evaluation.result import Result
from mmbench.registry import get_task
from mmbench.tables import Table


def summary_table(results: Sequence[Result]) -> Table:
    """One row per result: mean and interquartile mean with their 95 % intervals."""
    rows = []
    for result in results:
        mean = scoring.bootstrap_mean(result.scores)
        iqm = scoring.bootstrap_iqm(result.scores)
        improvement = "" if result is results[0] else _improvement(result, results[0])
        rows.append(
            (
                result.name,
                f"{mean.value:.4f}",
                f"[{mean.low:.4f}, {mean.high:.4f}]",
                f"{iqm.value:.4f}",
                f"[{iqm.low:.4f}, {iqm.high:.4f}]",
                improvement,
                str(len(result.scores)),
                result.completeness,
                result.assets,
            )
        )
    header = (
        "agent",
        "mean",
        "95 % interval",
        "IQM",
        "95 % interval",
        f"P(better than {results[0].name})",
        "tasks",
        "episodes",
        "assets",
    )
    return Table(header, tuple(rows)).without_empty_columns()


def domain_table(results: Sequence[Result]) -> Table:
    """One row per domain, one column per result."""
    means = [
        scoring.domain_means(
            result.scores, {task: get_task(task).domain.name for task in result.scores}
        )
        for result in results
    ]
    return _grid("domain", [result.name for result in results], means)


def task_table(results: Sequence[Result]) -> Table:
    """One row per task, one column per result."""
    means = [scoring.task_means(result.scores) for result in results]
    return _grid("task", [result.name for result in results], means)


def report_as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return all numbers of a report as JSON-ready values."""
    report = []
    for result in results:
        mean, iqm = scoring.bootstrap_mean(result.scores), scoring.bootstrap_iqm(result.scores)
        domains = {task: get_task(task).domain.name for task in result.scores}
        report.append(
            {
                "name": result.name,
                "agent": result.manifest.agent,
                "score": mean.value,
                "score_interval": [mean.low, mean.high],
                "iqm": iqm.value,
                "iqm_interval": [iqm.low, iqm.high],
                "domains": scoring.domain_means(result.scores, domains),
                "tasks": scoring.task_means(result.scores),
                "num_episodes": len(result.episodes),
                "is_complete": result.is_complete,
                "assets": result.assets,
                "simulators": result.manifest.simulators,
            }
        )
    return report


def plot(results: Sequence[Result], path: Path) -> None:
    """Draw the scores per domain and overall, with intervals, to a `.png` or `.html` file."""
    if path.suffix == ".png":
        _plot_png(results, path)
    elif path.suffix == ".html":
        _plot_html(results, path)
    else:
        raise MMBenchError(f"cannot plot to {path.name!r}; the name must end in .png or .html")


class _Bars(NamedTuple):
    name: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]


def _bars(results: Sequence[Result]) -> list[_Bars]:
    bars = []
    for result in results:
        groups = {"all": result.scores}
        for task, scores in result.scores.items():
            groups.setdefault(get_task(task).domain.name, {})[task] = scores
        estimates = {name: scoring.bootstrap_mean(scores) for name, scores in groups.items()}
        bars.append(
            _Bars(
                result.name,
                tuple(estimates),
                tuple(e.value for e in estimates.values()),
                tuple(max(0.0, e.value - e.low) for e in estimates.values()),
                tuple(max(0.0, e.high - e.value) for e in estimates.values()),
            )
        )
    return bars


def _plot_png(results: Sequence[Result], path: Path) -> None:
    with needed_for("drawing a plot", "plots"):
        from matplotlib.figure import Figure

    bars = _bars(results)
    labels = list(dict.fromkeys(label for bar in bars for label in bar.labels))
    figure = Figure(figsize=(max(6.0, 1.1 * len(labels)), 4.0), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(bars)
    for index, bar in enumerate(bars):
        positions = [
            labels.index(label) + (index - (len(bars) - 1) / 2) * width for label in bar.labels
        ]
        axes.bar(
            positions,
            bar.values,
            width,
            yerr=(bar.below, bar.above),
            capsize=2,
            label=mathtext(bar.name),
        )
    axes.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
    axes.set_ylim(0, 1)
    axes.set_ylabel("score (mean over tasks, 95 % interval)")
    axes.legend()
    figure.savefig(path, dpi=150)


def _plot_html(results: Sequence[Result], path: Path) -> None:
    with needed_for("drawing a plot", "plots"):
        import plotly.graph_objects as go

    figure = go.Figure(
        [
            go.Bar(
                name=html.escape(printable(bar.name)),
                x=bar.labels,
                y=bar.values,
                error_y={"type": "data", "array": bar.above, "arrayminus": bar.below},
            )
            for bar in _bars(results)
        ]
    )
    figure.update_layout(barmode="group", yaxis={"range": [0, 1], "title": "score"})
    path.write_text(figure.to_html(include_plotlyjs=True))


def _improvement(result: Result, baseline: Result) -> str:
    if result.scores.keys() != baseline.scores.keys():
        return "other tasks"
    return f"{scoring.probability_of_improvement(result.scores, baseline.scores):.3f}"


def _grid(first: str, names: Sequence[str], columns: Sequence[dict[str, float]]) -> Table:
    keys = dict.fromkeys(key for column in columns for key in column)
    rows = tuple(
        (key, *(f"{column[key]:.4f}" if key in column else "" for column in columns))
        for key in keys
    )
    return Table((first, *names), rows)
