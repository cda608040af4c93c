"""A report as one page that needs no other file: tables, heat map, episodes, how it was made."""

import base64
import html
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmbench import scoring
from mmbench.dependencies import needed_for
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord
from mmbench.errors import MMBenchError
from mmbench.escape import printable
from mmbench.evaluation.plots import figure_of
from mmbench.evaluation.reference import Scored
from mmbench.evaluation.report import domain_table, summary_table, task_table
from mmbench.evaluation.result import Result
from mmbench.files import replacing
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import get_task
from mmbench.tables import Table

_LOG = logging.getLogger("mmbench")
_IMAGE_SIZE, _MAX_FRAMES = 160, 60
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom-width: 2px; }
figure { display: inline-block; margin: 0 1rem 1rem 0; width: 176px; vertical-align: top; }
figure img { width: 160px; height: 160px; border-radius: 6px; background: var(--soft); }
figcaption { font-size: .85rem; }
details summary { cursor: pointer; }
"""


def write_page(
    results: Sequence[Result],
    path: Path,
    *,
    beside: Sequence[Scored] = (),
    num_films: int = 4,
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Write a page about results.

    Args:
        results: What it is about; episodes of the first one are filmed.
        path: The file.
        beside: What else stands in tables and plots.
        num_films: Tasks of which an episode is filmed, if it can be drawn here.
        on_progress: Called after every film.
    """
    with needed_for("an HTML report", "plots"):
        import plotly.io
    everybody: list[Scored] = [*results, *beside]
    title = f"mmbench: {', '.join(_text(result.name) for result in results)}"
    heat_map = plotly.io.to_html(_heat_map(everybody), include_plotlyjs=False, full_html=False)
    plots = plotly.io.to_html(figure_of(everybody), include_plotlyjs=True, full_html=False)
    parts = [
        f"<h1>{title}</h1>",
        *("<h2>Scores</h2>", _html(summary_table(everybody))),
        *("<h2>Domains</h2>", _html(domain_table(everybody)), f"<div>{plots}</div>"),
        *("<h2>Tasks</h2>", f"<div>{heat_map}</div>"),
        f"<details><summary>As a table</summary>{_html(task_table(everybody))}</details>",
        *("<h2>Episodes</h2>", *_films(results[0], num_films, on_progress)),
        *("<h2>How it was made</h2>", _html(_made(everybody))),
    ]
    with replacing(path) as partial:
        partial.write_text(
            "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>"
            f"<title>{title}</title><style>{_STYLE}</style></head><body>\n"
            + "\n".join(parts)
            + "\n</body></html>\n",
            encoding="utf-8",
        )


def _heat_map(results: Sequence[Scored]) -> Any:
    import plotly.graph_objects as go

    means = [scoring.task_means(result.scores) for result in results]
    tasks = list(dict.fromkeys(task for of_result in means for task in of_result))
    tasks.sort(key=lambda task: get_task(task).domain.name)
    figure = go.Figure(
        go.Heatmap(
            x=tasks,
            y=[_text(result.name) for result in results],
            z=[[of_result.get(task) for task in tasks] for of_result in means],
            zmin=0,
            zmax=1,
            colorscale="Viridis",
            hovertemplate="%{y}, %{x}: %{z:.3f}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(height=160 + 36 * len(results), margin={"t": 20, "b": 120})
    return figure


def _films(result: Result, number: int, on_progress: OnProgress) -> list[str]:
    """Return figures of the first episode of some tasks, no two of one domain while there are."""
    first: dict[str, EpisodeRecord] = {}
    for episode in result.episodes:
        first.setdefault(episode.task_id, episode)
    candidates = sorted(first.values(), key=lambda record: (record.length, record.task_id))
    by_domain: dict[str, EpisodeRecord] = {}
    for record in candidates:
        by_domain.setdefault(get_task(record.task_id).domain.name, record)
    shown: list[str] = []
    for record in by_domain.values():
        if len(shown) == number:
            break
        try:
            shown.append(_figure(record))
        except MMBenchError as error:
            _LOG.warning("%s is not shown: %s", record.task_id, error)
        on_progress(Progress("filming", len(shown), number, record.task_id))
    return shown or ["<p>No episode could be drawn on this machine.</p>"]


def _figure(record: EpisodeRecord) -> str:
    with needed_for("filming", "video"):
        import imageio.v3 as imageio
    stride = -(-record.length // _MAX_FRAMES)
    env = TaskEnv(record.task_id, render_mode="rgb_array", image_size=_IMAGE_SIZE)
    try:
        env.reset(seed=record.seed)
        frames: list[Any] = [env.render()]
        for step, action in enumerate(record.actions, start=1):
            env.step(action)
            if step % stride == 0:
                frames.append(env.render())
    finally:
        env.close()
    film = io.BytesIO()
    imageio.imwrite(film, np.stack(frames), extension=".gif", duration=80, loop=0)
    content = base64.b64encode(film.getvalue()).decode()
    instruction = html.escape(get_task(record.task_id).instruction)
    return (
        f"<figure><img src='data:image/gif;base64,{content}' alt='{record.task_id}'>"
        f"<figcaption><b>{record.task_id}</b>, score {record.score:.2f}. {instruction}"
        "</figcaption></figure>"
    )


def _made(results: Sequence[Scored]) -> Table:
    rows = []
    for result in results:
        manifest = result.manifest
        rows.append(
            (
                result.name,
                manifest.agent,
                manifest.checkpoint_sha256[:12] if manifest.checkpoint_sha256 else "",
                manifest.suite or f"{len(manifest.tasks)} tasks",
                str(manifest.num_episodes),
                str(manifest.seed),
                manifest.versions.get("mmbench", ""),
                (manifest.commit or "")[:12] + ("+" if manifest.is_dirty else ""),
                f"{manifest.hardware.processor}, {manifest.hardware.num_cores} cores",
                (manifest.finished or manifest.started)[:16],
            )
        )
    header = (
        *("name", "agent", "checkpoint", "played", "episodes", "seed", "mmbench", "commit"),
        *("on", "finished (UTC)"),
    )
    return Table(header, tuple(rows)).without_empty_columns()


def _html(table: Table) -> str:
    head = "".join(f"<th scope='col'>{_text(cell)}</th>" for cell in table.header)
    rows = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    table_text = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<div class='wide'>{table_text}</div>"


def _text(text: str) -> str:
    return html.escape(printable(text))
