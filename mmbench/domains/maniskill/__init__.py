"""ManiSkill3: arms, legged robots and poles on CPU PhysX."""

from mmbench.domains.maniskill.tasks import DOMAIN, TASKS

__all__ = ["DOMAIN", "TASKS"]
