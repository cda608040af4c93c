"""RoboDesk: six tasks of a Franka arm at a desk."""

from mmbench.domains.robodesk.tasks import DOMAIN, TASKS

__all__ = ["DOMAIN", "TASKS"]
