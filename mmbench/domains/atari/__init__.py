"""Atari: 27 console games, observed through their RAM."""

from mmbench.domains.atari.tasks import DOMAIN, TASKS

__all__ = ["DOMAIN", "TASKS"]
