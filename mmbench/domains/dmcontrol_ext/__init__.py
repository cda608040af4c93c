"""DeepMind Control extended: 16 new tasks and 12 held-out variants."""

from mmbench.domains.dmcontrol_ext.tasks import DOMAIN, TASKS

__all__ = ["DOMAIN", "TASKS"]
