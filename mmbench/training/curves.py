"""Learning curves of runs."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmbench.dependencies import needed_for
from mmbench.errors import RunError

EVALUATIONS, CURVES = "evaluations.csv", "learning_curves.png"

Evaluations: TypeAlias = dict[str, dict[int, tuple[float, float]]]
"""Score and return by tasks and env steps."""


def read_evaluations(file: Path) -> Evaluations:
    """Return score and return of every task at every evaluation."""
    found: Evaluations = {}
    with file.open(newline="") as stream:
        for row in csv.DictReader(stream):
            task = found.setdefault(row["task"], {})
            task[int(row["env_steps"])] = float(row["score"]), float(row["return"])
    return found


def draw_learning_curves(runs: Mapping[str, Sequence[Path]], file: Path) -> None:
    """Draw score over env steps: every task, and the mean where there are several.

    Args:
        runs: The evaluations of runs by the names of curves. Several of a task are seeds of one:
            their mean is drawn, and a band from the least to the most.
        file: The picture, PNG.

    Raises:
        RunError: If no run has been evaluated yet.
    """
    with needed_for("drawing learning curves", "plots"):
        from matplotlib.figure import Figure

    curves = {name: [read_evaluations(path) for path in paths] for name, paths in runs.items()}
    tasks = sorted({task for seeds in curves.values() for run in seeds for task in run})
    if not tasks:
        raise RunError("there is no curve to draw yet: no run has been evaluated")
    share_tasks = all(set(run) == set(tasks) for seeds in curves.values() for run in seeds)
    panels = [*tasks, "mean"] if len(tasks) > 1 and share_tasks else tasks
    num_columns = min(4, len(panels))
    num_rows = -(-len(panels) // num_columns)
    figure = Figure(figsize=(3.2 * num_columns + 1, 2.4 * num_rows + 0.4), layout="constrained")
    axes = np.ravel(figure.subplots(num_rows, num_columns, sharey=True))
    for axis, panel in zip(axes, panels, strict=False):
        axis.set_title(panel, fontsize=9)
        for name, seeds in curves.items():
            steps, scores = _scores_of_seeds(seeds, tasks if panel == "mean" else [panel])
            axis.plot(steps, scores.mean(0) if steps else [], marker=".", label=name)
            if len(scores) > 1:
                axis.fill_between(steps, scores.min(0), scores.max(0), alpha=0.2)
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


def _scores_of_seeds(
    seeds: Sequence[Evaluations], tasks: Sequence[str]
) -> tuple[list[int], NDArray[np.float64]]:
    """Return the env steps where every seed of the tasks was evaluated, and mean scores.

    The scores have shape `(seeds, steps)`.
    """
    seeds = [run for run in seeds if all(task in run for task in tasks)]
    if not seeds:
        return [], np.empty((0, 0))
    steps = sorted(set.intersection(*(set(run[task]) for run in seeds for task in tasks)))
    scores = [[np.mean([run[task][step][0] for task in tasks]) for step in steps] for run in seeds]
    return steps, np.array(scores)
