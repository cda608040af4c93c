"""Box2D: five bipedal walkers and three lunar landers."""

from mmbench.domains.box2d.tasks import DOMAIN, TASKS

__all__ = ["DOMAIN", "TASKS"]
