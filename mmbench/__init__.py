"""mmbench: massively multitask continuous control, 200 tasks behind one Gymnasium contract."""

import importlib
from typing import TYPE_CHECKING, Any

from mmbench.errors import MMBenchError
from mmbench.registry import SUITES, add_plugged, get_task, list_tasks
from mmbench.seeding import evaluation_seed
from mmbench.spec import MAX_ACTION_DIM, MAX_OBS_DIM, Domain, ScoreRule, TaskSpec

if TYPE_CHECKING:
    from mmbench import episodes
    from mmbench.agent import Agent, PolicyAgent
    from mmbench.env import ObsType, TaskEnv
    from mmbench.evaluation import evaluate, load_result
    from mmbench.simulator import FloatArray
    from mmbench.vector import MultitaskVectorEnv, make_vec

__version__ = "0.1.0"

__all__ = [
    "MAX_ACTION_DIM",
    "MAX_OBS_DIM",
    "SUITES",
    "Agent",
    "Domain",
    "FloatArray",
    "MMBenchError",
    "MultitaskVectorEnv",
    "PolicyAgent",
    "ScoreRule",
    "TaskEnv",
    "TaskSpec",
    "demos",
    "episodes",
    "evaluate",
    "evaluation_seed",
    "load_result",
    "make",
    "make_vec",
    "task",
    "tasks",
]

task = get_task
tasks = list_tasks

# Loaded when first used, so that listing tasks needs no pyarrow.
_LAZY = {
    "Agent": "mmbench.agent",
    "FloatArray": "mmbench.simulator",
    "MultitaskVectorEnv": "mmbench.vector",
    "PolicyAgent": "mmbench.agent",
    "TaskEnv": "mmbench.env",
    "evaluate": "mmbench.evaluation",
    "load_result": "mmbench.evaluation",
    "make_vec": "mmbench.vector",
}
_LAZY_MODULES = ("demos", "episodes")


def make(
    task_id: str,
    *,
    obs_type: "ObsType" = "state",
    render_mode: str | None = None,
    image_size: int = 224,
) -> "TaskEnv":
    """Build the environment of a task.

    Args:
        task_id: Task id, e.g. `walker-run`.
        obs_type: `state`, `rgb` or `state+rgb`.
        render_mode: `rgb_array` to draw pictures with `render()`, or `None`.
        image_size: Height and width of pictures, in pixels.

    Raises:
        UnknownTaskError: If there is no such task; with a near match.
        SimulatorMissingError: If its simulator is not installed; names the pip command.
        UsageError: If an option cannot be right.
    """
    from mmbench.env import TaskEnv

    return TaskEnv(task_id, obs_type=obs_type, render_mode=render_mode, image_size=image_size)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _LAZY_MODULES:
        return importlib.import_module(f"mmbench.{name}")
    raise AttributeError(f"module 'mmbench' has no attribute {name!r}")


add_plugged()  # last: they import from here
