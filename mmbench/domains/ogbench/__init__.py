"""OGBench: mazes for a point and an ant, and two ant tasks without walls."""

from mmbench.domains.ogbench.tasks import DOMAIN, TASKS

__all__ = ["DOMAIN", "TASKS"]
