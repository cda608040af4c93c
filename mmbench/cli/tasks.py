"""`mmbench tasks`."""

from dataclasses import dataclass

from tyro.conf import Positional

from mmbench.cli.output import print_json, print_table
from mmbench.errors import UsageError
from mmbench.registry import distinct_tasks, list_tasks
from mmbench.spec import Split, TaskSpec
from mmbench.tables import Table


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """List the tasks, or tell everything about some of them.

    Of a named task: body, goal, observation, reward, start states and score.
    """

    names: Positional[tuple[str, ...]] = ()
    """Tasks to tell everything about; none lists all."""
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
        if self.names and (self.domain or self.suite or self.split):
            raise UsageError("give either names of tasks or filters, and not both")
        specs = distinct_tasks(self.names) or list_tasks(
            domain=self.domain, suite=self.suite, split=self.split
        )
        if self.json:
            print_json([spec.as_dict() for spec in specs])
            return 0
        if self.names:
            print("\n\n".join(_card(spec) for spec in specs))
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


def _card(spec: TaskSpec) -> str:
    """Return all that is known of a task."""
    rule, first = spec.score, 0
    entries = []
    for size, meaning in spec.observation:
        entries.append(f"  {first:3} to {first + size - 1:3}  {meaning}")
        first += size
    score = (
        "1 if the last step of the episode is a success"
        if rule.kind == "success"
        else f"return, from {rule.low:g} (0) to {rule.high:g} (1)"
    )
    facts = (
        ("body", spec.embodiment),
        ("goal", spec.instruction),
        ("actions", f"{spec.action_dim} in [-1, 1]"),
        ("steps", f"{spec.max_episode_steps}, discount {spec.effective_discount:g}"),
        ("reward", spec.reward),
        ("start", spec.start),
        ("success", spec.success or "never"),
        ("score", score),
        ("in common", spec.domain.notes),
    )
    lines = [f"{spec.id} ({spec.domain.name}, {spec.split})"]
    lines += [f"{name:10} {text}" for name, text in facts if text]
    return "\n".join([*lines, f"observation, {spec.obs_dim} entries:", *entries])
