"""Plots of results."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmbench import scoring
from mmbench.dependencies import needed_for
from mmbench.errors import MMBenchError
from mmbench.escape import mathtext, printable
from mmbench.evaluation.ranking import ranked_of
from mmbench.evaluation.reference import Scored
from mmbench.registry import get_task

_THRESHOLDS = np.linspace(0, 1, 51)
_BARS_TITLE = "score (mean over tasks, 95 % interval)"
_PROFILES_TITLE = "share of episodes with a higher score (95 % interval)"


def plot(results: Sequence[Scored], path: Path) -> None:
    """Draw scores per domain and overall, and performance profiles, all with intervals.

    Args:
        results: What is drawn.
        path: A `.png` or `.html` file.
    """
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


def _bars(results: Sequence[Scored]) -> list[_Bars]:
    bars = []
    for result in results:
        groups = {"all": dict(result.scores)}
        for task, scores in result.scores.items():
            groups.setdefault(get_task(task).domain.name, {})[task] = scores
        estimates = {name: scoring.bootstrap_mean(scores) for name, scores in groups.items()}
        bars.append(
            _Bars(
                _label(result),
                tuple(estimates),
                tuple(e.value for e in estimates.values()),
                tuple(max(0.0, e.value - e.low) for e in estimates.values()),
                tuple(max(0.0, e.high - e.value) for e in estimates.values()),
            )
        )
    return bars


class _Profile(NamedTuple):
    name: str
    shares: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def _profiles(results: Sequence[Scored]) -> list[_Profile]:
    return [
        _Profile(
            _label(result),
            scoring.performance_profile(result.scores, _THRESHOLDS),
            *scoring.bootstrap_profile(result.scores, _THRESHOLDS),
        )
        for result in results
    ]


def _label(result: Scored) -> str:
    """Return a result's name in plots, where no column says that it is privileged."""
    return f"{result.name} (privileged)" if result.manifest.is_privileged else result.name


def _plot_png(results: Sequence[Scored], path: Path) -> None:
    with needed_for("drawing a plot", "plots"):
        from matplotlib.figure import Figure

    bars = _bars(results)
    labels = list(dict.fromkeys(label for bar in bars for label in bar.labels))
    figure = Figure(figsize=(max(6.0, 1.1 * len(labels)), 8.0), layout="constrained")
    above, below = figure.subplots(2)
    width = 0.8 / len(bars)
    for index, bar in enumerate(bars):
        positions = [
            labels.index(label) + (index - (len(bars) - 1) / 2) * width for label in bar.labels
        ]
        above.bar(
            positions,
            bar.values,
            width,
            yerr=(bar.below, bar.above),
            capsize=2,
            label=mathtext(bar.name),
        )
    above.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
    above.set_ylim(0, 1)
    above.set_ylabel(_BARS_TITLE)
    above.legend()
    for profile in _profiles(results):
        (line,) = below.plot(_THRESHOLDS, profile.shares, label=mathtext(profile.name))
        below.fill_between(
            _THRESHOLDS, profile.low, profile.high, color=line.get_color(), alpha=0.2, linewidth=0
        )
    below.set_xlim(0, 1)
    below.set_ylim(0, 1.02)
    below.set_xlabel("score")
    below.set_ylabel(_PROFILES_TITLE)
    figure.savefig(path, dpi=150)


def _plot_html(results: Sequence[Scored], path: Path) -> None:
    path.write_text(figure_of(results).to_html(include_plotlyjs=True))


def figure_of(results: Sequence[Scored]) -> Any:
    """Return a plotly figure of what `plot` draws."""
    with needed_for("drawing a plot", "plots"):
        import plotly.colors
        import plotly.graph_objects as go
        import plotly.subplots

    ranked = ranked_of(results)
    titles = [_BARS_TITLE, _PROFILES_TITLE]
    if len(ranked) > 1:
        titles.append("probability that the agent of a row beats the one of a column")
    figure = plotly.subplots.make_subplots(rows=len(titles), subplot_titles=titles)
    colours = plotly.colors.qualitative.Plotly
    for index, bar in enumerate(_bars(results)):
        error = {"type": "data", "array": bar.above, "arrayminus": bar.below}
        group = {"name": _text(bar.name), "legendgroup": str(index)}
        colour = colours[index % len(colours)]
        figure.add_trace(
            go.Bar(x=bar.labels, y=bar.values, error_y=error, marker_color=colour, **group),
            row=1,
            col=1,
        )
    for index, profile in enumerate(_profiles(results)):
        colour = colours[index % len(colours)]
        line: dict[str, Any] = {
            "name": _text(profile.name),
            "legendgroup": str(index),
            "showlegend": False,
            "x": _THRESHOLDS.tolist(),
        }
        edge = {**line, "mode": "lines", "line": {"width": 0, "color": colour}}
        figure.add_trace(go.Scatter(**edge, y=profile.low.tolist(), hoverinfo="skip"), row=2, col=1)
        figure.add_trace(
            go.Scatter(
                **edge, y=profile.high.tolist(), hoverinfo="skip", fill="tonexty", opacity=0.2
            ),
            row=2,
            col=1,
        )
        shown = go.Scatter(**line, y=profile.shares.tolist(), mode="lines", line_color=colour)
        figure.add_trace(shown, row=2, col=1)
    if len(ranked) > 1:
        chances = [
            [
                None if one is other else scoring.bootstrap_improvement(one.scores, other.scores)
                for other in ranked
            ]
            for one in ranked
        ]
        figure.add_trace(
            go.Heatmap(
                x=[_text(result.name) for result in ranked],
                y=[_text(result.name) for result in ranked],
                z=[[e and e.value for e in row] for row in chances],
                text=[
                    [e and f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]" for e in row]
                    for row in chances
                ],
                texttemplate="%{text}",
                zmin=0,
                zmax=1,
                colorscale="RdBu",
                showscale=False,
                hoverinfo="skip",
            ),
            row=3,
            col=1,
        )
        figure.update_yaxes(autorange="reversed", row=3, col=1)
    figure.update_yaxes(range=[0, 1], row=1, col=1)
    figure.update_yaxes(range=[0, 1.02], row=2, col=1)
    figure.update_xaxes(range=[0, 1], title="score", row=2, col=1)
    figure.update_layout(barmode="group", height=420 * len(titles))
    return figure


def _text(name: str) -> str:
    return html.escape(printable(name))
