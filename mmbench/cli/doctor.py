"""`mmbench doctor`."""

import dataclasses
import sys
from dataclasses import dataclass

from mmbench.cli.output import print_json, print_table, show_progress
from mmbench.doctor import examine_domain
from mmbench.plugins import clashes
from mmbench.progress import Progress
from mmbench.registry import list_domains
from mmbench.tables import Table


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Say per domain what works, what is missing, and the command that fixes it.

    Exit code 0 if state observations of all domains work with the pinned versions, and no other
    package is called like one of mmbench's; else 1.
    """

    json: bool = False
    """Print one JSON array."""

    def run(self) -> int:
        """Examine and print."""
        found = []
        with show_progress() as on_progress:
            for done, domain in enumerate(domains := list_domains()):
                on_progress(Progress("examining domains", done, len(domains), domain.name))
                found.append(examine_domain(domain))
        if self.json:
            print_json([{**dataclasses.asdict(d), "is_healthy": d.is_healthy} for d in found])
        else:
            rows = tuple(
                (
                    d.domain,
                    "works" if d.state is None else _without_remedy(d.state),
                    "" if d.state else _without_remedy(d.pictures or "work"),
                    d.assets or "",
                    "; ".join(d.wrong_versions) or "as pinned",
                    d.remedy or "",
                )
                for d in found
            )
            header = ("domain", "state", "pictures", "assets", "versions", "remedy")
            print_table(Table(header, rows), "mmbench doctor")
        others = clashes()
        for clash in others:
            print(f"mmbench: {clash}", file=sys.stderr)
        return 0 if all(d.is_healthy for d in found) and not others else 1


def _without_remedy(complaint: str) -> str:
    """Leave out what a column of its own says."""
    return complaint.partition("; install it with")[0]
