"""`mmbench verify`."""

from dataclasses import asdict, dataclass
from pathlib import Path

from tyro.conf import Positional

from mmbench.checks import at_least
from mmbench.cli.output import print_json, show_progress
from mmbench.errors import ResultError
from mmbench.escape import printable
from mmbench.evaluation.verification import Verification, verify_result


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Check a result: manifest, completeness, rules, and every reward by replay.

    Exit code 1 if anything is wrong.
    """

    result: Positional[Path]
    """Result directory."""
    episodes: int | None = None
    """Replay only so many episodes, drawn at random. Default: all."""
    all: bool = False
    """Replay all episodes, which is the default."""
    seed: int | None = None
    """Seed of the draw. Default: one that nobody can foresee; it is printed."""
    workers: int | None = None
    """Worker processes. Default: one per core; 0 replays in this process."""
    json: bool = False
    """Print one JSON value."""

    def run(self) -> int:
        """Check, and say what was found."""
        at_least(0, episodes=self.episodes, seed=self.seed, workers=self.workers)
        if not self.result.is_dir():
            raise ResultError(f"{self.result} is not a result directory")
        with show_progress() as on_progress:
            found = verify_result(
                self.result,
                episodes=None if self.all else self.episodes,
                seed=self.seed,
                workers=self.workers,
                on_progress=on_progress,
            )
        if self.json:
            print_json(_as_json(found))
        else:
            for problem in found.problems:
                print(printable(problem))
            print(
                f"{found.count('equal')} equal, {found.count('consistent')} consistent and "
                f"{found.count('different')} different of {len(found.verdicts)} replayed "
                f"episodes; the result has {found.num_episodes} and is "
                f"{'complete' if found.is_complete else 'incomplete'}"
            )
            if found.seed is not None:
                print(f"--seed {found.seed} draws the same episodes again")
        return 1 if found.problems else 0


def _as_json(found: Verification) -> dict[str, object]:
    return {
        "is_complete": found.is_complete,
        "num_episodes": found.num_episodes,
        "num_replayed": len(found.verdicts),
        "equal": found.count("equal"),
        "consistent": found.count("consistent"),
        "different": found.count("different"),
        "problems": list(found.problems),
        "seed": found.seed,
        "verdicts": [asdict(verdict) for verdict in found.verdicts],
    }
