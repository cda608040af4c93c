"""A domain of another package: a bead on a wire, simulated in ten lines."""

from toy_domain.tasks import DOMAIN, TASKS

__all__ = ["DOMAIN", "TASKS"]
