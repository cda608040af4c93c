"""What a run writes down for people: CSV files, TensorBoard, optionally wandb."""

import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmbench.dependencies import needed_for
from mmbench.files import replacing
from mmbench.training.curves import CURVES, EVALUATIONS, draw_learning_curves

METRICS = "metrics.csv"
_METRICS_HEADER = ("phase", "env_steps", "updates", "seconds", "name", "value")
_EVALUATIONS_HEADER = ("env_steps", "task", "score", "return")


class RunLog:
    """The logs in a run's folder.

    Args:
        folder: The run's.
        config: What the run does.
        env_steps: Where the run goes on; what was logged after that is dropped.
        updates: Likewise.
        wandb: Project of Weights & Biases to log to as well.
    """

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        *,
        env_steps: int,
        updates: int,
        wandb: str | None,
    ) -> None:
        with needed_for("training", "training"):
            from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        for name, header in ((METRICS, _METRICS_HEADER), (EVALUATIONS, _EVALUATIONS_HEADER)):
            _keep(folder / name, header, {"env_steps": env_steps, "updates": updates})
        # Two boards, as each drops what is past its one resumed step.
        boards = folder / "tensorboard"
        self._updates = SummaryWriter(str(boards / "updates"), purge_step=updates + 1)
        self._env_steps = SummaryWriter(str(boards / "env_steps"), purge_step=env_steps + 1)
        self._wandb = _wandb_run(wandb, folder, config) if wandb else None

    def losses(
        self, phase: str, env_steps: int, updates: int, numbers: Mapping[str, float]
    ) -> None:
        """Write the metrics of an update."""
        now = round(time.time(), 1)
        rows = [(phase, env_steps, updates, now, name, value) for name, value in numbers.items()]
        _append(self._folder / METRICS, rows)
        scalars = {f"{phase}/{name}": value for name, value in numbers.items()}
        self._scalars(self._updates, scalars, updates)

    def evaluation(
        self, env_steps: int, scores: Mapping[str, float], returns: Mapping[str, float]
    ) -> None:
        """Write an evaluation and draw the learning curves."""
        rows = [(env_steps, name, score, returns[name]) for name, score in scores.items()]
        _append(self._folder / EVALUATIONS, rows)
        mean = float(np.mean(list(scores.values())))
        scalars = {f"score/{name}": score for name, score in scores.items()} | {"score": mean}
        self._scalars(self._env_steps, scalars, env_steps)
        draw_learning_curves({"": [self._folder / EVALUATIONS]}, self._folder / CURVES)

    def close(self) -> None:
        """Write what is left."""
        self._updates.close()
        self._env_steps.close()
        if self._wandb is not None:
            self._wandb.finish()

    def _scalars(self, board: Any, numbers: Mapping[str, float], step: int) -> None:
        for name, number in numbers.items():
            board.add_scalar(name, number, step)
        if self._wandb is not None:
            self._wandb.log(dict(numbers))


def _keep(file: Path, header: Sequence[str], limits: Mapping[str, int]) -> None:
    """Start a CSV file, or cut it to the rows within the limits."""
    kept: list[Sequence[str]] = []
    if file.exists():
        with file.open(newline="") as stream:
            kept = [
                [row[name] for name in header]
                for row in csv.DictReader(stream)
                if all(int(row.get(name, 0)) <= limit for name, limit in limits.items())
            ]
    with replacing(file) as partial, partial.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *kept])


def _append(file: Path, rows: Sequence[Sequence[object]]) -> None:
    with file.open("a", newline="") as stream:
        csv.writer(stream).writerows(rows)


def _wandb_run(project: str, folder: Path, config: Mapping[str, Any]) -> Any:
    with needed_for("logging to Weights & Biases", "wandb"):
        import wandb
    return wandb.init(project=project, dir=folder, config=dict(config), resume="allow")
