"""`mmbench tasks`."""

from dataclasses import dataclass

from mmbench.cli.output import print_json, print_table
from mmbench.registry import list_tasks
from mmbench.spec import Split
from mmbench.tables import Table


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """List the tasks."""

    domain: str | None = None
    """Only this domain, e.g. dmcontrol."""
    suite: str | None = None
    """Only this suite: full, heldout, quick, lite, or a domain."""
    split: Split | None = None
    """Only this split."""
    json: bool = False
    """Print one JSON array."""

    def run(self) -> int:
        """Print the tasks."""
        specs = list_tasks(domain=self.domain, suite=self.suite, split=self.split)
        if self.json:
            print_json([spec.as_dict() for spec in specs])
            return 0
        rows = tuple(
            (
                spec.id,
                spec.domain.name,
                spec.split,
                str(spec.obs_dim),
                str(spec.action_dim),
                str(spec.max_episode_steps),
                spec.instruction,
            )
            for spec in specs
        )
        header = ("task", "domain", "split", "obs", "action", "steps", "instruction")
        print_table(Table(header, rows), f"{len(specs)} tasks")
        return 0
