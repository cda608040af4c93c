"""`mmbench evaluate`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from mmbench.cli.output import options_from, print_json, print_table, show_progress
from mmbench.cluster import JobBackend
from mmbench.env import IMAGE_SIZE, ObsType
from mmbench.evaluation import evaluate
from mmbench.evaluation.report import domain_table, report_as_json, summary_table
from mmbench.evaluation.runner import DEFAULT_EPISODES


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Play the evaluation episodes of an agent and write a result directory.

    The same command continues where it was stopped; a finished episode is never lost or repeated.
    """

    agent: str = "random"
    """Installed agent (`mmbench agents`), or module:factory."""
    suite: str | None = None
    """Suite to play: full, heldout, quick, lite, or a domain. Default: quick."""
    tasks: tuple[str, ...] = ()
    """Tasks to play instead of a suite."""
    episodes: int = DEFAULT_EPISODES
    """Episodes per task."""
    out: Path
    """Result directory; it is made or continued."""
    seed: int = 0
    """Seed of the agent. The episodes themselves are the same for everybody."""
    workers: int | None = None
    """Worker processes. Default: one per core (of the cluster); 0 plays in this process."""
    backend: JobBackend = "process"
    """process plays on this machine; ray sends whole episodes into a cluster."""
    address: str | None = None
    """Ray cluster, host:port or auto. Default: RAY_ADDRESS, else this machine alone."""
    checkpoint: str | None = None
    """Checkpoint for the agent."""
    device: str = "cpu"
    """Device for the agent, e.g. cuda."""
    obs: ObsType = "state"
    """What the agent sees."""
    image_size: int = IMAGE_SIZE
    """Height and width of pictures, in pixels."""
    option: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = field(default=())
    """More for the agent as name=value (the value in JSON, or a plain word). May be repeated."""
    json: bool = False
    """Print the report as one JSON value."""

    def run(self) -> int:
        """Play, then print the report."""
        with show_progress() as on_progress:
            result = evaluate(
                self.agent,
                suite=self.suite or (None if self.tasks else "quick"),
                tasks=self.tasks or None,
                episodes=self.episodes,
                out=self.out,
                seed=self.seed,
                workers=self.workers,
                checkpoint=self.checkpoint,
                device=self.device,
                obs_type=self.obs,
                image_size=self.image_size,
                options=options_from(self.option),
                backend=self.backend,
                address=self.address,
                on_progress=on_progress,
            )
        if self.json:
            print_json(report_as_json([result])[0])
        else:
            print_table(domain_table([result]), "score per domain")
            print()
            print_table(summary_table([result]), f"{self.agent} on {len(result.scores)} tasks")
        return 0
