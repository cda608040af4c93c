"""Evaluations in the course of a run."""

import shutil
from pathlib import Path

import numpy as np

from mmbench import evaluate
from mmbench.agent import AgentFactory
from mmbench.env import ObsType
from mmbench.training.log import RunLog


def evaluate_run(
    player: AgentFactory,
    log: RunLog,
    *,
    tasks: tuple[str, ...],
    out: Path,
    env_steps: int,
    episodes: int,
    seed: int,
    workers: int,
    obs_type: ObsType = "state",
) -> float:
    """Play evaluation episodes in environments of their own and log them; return the mean score.

    Args:
        player: Builds an agent of the weights as they are now.
        log: Of the run.
        tasks: What is played.
        out: The run's folder; the episodes are kept in its `evaluations`.
        env_steps: How far the run is. An evaluation that an interrupted run has left there is
            played anew.
        episodes: Per task.
        seed: Given to the agent.
        workers: Worker processes for environments.
        obs_type: What environments show.
    """
    folder = out / "evaluations" / f"{env_steps:09d}"
    shutil.rmtree(folder, ignore_errors=True)
    result = evaluate(
        player,
        tasks=tasks,
        episodes=episodes,
        out=folder,
        seed=seed,
        workers=workers,
        obs_type=obs_type,
    )
    scores = {name: float(values.mean()) for name, values in result.scores.items()}
    returns: dict[str, list[float]] = {name: [] for name in scores}
    for record in result.episodes:
        returns[record.task_id].append(record.episode_return)
    log.evaluation(env_steps, scores, {name: float(np.mean(r)) for name, r in returns.items()})
    return float(np.mean(list(scores.values())))
