"""Learning curves of runs."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmbench.dependencies import needed_for
from mmbench.errors import RunError

EVALUATIONS, CURVES = "evaluations.csv", "learning_curves.png"


def read_evaluations(file: Path) -> dict[str, dict[int, tuple[float, float]]]:
    """Return score and return of every task at every evaluation."""
    found: dict[str, dict[int, tuple[float, float]]] = {}
    with file.open(newline="") as stream:
        for row in csv.DictReader(stream):
            task = found.setdefault(row["task"], {})
            task[int(row["env_steps"])] = float(row["score"]), float(row["return"])
    return found


def draw_learning_curves(runs: Mapping[str, Path], file: Path) -> None:
    """Draw score over env steps: every task, and the mean where there are several.

    Args:
        runs: The evaluations of runs by their names.
        file: The picture, PNG.

    Raises:
        RunError: If no run has been evaluated yet.
    """
    with needed_for("drawing learning curves", "plots"):
        from matplotlib.figure import Figure

    curves = {name: read_evaluations(path) for name, path in runs.items()}
    tasks = sorted({task for run in curves.values() for task in run})
    if not tasks:
        raise RunError("there is no curve to draw yet: no run has been evaluated")
    share_tasks = all(set(run) == set(tasks) for run in curves.values())
    panels = [*tasks, "mean"] if len(tasks) > 1 and share_tasks else tasks
    num_columns = min(4, len(panels))
    num_rows = -(-len(panels) // num_columns)
    figure = Figure(figsize=(3.2 * num_columns + 1, 2.4 * num_rows + 0.4), layout="constrained")
    axes = np.ravel(figure.subplots(num_rows, num_columns, sharey=True))
    for axis, panel in zip(axes, panels, strict=False):
        axis.set_title(panel, fontsize=9)
        for name, run in curves.items():
            chosen = list(run.values()) if panel == "mean" else [run.get(panel, {})]
            steps = sorted(set.intersection(*(set(task) for task in chosen)))
            axis.plot(
                steps,
                [np.mean([task[step][0] for task in chosen]) for step in steps],
                marker=".",
                label=name,
            )
        axis.set_ylim(-0.02, 1.02)
        axis.set_xlim(left=0)
        axis.grid(alpha=0.3)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    if any(curves):
        axes[0].legend(fontsize=8)
    figure.supxlabel("env steps", fontsize=9)
    figure.supylabel("score", fontsize=9)
    figure.savefig(file, dpi=110)
