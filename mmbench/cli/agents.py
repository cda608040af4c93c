"""`mmbench agents`."""

from dataclasses import dataclass

from mmbench.agent import list_agents
from mmbench.cli.output import print_json


@dataclass(frozen=True, kw_only=True)
class Agents:
    """List the installed agents."""

    json: bool = False
    """Print one JSON array."""

    def run(self) -> int:
        """Print the names."""
        names = list_agents()
        if self.json:
            print_json(list(names))
        else:
            print("\n".join(names))
        return 0
