"""What tests of learners that play have in common."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

import mmbench
from mmbench.progress import OnProgress, Progress

TASK = "mujoco-reacher"  # 50 env steps


class Killed(Exception):
    """Stands for the end of a process."""


def assert_resumes(
    train: Callable[[Any, Path, OnProgress], object], run: Any, folder: Path
) -> None:
    """Train once in one go and once interrupted, and compare all that comes out, bit for bit."""

    def kill(progress: Progress) -> None:
        if progress.phase == "training" and progress.done > run.env_steps // 2:
            raise Killed

    whole, parts = folder / "whole", folder / "parts"
    train(run, whole, lambda progress: None)
    try:
        train(run, parts, kill)
    except Killed:
        pass
    else:
        raise AssertionError("the run was not interrupted")
    assert not (parts / "final").exists()
    train(run, parts, lambda progress: None)
    ours, theirs = (load_file(out / "final" / "model.safetensors") for out in (parts, whole))
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert tensor.equal(theirs[name]), name
    for out in (parts, whole):
        assert (out / "learning_curves.png").exists()
    assert evaluations(parts) == evaluations(whole)
    assert losses(parts) == losses(whole)


def evaluations(out: Path) -> str:
    return (out / "evaluations.csv").read_text()


def losses(out: Path) -> list[tuple[str, ...]]:
    """Return what was logged of updates, without the time."""
    with (out / "metrics.csv").open(newline="") as stream:
        return [(row["updates"], row["name"], row["value"]) for row in csv.DictReader(stream)]


def score(agent: str, folder: Path, task: str, checkpoint: Path | None = None) -> float:
    """Return the mean score of five evaluation episodes."""
    result = mmbench.evaluate(
        agent,
        tasks=[task],
        episodes=5,
        out=folder,
        workers=0,
        checkpoint=None if checkpoint is None else str(checkpoint),
    )
    return float(np.mean(result.scores[task]))
