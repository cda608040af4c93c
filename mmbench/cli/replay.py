"""`mmbench replay`."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from mmbench.cli.output import print_json, print_table, show_progress
from mmbench.env import IMAGE_SIZE
from mmbench.episodes import EpisodeRecord, film, read_all, verify
from mmbench.errors import EpisodeError
from mmbench.escape import printable
from mmbench.tables import Table


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Play recorded episodes again: check them, or make a video."""

    path: Positional[Path]
    """Episode file, directory of them, or result directory."""
    verify: bool = False
    """Replay every episode and compare all rewards; exit code 1 if one differs."""
    video: Path | None = None
    """Write the episode chosen with --episode, or the first one, to this .mp4 or .gif file."""
    episode: int | None = None
    """Only this episode, counted from 0 in the order of the listing."""
    image_size: int = IMAGE_SIZE
    """Height and width of the video, in pixels."""
    workers: int | None = None
    """Worker processes for --verify. Default: one per core; 0 replays in this process."""
    json: bool = False
    """Print one JSON value."""

    def run(self) -> int:
        """List, verify or film."""
        records = read_all(self.path)
        if self.episode is not None:
            if not 0 <= self.episode < len(records):
                raise EpisodeError(f"{self.path} has episodes 0 to {len(records) - 1}")
            records = [records[self.episode]]
        if self.video is not None:
            if not records:
                raise EpisodeError(f"{self.path} holds no episode to film")
            with show_progress() as on_progress:
                film(records[0], self.video, image_size=self.image_size, on_progress=on_progress)
            print(f"{self.video}: {records[0].task_id}, seed {records[0].seed}")
            if len(records) > 1:
                print(f"This is episode 0 of {len(records)}; --episode chooses another.")
            return 0
        if self.verify:
            return print_verification(records, self.workers, self.json)
        rows = tuple(
            (
                str(i),
                r.task_id,
                str(r.seed),
                str(r.length),
                f"{r.episode_return:.4g}",
                f"{r.score:.4f}",
                r.agent,
            )
            for i, r in enumerate(records)
        )
        if self.json:
            print_json(
                [
                    {
                        "task": r.task_id,
                        "seed": r.seed,
                        "length": r.length,
                        "return": r.episode_return,
                        "score": r.score,
                        "agent": r.agent,
                    }
                    for r in records
                ]
            )
        else:
            header = ("episode", "task", "seed", "steps", "return", "score", "agent")
            print_table(Table(header, rows), f"{len(records)} episodes")
        return 0


def print_verification(records: list[EpisodeRecord], workers: int | None, as_json: bool) -> int:
    """Replay episodes under a progress bar; return 1 if one differs, else 0."""
    with show_progress() as on_progress:
        verdicts = verify(records, workers=workers, on_progress=on_progress)
    numbers = Counter(verdict.answer for verdict in verdicts)
    if as_json:
        answers = {name: numbers[name] for name in ("equal", "consistent", "different")}
        reasons = [verdict.reason for verdict in verdicts if verdict.reason]
        print_json({"episodes": len(records), **answers, "differences": reasons})
    else:
        for verdict in verdicts:
            if verdict.answer == "different":
                print(printable(verdict.reason))
        print(f"{numbers['equal']} of {len(records)} episodes replayed equal", end="")
        print(f", {numbers['consistent']} consistent" if numbers["consistent"] else "")
    return 1 if numbers["different"] else 0
