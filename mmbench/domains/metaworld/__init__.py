"""Meta-World: 49 tasks of a Sawyer arm."""

from mmbench.domains.metaworld.tasks import DOMAIN, TASKS

__all__ = ["DOMAIN", "TASKS"]
