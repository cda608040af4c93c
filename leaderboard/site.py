"""The leaderboard's site: static pages, made of the submissions and of nothing else.

The same submissions make the same bytes. Pages load nothing from the network, and their tables
can be read without JavaScript.
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from leaderboard.checks import Level, read_checks
from leaderboard.submission import Description, SubmissionError, validate
from mmbench import scoring
from mmbench.episodes import film
from mmbench.escape import printable
from mmbench.evaluation.manifest import Manifest
from mmbench.pool import worker_pool
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import get_suite, get_task
from mmbench.scoring import Estimate, Scores
from mmbench.spec import ScoreRule
from mmbench.tables import Table, render

MAX_SUBMISSIONS = 2000
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NUMBER = re.compile(r"\d+(\.\d+)?( to \d+(\.\d+)?)?")
_SCORE = re.compile(r"[01]\.\d{4}")
_STATIC = ("site.css", "site.js")
_NUM_FILMS = 3
_TEMPLATES = Path(__file__).with_name("templates")
_FONT = "system-ui, sans-serif"
_GRID = "rgba(128,128,128,0.25)"
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7500", "#777777")
"""Okabe and Ito's palette, which colour-blind people can tell apart."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A submission, as far as the site shows it."""

    slug: str
    file: Path
    description: Description
    manifest: Manifest
    track: str
    level: Level
    scores: Scores
    score: Estimate
    iqm: float
    num_episodes: int

    @cached_property
    def task_means(self) -> dict[str, float]:
        """Mean score of every task."""
        return scoring.task_means(self.scores)

    @property
    def domain_means(self) -> dict[str, float]:
        """Mean score of every domain."""
        domains = {task: get_task(task).domain.name for task in self.scores}
        return scoring.domain_means(self.scores, domains)


