"""Gymnasium MuJoCo: six locomotion and control tasks, version 4."""

from mmbench.domains.mujoco.tasks import DOMAIN, TASKS

__all__ = ["DOMAIN", "TASKS"]
