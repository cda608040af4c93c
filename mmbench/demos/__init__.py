"""Demonstrations: who makes them, how they are kept, and how they are read."""

from mmbench.demos.dataset import SHIPPED, Demonstrations, load, pack, shipped, shipped_practice
from mmbench.demos.minari_export import export_minari
from mmbench.demos.official import download_official, read_official

__all__ = [
    "SHIPPED",
    "Demonstrations",
    "download_official",
    "export_minari",
    "load",
    "pack",
    "read_official",
    "shipped",
    "shipped_practice",
]
