"""Demonstrations as Minari datasets."""

import warnings
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np

from mmbench.demos.dataset import Demonstrations
from mmbench.dependencies import needed_for
from mmbench.env import ObsType, observation_space
from mmbench.episodes import Trajectory
from mmbench.errors import DemonstrationError
from mmbench.registry import get_task


def export_minari(demonstrations: Demonstrations, *, version: int = 0) -> list[str]:
    """Write a Minari dataset `mmbench/<task>/demos-v<version>` per task; return their ids.

    Where they go is Minari's to say (`MINARI_DATASETS_PATH`).

    Raises:
        DemonstrationError: If a dataset is there already.
        DependencyError: If minari is not installed.
    """
    with needed_for("exporting", "minari"):
        import minari
        from minari.data_collector import EpisodeBuffer
    import gymnasium

    ids = []
    for task, of_task in _grouped(demonstrations):
        spec = get_task(task)
        dataset_id = f"mmbench/{task}/demos-v{version}"
        if dataset_id in minari.list_local_datasets():
            raise DemonstrationError(
                f"Minari has {dataset_id} already; delete it, or give another version"
            )
        buffers = [
            EpisodeBuffer(
                id=index,
                seed=trajectory.record.seed if trajectory.record else None,
                observations=_observations(trajectory, demonstrations.obs_type),
                actions=trajectory.actions,
                rewards=trajectory.rewards,
                terminations=np.zeros(len(trajectory.rewards), bool),
                truncations=np.arange(len(trajectory.rewards)) == len(trajectory.rewards) - 1,
            )
            for index, trajectory in enumerate(of_task)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that no e-mail address and no link are given
            minari.create_dataset_from_buffers(
                dataset_id,
                buffers,
                env=f"mmbench/{task}",
                eval_env=f"mmbench/{task}",
                observation_space=observation_space(
                    spec.obs_dim, demonstrations.obs_type, demonstrations.image_size
                ),
                action_space=gymnasium.spaces.Box(-1.0, 1.0, (spec.action_dim,), np.float32),
                algorithm_name=", ".join(sorted({record.agent for record in of_task.records})),
                author="mmbench",
                description=spec.instruction,
                requirements=[spec.domain.requirement],
            )
        ids.append(dataset_id)
    return ids


def _grouped(demonstrations: Demonstrations) -> Iterator[tuple[str, Demonstrations]]:
    """Yield runs of demonstrations of one task."""
    records = demonstrations.records
    for task, run in groupby(range(len(records)), key=lambda index: records[index].task_id):
        indices = list(run)
        yield task, demonstrations[indices[0] : indices[-1] + 1]


def _observations(trajectory: Trajectory, obs_type: ObsType) -> Any:
    if obs_type == "state":
        return trajectory.observations
    if obs_type == "rgb":
        return trajectory.images
    return {"state": trajectory.observations, "rgb": trajectory.images}
