"""MiniArcade: 19 small games and 9 held-out ones, simulated with numpy alone."""

from mmbench.domains.miniarcade.tasks import DOMAIN, TASKS

__all__ = ["DOMAIN", "TASKS"]
