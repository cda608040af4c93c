"""`mmbench leaderboard submit|validate|verify|reproduce|schema|build|serve`."""

import functools
import http.server
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from pydantic import ValidationError
from tyro.conf import Positional

from leaderboard.checks import Replayed, Reproduced, record_checks
from leaderboard.submission import Description, SubmissionError, submit, validate
from leaderboard.verification import SIGNIFICANCE, probability_missed, reproduce, verify
from mmbench.checks import at_least, between, writable_file
from mmbench.cli.output import options_from, print_json, show_progress
from mmbench.escape import printable
from mmbench.scoring import bootstrap_mean

SUBMISSIONS = Path(__file__).with_name("submissions")
"""The submissions that come with mmbench."""


@dataclass(frozen=True, kw_only=True)
class LeaderboardSubmit:
    """Pack a result into one file that can be handed in."""

    results: Positional[Path]
    """Result directory, as `mmbench evaluate --suite SUITE --out` makes it."""
    name: str
    """Name in the ranking."""
    authors: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = field(default=())
    """An author. May be repeated."""
    url: str | None = None
    """Paper or code."""
    description: str = ""
    """How the agent was made, in plain text."""
    training_steps: int
    """Env steps played in training, over all tasks."""
    demos: Literal["yes", "no"]
    """Whether demonstrations were learned from."""
    multitask: bool = True
    """One model for all tasks, or one for each."""
    images: bool = False
    """Whether the agent sees images."""
    privileged: bool = False
    """Whether it sees more than the observation, as experts do."""
    out: Path
    """File to write: NAME.zip, with small letters, digits and hyphens in the name."""

    def run(self) -> int:
        """Check, pack, and say how to hand it in."""
        writable_file(self.out, (".zip",))
        try:
            description = Description(
                name=self.name,
                authors=list(self.authors),
                url=self.url,
                description=self.description,
                training_steps=self.training_steps,
                has_demos=self.demos == "yes",
                is_multitask=self.multitask,
                has_images=self.images,
                is_privileged=self.privileged,
            )
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise SubmissionError(f"{where}: {first['msg']}") from error
        submission = submit(self.results, description, self.out)
        print(f"{self.out}: {len(submission.result.episodes)} episodes, track: {submission.track}")
        print(f"To hand it in, open a pull request that adds it as submissions/{self.out.name}")
        return 0


@dataclass(frozen=True, kw_only=True)
class LeaderboardValidate:
    """Check a submission without playing: format, limits, protocol, and every rule of scores."""

    file: Positional[Path]
    """A submission."""

    def run(self) -> int:
        """Check, and say what it is."""
        submission = validate(self.file)
        score = bootstrap_mean(submission.result.scores)
        print(
            f"{self.file} is valid: {submission.description.name}, score {score.value:.4f} "
            f"[{score.low:.4f}, {score.high:.4f}], track: {submission.track}"
        )
        return 0


@dataclass(frozen=True, kw_only=True)
class LeaderboardVerify:
    """Validate a submission and replay its episodes; exit code 1 if one is different."""

    file: Positional[Path]
    """A submission."""
    episodes: int | None = None
    """Replay only so many episodes, drawn at random. Default: all."""
    all: bool = False
    """Replay all episodes, which is the default."""
    seed: int | None = None
    """Seed of the draw. Default: one that nobody can foresee; it is printed."""
    workers: int | None = None
    """Worker processes. Default: one per core; 0 replays in this process."""
    record: bool = False
    """Write what was found beside the submission, for the site."""
    json: bool = False
    """Print one JSON value."""

    def run(self) -> int:
        """Check, and say what was found and what may have been missed."""
        at_least(0, episodes=self.episodes, workers=self.workers)
        with show_progress() as on_progress:
            found = verify(
                self.file,
                episodes=None if self.all else self.episodes,
                seed=self.seed,
                workers=self.workers,
                on_progress=on_progress,
            )
        num_replayed = len(found.verdicts)
        replayed = Replayed(
            episodes=num_replayed,
            equal=found.count("equal"),
            consistent=found.count("consistent"),
            different=found.count("different"),
        )
        missed = {
            k: probability_missed(k, num_replayed, found.num_episodes)
            for k in (1, 10, 100)
            if k <= found.num_episodes
        }
        if self.record:
            record_checks(self.file, replayed=replayed)
        if self.json:
            print_json(
                {
                    **replayed.model_dump(),
                    "num_episodes": found.num_episodes,
                    "probability_missed": missed,
                    "problems": list(found.problems),
                    "seed": found.seed,
                }
            )
        else:
            for problem in found.problems:
                print(printable(problem))
            print(
                f"{replayed.equal} equal, {replayed.consistent} consistent and "
                f"{replayed.different} different of {num_replayed} replayed episodes; the "
                f"submission has {found.num_episodes}"
            )
            if found.seed is not None:
                print(f"--seed {found.seed} draws the same episodes again")
            for number, probability in missed.items():
                print(f"{number} forged would have been missed with probability {probability:.3g}")
        return 1 if found.problems else 0


