"""`mmbench replay`."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from mmbench.cli.output import print_json, print_table, progress_bar
from mmbench.env import IMAGE_SIZE, TaskEnv
from mmbench.episodes import EpisodeRecord, read_all, replay
from mmbench.errors import EpisodeError, ReplayError
from mmbench.evaluation.report import Table

_VIDEO_FPS = 25


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Play recorded episodes again: check them, or make a video."""

    path: Positional[Path]
    """Episode file, directory of them, or result directory."""
    verify: bool = False
    """Replay every episode and compare all rewards; exit code 1 if one differs."""
    video: Path | None = None
    """Write the episode chosen with --episode to this .mp4 or .gif file."""
    episode: int | None = None
    """Only this episode, counted from 0 in the order of the listing."""
    image_size: int = IMAGE_SIZE
    """Height and width of the video, in pixels."""
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
            self._film(records[0] if records else None)
            return 0
        if self.verify:
            return self._verify(records)
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

    def _verify(self, records: list[EpisodeRecord]) -> int:
        differences = []
        env: TaskEnv | None = None
        with progress_bar() as bars:
            bar = bars.add_task("replaying", total=len(records))
            for record in sorted(records, key=lambda r: r.task_id):
                if env is None or env.task.id != record.task_id:
                    if env is not None:
                        env.close()
                    env = TaskEnv(record.task_id)
                try:
                    replay(record, env=env)
                except ReplayError as error:
                    differences.append(str(error))
                bars.advance(bar)
        if env is not None:
            env.close()
        if self.json:
            print_json({"episodes": len(records), "differences": differences})
        else:
            for difference in differences:
                print(difference)
            print(f"{len(records) - len(differences)} of {len(records)} episodes replayed equal")
        return 1 if differences else 0

    def _film(self, record: EpisodeRecord | None) -> None:
        assert self.video is not None
        if record is None:
            raise EpisodeError(f"{self.path} holds no episode to film")
        if self.video.suffix not in (".mp4", ".gif"):
            raise EpisodeError(f"cannot film to {self.video.name!r}; use .mp4 or .gif")
        import imageio.v3 as imageio  # videos only

        trajectory = replay(record, obs_type="rgb", image_size=self.image_size)
        assert trajectory.images is not None
        if self.video.suffix == ".gif":
            imageio.imwrite(self.video, trajectory.images, duration=1000 / _VIDEO_FPS, loop=0)
        else:
            imageio.imwrite(self.video, trajectory.images, fps=_VIDEO_FPS, macro_block_size=1)
        print(f"{self.video}: {record.task_id}, seed {record.seed}, score {record.score:.4f}")