def build(
    submissions: Path,
    out: Path,
    *,
    has_pictures: bool = False,
    workers: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> int:
    """Write the site, and return the number of its pages.

    Args:
        submissions: Folder of submissions; `.zip` files are read, and the checks beside them.
        out: Folder for the site; what an earlier build has written there is replaced.
        has_pictures: Whether tasks and episodes are rendered, which takes minutes.
        workers: Worker processes; default one per core; 0 works in this process.
        on_progress: Called as submissions are read and pages are written.

    Raises:
        SubmissionError: If a submission breaks a rule, or a file's name is none for a page.
    """
    entries = read_entries(submissions, workers, on_progress)
    out.mkdir(parents=True, exist_ok=True)
    site = _Site(out)
    for name in _STATIC:
        shutil.copyfile(_TEMPLATES / name, out / name)
    (out / "plotly.js").write_text(get_plotlyjs(), encoding="utf-8")
    tracks = _by_track(entries)
    tasks = sorted({task for entry in entries for task in entry.scores} | set(get_suite("full")))
    pictures = _pictures(tasks, out, on_progress) if has_pictures else {}
    site.page(
        "index.html",
        tracks=[
            {
                "name": track,
                "table": site.table(
                    f"ranking-{number}", _ranking(ranked), links=_links(ranked), column=1
                ),
                "figure": _dots(ranked, f"scores-{number}"),
            }
            for number, (track, ranked) in enumerate(tracks.items())
        ],
    )
    site.page(
        "compare.html",
        tracks=[
            {
                "name": track,
                "figures": [
                    _profiles(ranked, f"profiles-{number}"),
                    _steps(ranked, f"steps-{number}"),
                    _heat_map(ranked, f"heat-{number}"),
                ],
            }
            for number, (track, ranked) in enumerate(tracks.items())
        ],
    )
    domains: dict[str, list[str]] = {}
    for task in tasks:
        domains.setdefault(get_task(task).domain.name, []).append(task)
    for domain, members in domains.items():
        site.page(
            f"domains/{domain}.html",
            template="domain.html",
            domain=get_task(members[0]).domain,
            table=site.table(
                f"domain-{domain}",
                _grid("task", members, entries, lambda entry: entry.task_means),
                links=[f"../tasks/{task}.html" for task in members],
            ),
        )
    best = {
        task: {"score": score, "slug": entry.slug, "name": entry.description.name}
        for task in tasks
        for score, entry in _on_task(task, entries)[:1]
    }
    site.page("tasks.html", domains=domains, task=get_task, best=best, pictures=pictures)
    for done, task in enumerate(tasks):
        on_progress(Progress("writing pages", done, len(tasks), task))
        found = _on_task(task, entries)
        rows = tuple(
            (entry.description.name, f"{mean:.4f}", entry.track, entry.level)
            for mean, entry in found
        )
        site.page(
            f"tasks/{task}.html",
            template="task.html",
            task=get_task(task),
            picture=pictures.get(task),
            table=site.table(
                f"task-{task}",
                Table(("agent", "score", "track", "checked"), rows),
                links=_links([entry for _, entry in found], up="../"),
            ),
        )
    for entry in entries:
        site.page(
            f"submissions/{entry.slug}.html",
            template="submission.html",
            entry=entry,
            domains=site.table(
                f"{entry.slug}-domains",
                Table(
                    ("domain", "score"),
                    tuple((name, f"{mean:.4f}") for name, mean in entry.domain_means.items()),
                ),
                links=[f"../domains/{name}.html" for name in entry.domain_means],
            ),
            tasks=site.table(
                f"{entry.slug}-tasks",
                Table(
                    ("task", "domain", "score", "lowest", "highest"),
                    tuple(
                        (
                            *(task, get_task(task).domain.name, f"{values.mean():.4f}"),
                            *(f"{values.min():.4f}", f"{values.max():.4f}"),
                        )
                        for task, values in entry.scores.items()
                    ),
                ),
                links=[f"../tasks/{task}.html" for task in entry.scores],
            ),
            films=_films(entry, out) if has_pictures else [],
        )
    site.page("submit.html")
    return site.num_pages


def read_entries(
    folder: Path, workers: int | None = None, on_progress: OnProgress = ignore_progress
) -> list[Entry]:
    """Return the submissions of a folder, best first.

    Raises:
        SubmissionError: If one breaks a rule, or its name is none for a page.
    """
    if not folder.is_dir():
        raise SubmissionError(f"{folder} is not a folder of submissions")
    files = sorted(folder.glob("*.zip"))
    if len(files) > MAX_SUBMISSIONS:
        raise SubmissionError(f"{folder} holds {len(files)} submissions, at most {MAX_SUBMISSIONS}")
    for file in files:
        if not _SLUG.fullmatch(file.stem):
            raise SubmissionError(
                f"{printable(str(file))}: the name of a submission has small letters, digits and "
                "hyphens"
            )
    entries = []
    with worker_pool(workers) as pool:  # starts processes only when it is used
        apply = map if workers == 0 else pool.map
        for done, entry in enumerate(apply(_entry, files)):
            on_progress(Progress("reading submissions", done, len(files), files[done].name))
            entries.append(entry)
    return sorted(entries, key=lambda entry: (-entry.score.value, entry.slug))


def _entry(file: Path) -> Entry:
    submission = validate(file)
    scores = submission.result.scores
    return Entry(
        slug=file.stem,
        file=file,
        description=submission.description,
        manifest=submission.result.manifest,
        track=submission.track,
        level=read_checks(file).level(len(submission.result.episodes)),
        scores=scores,
        score=scoring.bootstrap_mean(scores),
        iqm=scoring.interquartile_mean(scores),
        num_episodes=len(submission.result.episodes),
    )


class _Site:
    """Writes pages, and tables with their files of data."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["printable"] = printable
        self._environment.filters["in_words"] = _rule_in_words
        self.num_pages = 0

    def page(self, name: str, *, template: str | None = None, **given: Any) -> None:
        file = self._out / name
        file.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * name.count("/")
        text = self._environment.get_template(template or name).render(up=up, name=name, **given)
        file.write_text(text, encoding="utf-8")
        self.num_pages += 1

    def table(
        self, name: str, table: Table, *, links: Sequence[str], column: int = 0
    ) -> Mapping[str, Any]:
        """Write a table as CSV, JSON and LaTeX; return what the template `table.html` shows.

        `links` has the target of every row; it is the cell in `column` that is linked.
        """
        data = self._out / "data"
        data.mkdir(exist_ok=True)
        (data / f"{name}.csv").write_text(render(table, "csv"), encoding="utf-8")
        (data / f"{name}.tex").write_text(render(table, "latex"), encoding="utf-8")
        rows = [dict(zip(table.header, row, strict=True)) for row in table.rows]
        (data / f"{name}.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
        columns = list(zip(*table.rows, strict=True))
        return {
            "name": name,
            "header": table.header,
            "rows": list(zip(table.rows, links, strict=True)),
            "column": column,
            "numbers": _matching(columns, _NUMBER),
            "scores": _matching(columns, _SCORE),
        }


def _matching(columns: Sequence[Sequence[str]], pattern: "re.Pattern[str]") -> set[int]:
    """Return the columns whose cells, but for empty ones, are all of one kind."""
    return {
        index
        for index, cells in enumerate(columns)
        if any(cells) and all(pattern.fullmatch(cell) for cell in cells if cell)
    }


def _rule_in_words(rule: ScoreRule) -> str:
    if rule.kind == "success":
        return "1 if the last step is a success, else 0"
    return f"0 for a return of {rule.low:g}, 1 for {rule.high:g}, and in proportion between them"


def _by_track(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Group entries that may be ranked together: of one track, with the same simulators.

    Source of simulators is the manifest; other versions make a track of their own.
    """
    tracks: dict[str, list[Entry]] = {}
    simulators: dict[str, list[dict[str, str]]] = {}
    for entry in entries:
        known = simulators.setdefault(entry.track, [])
        if entry.manifest.simulators not in known:
            known.append(entry.manifest.simulators)
        number = known.index(entry.manifest.simulators)
        name = entry.track if number == 0 else f"{entry.track}, simulators {number + 1}"
        tracks.setdefault(name, []).append(entry)
    return tracks


def _on_task(task: str, entries: Sequence[Entry]) -> list[tuple[float, Entry]]:
    """Return mean scores on a task and who has them, best first."""
    found = ((entry.task_means[task], entry) for entry in entries if task in entry.scores)
    return sorted(found, key=lambda pair: (-pair[0], pair[1].slug))


def _links(entries: Sequence[Entry], up: str = "") -> list[str]:
    return [f"{up}submissions/{entry.slug}.html" for entry in entries]


def _ranking(entries: Sequence[Entry]) -> Table:
    header = ("rank", "agent", "score", "95 % interval", "IQM", "env steps", "checked", "authors")
    rows = tuple(
        (
            str(rank),
            entry.description.name,
            f"{entry.score.value:.4f}",
            f"{entry.score.low:.4f} to {entry.score.high:.4f}",
            f"{entry.iqm:.4f}",
            str(entry.description.training_steps),
            entry.level,
            ", ".join(entry.description.authors),
        )
        for rank, entry in enumerate(entries, start=1)
    )
    return Table(header, rows)


def _grid(
    first: str,
    keys: Sequence[str],
    entries: Sequence[Entry],
    means_of: Callable[[Entry], Mapping[str, float]],
) -> Table:
    columns = [means_of(entry) for entry in entries]
    rows = tuple(
        (key, *(f"{column[key]:.4f}" if key in column else "" for column in columns))
        for key in keys
    )
    return Table((first, *(entry.description.name for entry in entries)), rows)


# Figures --------------------------------------------------------------------------------------


def _names(entries: Sequence[Entry]) -> list[str]:
    """Return names for figures: Plotly would read tags in them."""
    escaped = (str(Markup.escape(printable(entry.description.name))) for entry in entries)
    return [f"{name} ({entry.slug})" for name, entry in zip(escaped, entries, strict=True)]


def _html(figure: go.Figure, name: str, title: str) -> Mapping[str, Any]:
    figure.update_layout(
        font={"family": _FONT, "color": "#777777"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
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
    return {"html": Markup(drawn), "title": title}


def _dots(entries: Sequence[Entry], name: str) -> Mapping[str, Any]:
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
    return _html(figure, name, "Scores and their intervals")


def _profiles(entries: Sequence[Entry], name: str) -> Mapping[str, Any]:
    """Draw the share of episodes with a higher score than every threshold."""
    thresholds = np.linspace(0, 1, 101)
    figure = go.Figure()
    for label, entry in zip(_names(entries), entries, strict=True):
        shares = scoring.performance_profile(entry.scores, thresholds)
        figure.add_scatter(x=thresholds.round(2), y=shares.round(4), name=label, mode="lines")
    figure.update_xaxes(range=[0, 1], title="score")
    figure.update_yaxes(range=[0, 1.02], title="share of episodes above it")
    return _html(figure, name, "Performance profiles")


def _steps(entries: Sequence[Entry], name: str) -> Mapping[str, Any]:
    figure = go.Figure()
    for label, entry in zip(_names(entries), entries, strict=True):
        # A logarithmic axis has no 0.
        steps = max(1, entry.description.training_steps)
        figure.add_scatter(
            x=[steps], y=[entry.score.value], name=label, mode="markers", marker={"size": 12}
        )
    figure.update_xaxes(type="log", dtick=1, title="env steps in training (none stands at 1)")
    figure.update_yaxes(range=[0, 1], title="score")
    return _html(figure, name, "Score against env steps")


def _heat_map(entries: Sequence[Entry], name: str) -> Mapping[str, Any]:
    tasks = list(entries[0].scores)
    values = [[round(entry.task_means[task], 4) for task in tasks] for entry in entries]
    figure = go.Figure(
        go.Heatmap(z=values, x=tasks, y=_names(entries), zmin=0, zmax=1, colorscale="Cividis")
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(height=260 + 24 * len(entries))
    return _html(figure, name, "Every task")


# Pictures -------------------------------------------------------------------------------------


def _pictures(tasks: Sequence[str], out: Path, on_progress: OnProgress) -> dict[str, str]:
    """Draw how every task begins; return the files by task, relative to the site."""
    (out / "pictures").mkdir(exist_ok=True)
    drawn: dict[str, str] = {}
    with worker_pool() as pool:
        jobs = pool.map(partial(_draw, out=out), tasks)
        for done, (task, file) in enumerate(zip(tasks, jobs, strict=True)):
            on_progress(Progress("drawing tasks", done, len(tasks), task))
            if file is not None:
                drawn[task] = file
    return drawn


def _draw(task: str, out: Path) -> str | None:
    """Draw a task; runs in a worker. Nothing where it cannot be drawn on this machine."""
    from PIL import Image

    from mmbench.env import TaskEnv
    from mmbench.errors import MMBenchError

    file = f"pictures/{task}.png"
    try:
        env = TaskEnv(task, render_mode="rgb_array", image_size=192)
        env.reset(seed=0)
        picture = env.render()
        assert picture is not None
        Image.fromarray(picture).save(out / file)
        env.close()
    except MMBenchError:
        return None
    return file


def _films(entry: Entry, out: Path) -> list[tuple[str, str]]:
    """Film an episode of a few tasks, of different domains, by replaying them."""
    chosen: dict[str, str] = {}
    for task in entry.scores:
        chosen.setdefault(get_task(task).domain.name, task)
    (out / "films").mkdir(exist_ok=True)
    films = []
    episodes = {episode.task_id: episode for episode in validate(entry.file).result.episodes}
    for task in list(chosen.values())[:_NUM_FILMS]:
        file = f"films/{entry.slug}-{task}.gif"
        film(episodes[task], out / file, image_size=192)
        films.append((task, file))
    return films