@dataclass(frozen=True, kw_only=True)
class LeaderboardReproduce:
    """Play a submission's agent on fresh seeds, and compare its scores with the claimed ones.

    Replay shows that the actions earn the scores, and not that the agent chose the actions. Exit
    code 1 if the scores differ significantly.
    """

    file: Positional[Path]
    """A submission."""
    agent: str
    """The agent, as `mmbench evaluate --agent` takes it."""
    checkpoint: str | None = None
    """Checkpoint for the agent."""
    option: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = field(default=())
    """More for the agent as name=value. May be repeated."""
    fresh_seeds: int = 3
    """Episodes per task."""
    tasks: tuple[str, ...] = ()
    """Only these tasks of the submission."""
    salt: str | None = None
    """What the seeds are made of. Default: what nobody can foresee."""
    workers: int | None = None
    """Worker processes. Default: one per core."""
    record: bool = False
    """Write what was found beside the submission, for the site; needs all tasks."""
    json: bool = False
    """Print one JSON value."""

    def run(self) -> int:
        """Play, test, and say what came out."""
        between(1, 1000, fresh_seeds=self.fresh_seeds)
        if self.record and self.tasks:
            raise SubmissionError("--record needs all tasks of the submission; leave out --tasks")
        with show_progress() as on_progress:
            found = reproduce(
                self.file,
                agent=self.agent,
                checkpoint=self.checkpoint,
                options=options_from(self.option),
                fresh_seeds=self.fresh_seeds,
                salt=self.salt,
                tasks=self.tasks,
                workers=self.workers,
                on_progress=on_progress,
            )
        if self.record:
            reproduced = Reproduced(
                claimed=found.claimed,
                fresh=found.fresh,
                p_value=found.p_value,
                is_reproduced=found.is_reproduced,
            )
            record_checks(self.file, reproduced=reproduced)
        if self.json:
            print_json({**asdict(found), "is_reproduced": found.is_reproduced})
        else:
            print(
                f"claimed {found.claimed:.4f}, fresh seeds {found.fresh:.4f}: p = "
                f"{found.p_value:.4f}; most different task {found.worst_task}, p = "
                f"{found.worst_p_value:.4f}"
            )
            print(f"a difference of {found.detectable:.3f} would have been found 4 times of 5")
            verdict = "reproduced" if found.is_reproduced else "not reproduced"
            print(f"{verdict} (significance {SIGNIFICANCE})")
        return 0 if found.is_reproduced else 1


@dataclass(frozen=True, kw_only=True)
class LeaderboardSchema:
    """Print the JSON Schema of what authors say of a submission."""

    def run(self) -> int:
        """Print it."""
        print_json(Description.model_json_schema())
        return 0


@dataclass(frozen=True, kw_only=True)
class LeaderboardBuild:
    """Build the site of the leaderboard: static pages that need no network."""

    out: Path
    """Folder for the site."""
    submissions: Path = SUBMISSIONS
    """Folder of submissions. Default: those that come with mmbench."""
    pictures: bool = False
    """Whether tasks and some episodes are shown as pictures and films; takes minutes."""
    workers: int | None = None
    """Worker processes. Default: one per core; 0 works in this process."""

    def run(self) -> int:
        """Build."""
        from leaderboard.site import build

        self.out.mkdir(parents=True, exist_ok=True)
        with show_progress() as on_progress:
            num_pages = build(
                self.submissions,
                self.out,
                has_pictures=self.pictures,
                workers=self.workers,
                on_progress=on_progress,
            )
        print(f"{self.out / 'index.html'}: {num_pages} pages")
        return 0


@dataclass(frozen=True, kw_only=True)
class LeaderboardServe:
    """Show a site in a browser of this machine."""

    site: Positional[Path]
    """Folder that `mmbench leaderboard build` has made."""
    port: int = 8000
    """Port on this machine; 0 takes a free one."""

    def run(self) -> int:
        """Serve until interrupted."""
        between(0, 65535, port=self.port)
        if not (self.site / "index.html").is_file():
            raise SubmissionError(f"{self.site} is no site; `mmbench leaderboard build` makes one")
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(self.site))
        with http.server.ThreadingHTTPServer(("127.0.0.1", self.port), handler) as server:
            print(f"http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)", flush=True)
            server.serve_forever()
        return 0
