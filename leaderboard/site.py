"""The leaderboard's site: static pages, made of the submissions and of nothing else.

The same submissions make the same bytes. Pages load nothing from the network, and their tables
can be read without JavaScript.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from plotly.offline import get_plotlyjs

from leaderboard.entries import Entry, by_track, on_task, read_entries
from leaderboard.figures import dots, heat_map, profiles, scores_against_steps
from leaderboard.pictures import draw_tasks, film_episodes
from mmbench.escape import printable
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import get_suite, get_task
from mmbench.spec import ScoreRule
from mmbench.tables import Table, render

_STATIC = ("site.css", "site.js")
_TEMPLATES = Path(__file__).with_name("templates")

Cell = str | int | float | tuple[float, float] | None
"""Text, a count, a score, the interval of a score, or nothing."""


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
    for name in _STATIC:
        shutil.copyfile(_TEMPLATES / name, out / name)
    (out / "plotly.js").write_text(get_plotlyjs(), encoding="utf-8")
    tasks = sorted({task for entry in entries for task in entry.scores} | set(get_suite("full")))
    domains: dict[str, list[str]] = {}
    for task in tasks:
        domains.setdefault(get_task(task).domain.name, []).append(task)
    pictures = draw_tasks(tasks, out, on_progress) if has_pictures else {}

    site = _Site(out)
    tracks = by_track(entries)
    _write_ranking(site, tracks)
    _write_comparison(site, tracks)
    _write_gallery(site, domains, entries, pictures)
    for members in domains.values():
        _write_domain(site, members, entries)
    for done, task in enumerate(tasks):
        on_progress(Progress("writing tasks", done, len(tasks), task))
        _write_task(site, task, entries, pictures.get(task))
    for done, entry in enumerate(entries):
        on_progress(Progress("writing submissions", done, len(entries), entry.slug))
        _write_entry(site, entry, film_episodes(entry, out) if has_pictures else [])
    site.page("submit.html")
    return site.num_pages


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
        self._environment.filters["as_text"] = _text
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
        self,
        name: str,
        header: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        *,
        links: Sequence[str],
        column: int = 0,
    ) -> Mapping[str, Any]:
        """Write a table as CSV, JSON and LaTeX; return what the template `table.html` shows.

        `links` has the target of every row; it is the cell in `column` that is linked.
        """
        data = self._out / "data"
        data.mkdir(exist_ok=True)
        table = Table(tuple(header), tuple(tuple(map(_text, row)) for row in rows))
        (data / f"{name}.csv").write_text(render(table, "csv"), encoding="utf-8")
        (data / f"{name}.tex").write_text(render(table, "latex"), encoding="utf-8")
        # Not an object per row: two columns may have one name.
        split = json.dumps({"columns": header, "data": rows}, indent=1)
        (data / f"{name}.json").write_text(split, encoding="utf-8")
        return {
            "name": name,
            "header": header,
            "rows": list(zip(rows, links, strict=True)),
            "column": column,
        }


def _text(cell: Cell) -> str:
    if isinstance(cell, tuple):
        return f"{cell[0]:.4f} to {cell[1]:.4f}"
    if isinstance(cell, float):
        return f"{cell:.4f}"
    return "" if cell is None else str(cell)


def _write_ranking(site: _Site, tracks: Mapping[str, Sequence[Entry]]) -> None:
    site.page(
        "index.html",
        tracks=[
            {
                "name": track,
                "table": _ranking(site, f"ranking-{number}", ranked),
                "figure": dots(ranked, f"scores-{number}"),
            }
            for number, (track, ranked) in enumerate(tracks.items())
        ],
    )


def _ranking(site: _Site, name: str, entries: Sequence[Entry]) -> Mapping[str, Any]:
    return site.table(
        name,
        ("rank", "agent", "score", "95 % interval", "IQM", "env steps", "checked", "authors"),
        [
            (
                rank,
                entry.description.name,
                entry.score.value,
                (entry.score.low, entry.score.high),
                entry.iqm,
                entry.description.training_steps,
                entry.level,
                ", ".join(entry.description.authors),
            )
            for rank, entry in enumerate(entries, start=1)
        ],
        links=_links(entries),
        column=1,
    )


def _write_comparison(site: _Site, tracks: Mapping[str, Sequence[Entry]]) -> None:
    site.page(
        "compare.html",
        tracks=[
            {
                "name": track,
                "figures": [
                    profiles(ranked, f"profiles-{number}"),
                    scores_against_steps(ranked, f"steps-{number}"),
                    heat_map(ranked, f"heat-{number}"),
                ],
            }
            for number, (track, ranked) in enumerate(tracks.items())
        ],
    )


def _write_gallery(
    site: _Site,
    domains: Mapping[str, Sequence[str]],
    entries: Sequence[Entry],
    pictures: Mapping[str, str],
) -> None:
    best = {
        task: {"score": score, "slug": entry.slug, "name": entry.description.name}
        for members in domains.values()
        for task in members
        for score, entry in on_task(task, entries)[:1]
    }
    site.page("tasks.html", domains=domains, task=get_task, best=best, pictures=pictures)


def _write_domain(site: _Site, tasks: Sequence[str], entries: Sequence[Entry]) -> None:
    domain = get_task(tasks[0]).domain
    site.page(
        f"domains/{domain.name}.html",
        template="domain.html",
        domain=domain,
        table=site.table(
            f"domain-{domain.name}",
            ("task", *(entry.label for entry in entries)),
            [(task, *(entry.task_means.get(task) for entry in entries)) for task in tasks],
            links=[f"../tasks/{task}.html" for task in tasks],
        ),
    )


def _write_task(site: _Site, task: str, entries: Sequence[Entry], picture: str | None) -> None:
    found = on_task(task, entries)
    site.page(
        f"tasks/{task}.html",
        template="task.html",
        task=get_task(task),
        picture=picture,
        table=site.table(
            f"task-{task}",
            ("agent", "score", "track", "checked"),
            [(entry.description.name, mean, entry.track, entry.level) for mean, entry in found],
            links=_links([entry for _, entry in found], up="../"),
        ),
    )


def _write_entry(site: _Site, entry: Entry, films: Sequence[tuple[str, str]]) -> None:
    site.page(
        f"submissions/{entry.slug}.html",
        template="submission.html",
        entry=entry,
        domains=site.table(
            f"{entry.slug}-domains",
            ("domain", "score"),
            list(entry.domain_means.items()),
            links=[f"../domains/{name}.html" for name in entry.domain_means],
        ),
        tasks=site.table(
            f"{entry.slug}-tasks",
            ("task", "domain", "score", "lowest", "highest"),
            [
                (task, get_task(task).domain.name, values.mean(), values.min(), values.max())
                for task, values in entry.scores.items()
            ],
            links=[f"../tasks/{task}.html" for task in entry.scores],
        ),
        films=films,
    )


def _links(entries: Sequence[Entry], up: str = "") -> list[str]:
    return [f"{up}submissions/{entry.slug}.html" for entry in entries]


def _rule_in_words(rule: ScoreRule) -> str:
    if rule.kind == "success":
        return "1 if the last step is a success, else 0"
    return f"0 for a return of {rule.low:g}, 1 for {rule.high:g}, and in proportion between them"
