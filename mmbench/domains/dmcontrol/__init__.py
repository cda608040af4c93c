"""DeepMind Control: the 21 standard tasks."""

from mmbench.domains.dmcontrol.tasks import DOMAIN, TASKS

__all__ = ["DOMAIN", "TASKS"]
