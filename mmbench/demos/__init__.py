"""Demonstrations: who makes them, how they are kept, and how they are read."""

from mmbench.demos.dataset import SHIPPED, Demonstrations, load, pack, shipped

__all__ = ["SHIPPED", "Demonstrations", "load", "pack", "shipped"]
