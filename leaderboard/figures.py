"""The site's figures of one track, drawn by Plotly in the browser."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from leaderboard.entries import Entry
from mmbench import scoring
from mmbench.escape import printable
from mmbench.registry import get_task

_FONT = "system-ui, sans-serif"
_GRID = "rgba(128,128,128,0.25)"
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7500", "#777777")
"""Okabe and Ito's palette, which colour-blind people can tell apart."""


class Figure(NamedTuple):
    """A figure as a page shows it: HTML of its own, and its title."""

    html: Markup
    title: str


def dots(entries: Sequence[Entry], name: str) -> Figure:
    """Draw scores with their intervals; `name` is the figure's id in the page, as below."""
    figure = go.Figure(
        go.Scatter(
            x=[entry.score.value for entry in entries],
            y=_names(entries),
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [entry.score.high - entry.score.value for entry in entries],
                "arrayminus": [entry.score.value - entry.score.low for entry in entries],
            },
            mode="markers",
            marker={"size": 10},
        )
    )
    figure.update_xaxes(range=[0, 1], title="score, with 95 % interval")
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(height=110 + 28 * len(entries))
    return _drawn(figure, name, "Scores and their intervals")


def profiles(entries: Sequence[Entry], name: str) -> Figure:
    """Draw the share of episodes with a higher score than every threshold."""
    thresholds = np.linspace(0, 1, 101)
    figure = go.Figure()
    for rank, (label, entry) in enumerate(zip(_names(entries), entries, strict=True)):
        shares = scoring.performance_profile(entry.scores, thresholds)
        figure.add_scatter(
            x=thresholds.round(2),
            y=shares.round(4),
            name=label,
            mode="lines",
            # A click on its name shows one of the others.
            visible=True if rank < len(_COLOURS) else "legendonly",
        )
    figure.update_xaxes(range=[0, 1], title="score")
    figure.update_yaxes(range=[0, 1.02], title="share of episodes above it")
    return _drawn(figure, name, "Performance profiles")


def scores_against_steps(entries: Sequence[Entry], name: str) -> Figure:
    """Draw scores over env steps of training."""
    figure = go.Figure()
    # A logarithmic axis has no 0.
    steps = [max(1, entry.description.training_steps) for entry in entries]
    for label, entry, x in zip(_names(entries), entries, steps, strict=True):
        figure.add_scatter(
            x=[x], y=[entry.score.value], name=label, mode="markers", marker={"size": 12}
        )
    ends = [math.floor(math.log10(min(steps))) - 0.3, math.ceil(math.log10(max(steps))) + 0.3]
    title = "env steps in training (none stands at 1)"
    figure.update_xaxes(type="log", dtick=1, range=ends, title=title)
    figure.update_yaxes(range=[0, 1], title="score")
    return _drawn(figure, name, "Score against env steps")


def heat_map(entries: Sequence[Entry], name: str) -> Figure:
    """Draw the mean score of every entry on every task, the tasks of a domain side by side."""
    tasks = sorted(entries[0].scores, key=_domain_of)
    values = [[round(entry.task_means[task], 4) for task in tasks] for entry in entries]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=tasks,
            y=_names(entries),
            zmin=0,
            zmax=1,
            colorscale="Cividis",
            ygap=1,
            hovertemplate="%{y}<br>%{x}: %{z}<extra></extra>",
        )
    )
    domains = [(name, list(group)) for name, group in groupby(tasks, key=_domain_of)]
    begin = 0
    for _, members in domains:
        if begin:
            figure.add_vline(x=begin - 0.5, line={"color": "#777777", "width": 2})
        begin += len(members)
    figure.update_xaxes(
        tickvals=[members[len(members) // 2] for _, members in domains],
        ticktext=[name for name, _ in domains],
        tickangle=45,
        showgrid=False,
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(height=160 + 24 * len(entries))
    return _drawn(figure, name, "Every task")


def _names(entries: Sequence[Entry]) -> list[str]:
    """Return names for figures: Plotly would read tags in them."""
    return [str(Markup.escape(printable(entry.label))) for entry in entries]


def _domain_of(task: str) -> str:
    return get_task(task).domain.name


def _drawn(figure: go.Figure, name: str, title: str) -> Figure:
    figure.update_layout(
        font={"family": _FONT, "color": "#777777"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1},
        colorway=_COLOURS,
    )
    lines = {"gridcolor": _GRID, "zerolinecolor": _GRID, "automargin": True}
    figure.update_xaxes(lines)
    figure.update_yaxes(lines)
    drawn = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        config={"displayModeBar": False, "responsive": True},
    )
    return Figure(Markup(drawn), title)
