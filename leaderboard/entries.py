"""Submissions as the site shows them: read, ranked, and put into tracks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from leaderboard.checks import Checks, Level, read_checks
from leaderboard.submission import Description, SubmissionError, validate
from mmbench import scoring
from mmbench.escape import printable
from mmbench.evaluation.manifest import Manifest
from mmbench.pool import worker_pool
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import get_task
from mmbench.scoring import Estimate, Scores

MAX_SUBMISSIONS = 2000
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A submission, as far as the site shows it."""

    slug: str
    file: Path
    description: Description
    manifest: Manifest
    track: str
    checks: Checks
    scores: Scores
    score: Estimate
    iqm: float
    num_episodes: int

    @property
    def level(self) -> Level:
        """What its checks have shown."""
        return self.checks.level(self.num_episodes)

    @property
    def label(self) -> str:
        """Its name, with that of its file unless one follows from the other: never another's."""
        name = self.description.name
        is_plain = name.lower().replace(" ", "-") == self.slug != name
        return name if is_plain else f"{name} ({self.slug})"

    @cached_property
    def task_means(self) -> dict[str, float]:
        """Mean score of every task."""
        return scoring.task_means(self.scores)

    @property
    def domain_means(self) -> dict[str, float]:
        """Mean score of every domain."""
        domains = {task: get_task(task).domain.name for task in self.scores}
        return scoring.domain_means(self.scores, domains)


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
        for done, entry in enumerate(apply(_read, files)):
            on_progress(Progress("reading submissions", done, len(files), files[done].name))
            entries.append(entry)
    return sorted(entries, key=lambda entry: (-entry.score.value, entry.slug))


def _read(file: Path) -> Entry:
    submission = validate(file)
    scores = submission.result.scores
    return Entry(
        slug=file.stem,
        file=file,
        description=submission.description,
        manifest=submission.result.manifest,
        track=submission.track,
        checks=read_checks(file),
        scores=scores,
        score=scoring.bootstrap_mean(scores),
        iqm=scoring.interquartile_mean(scores),
        num_episodes=len(submission.result.episodes),
    )


def by_track(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
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


def on_task(task: str, entries: Sequence[Entry]) -> list[tuple[float, Entry]]:
    """Return mean scores on a task and who has them, best first."""
    found = ((entry.task_means[task], entry) for entry in entries if task in entry.scores)
    return sorted(found, key=lambda pair: (-pair[0], pair[1].slug))
