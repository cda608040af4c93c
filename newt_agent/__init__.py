"""Newt: a world model of many tasks, which plans.

What other packages use of it; everything else may change. Names are loaded when first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newt_agent.agent import Newt, make
    from newt_agent.checkpoint import Checkpoint, new_model, save_checkpoint
    from newt_agent.choosing import choose_plays
    from newt_agent.config import (
        LearningConfig,
        NewtConfig,
        PlannerConfig,
        SizeName,
        TrainConfig,
    )
    from newt_agent.loading import load
    from newt_agent.precision import acceleration
    from newt_agent.trainer import train
    from newt_agent.world_model import WorldModel

__all__ = [
    "Checkpoint",
    "LearningConfig",
    "Newt",
    "NewtConfig",
    "PlannerConfig",
    "SizeName",
    "TrainConfig",
    "WorldModel",
    "acceleration",
    "choose_plays",
    "load",
    "make",
    "new_model",
    "save_checkpoint",
    "train",
]

_HOMES = {
    "Checkpoint": "checkpoint",
    "LearningConfig": "config",
    "Newt": "agent",
    "NewtConfig": "config",
    "PlannerConfig": "config",
    "SizeName": "config",
    "TrainConfig": "config",
    "WorldModel": "world_model",
    "acceleration": "precision",
    "choose_plays": "choosing",
    "load": "loading",
    "make": "agent",
    "new_model": "checkpoint",
    "save_checkpoint": "checkpoint",
    "train": "trainer",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"newt_agent.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'newt_agent' has no attribute {name!r}")
