"""Whether a result is what it says: manifest, completeness, rules and replay at once."""

import random
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmbench.episodes import EpisodeRecord, Verdict, verify
from mmbench.episodes.verification import Answer
from mmbench.errors import EpisodeError, ResultError
from mmbench.evaluation.result import load_result
from mmbench.progress import OnProgress, ignore_progress


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What checking a result has shown.

    Attributes:
        is_complete: Whether every task has all its episodes.
        num_episodes: Episodes that are there.
        verdicts: One for every episode that was replayed.
        problems: Sentences on what is wrong; none if everything is right.
        seed: Of the draw of the episodes that were replayed; `None` if all were.
    """

    is_complete: bool
    num_episodes: int
    verdicts: tuple[Verdict, ...]
    problems: tuple[str, ...]
    seed: int | None = None

    def count(self, answer: Answer) -> int:
        """Return how many replayed episodes were `equal`, `consistent` or `different`."""
        return Counter(verdict.answer for verdict in self.verdicts)[answer]


def verify_result(
    directory: Path | str,
    *,
    episodes: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Verification:
    """Check a result directory, and replay its episodes or some of them.

    Args:
        directory: A result directory.
        episodes: How many to replay, drawn at random; default all.
        seed: Seed of the draw; by default nobody can foresee which episodes are replayed.
        workers: Worker processes; default one per core; 0 replays in this process.
        on_progress: Called as episodes are replayed.
    """
    try:
        result = load_result(directory)
    except (ResultError, EpisodeError) as error:
        return Verification(is_complete=False, num_episodes=0, verdicts=(), problems=(str(error),))
    chosen: Sequence[EpisodeRecord] = result.episodes
    if episodes is None or episodes >= len(chosen):
        seed = None
    else:
        seed = secrets.randbits(32) if seed is None else seed
        chosen = random.Random(seed).sample(chosen, episodes)
    verdicts = verify(chosen, workers=workers, on_progress=on_progress)
    problems = [verdict.reason for verdict in verdicts if verdict.answer == "different"]
    if not result.is_complete:
        problems.insert(0, f"{directory} is incomplete: {result.completeness}")
    return Verification(
        is_complete=result.is_complete,
        num_episodes=len(result.episodes),
        verdicts=tuple(verdicts),
        problems=tuple(problems),
        seed=seed,
    )
