"""TD-MPC2: Newt without language, demonstrations, pretraining and cloning.

What is left is a world model that plans. With many tasks, a code that is learned tells it which one
it is in; with one task there is nothing to tell.

Source:
    arXiv:2310.16828. The losses, the planner and their numbers are Newt's; `docs/baselines.md` has
    the differences.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro

from mmbench import Agent
from mmbench.cli.output import show_progress
from mmbench.errors import CheckpointError, UsageError
from mmbench.training.run import with_suite
from newt_agent import LearningConfig, TrainConfig, train
from newt_agent import make as make_newt

CODE_DIM = 96
"""Entries of a task's code."""


def multitask(tasks: Sequence[str] = (), **changes: Any) -> TrainConfig:
    """Return a run of TD-MPC2 on many tasks; `changes` are fields of the configuration."""
    return TrainConfig(**_without_newt(tasks) | {"code_dim": CODE_DIM} | changes)


def single_task(tasks: Sequence[str] = (), **changes: Any) -> TrainConfig:
    """Return a run of TD-MPC2 on one task, of the published size and with as many updates."""
    published = {"size": "B", "batch_size": 256, "updates_per_env_step": 1.0}
    return TrainConfig(**_without_newt(tasks) | published | changes)


def _without_newt(tasks: Sequence[str]) -> dict[str, Any]:
    return {
        "tasks": tuple(tasks),
        "encoder": "none",
        "normalise": False,
        "learning": LearningConfig(prior_coef=0.0),
    }


def make(
    tasks: Sequence[str], *, checkpoint: str | None, device: str, seed: int, **options: Any
) -> Agent:
    """Build the agent from a checkpoint folder; its options are Newt's."""
    if checkpoint is None:
        raise CheckpointError("agent 'tdmpc2' plays a checkpoint; give one with --checkpoint")
    return make_newt(tasks, checkpoint=checkpoint, device=device, seed=seed, **options)


@dataclass(frozen=True, kw_only=True)
class TrainTDMPC2:
    """Train TD-MPC2 on many tasks; the same command continues a run where it was stopped.

    The options are Newt's; those that this agent does without are off.
    """

    out: Path
    """Folder of the run; it is made or continued."""
    suite: str | None = None
    """Suite to train on, instead of tasks."""
    run_config: tyro.conf.OmitArgPrefixes[TrainConfig] = field(default_factory=multitask)

    def run(self) -> int:
        """Train under a progress bar."""
        return _train(with_suite(self.run_config, self.suite), self.out)


@dataclass(frozen=True, kw_only=True)
class TrainTDMPC2Single:
    """Train TD-MPC2 on one task; the same command continues a run where it was stopped.

    The options are Newt's; those that this agent does without are off.
    """

    out: Path
    """Folder of the run; it is made or continued."""
    run_config: tyro.conf.OmitArgPrefixes[TrainConfig] = field(default_factory=single_task)

    def run(self) -> int:
        """Train under a progress bar."""
        config = with_suite(self.run_config, None)
        if len(config.tasks) > 1:
            raise UsageError(f"{len(config.tasks)} tasks were given; `train tdmpc2` takes many")
        return _train(config, self.out)


def _train(config: TrainConfig, out: Path) -> int:
    if config.demos is not None:
        raise UsageError("TD-MPC2 learns without demonstrations; `train newt` learns from them")
    with show_progress() as on_progress:
        train(config, out, on_progress)
    print(f"{out / 'final'}")
    return 0
