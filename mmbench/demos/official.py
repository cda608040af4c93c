"""The demonstration files of the original benchmark: one `<task>.pt` per task.

They are made in the original environments, so they carry observations and cannot be replayed here.

Source:
    arXiv:2511.19584; the layout of the files is that of its public data.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.dependencies import needed_for
from mmbench.episodes import Trajectory
from mmbench.errors import DemonstrationError, UnknownTaskError
from mmbench.registry import get_task
from mmbench.spec import MAX_ACTION_DIM, MAX_OBS_DIM, TaskSpec
from mmbench.tensor_files import load_tensors, plain_tensor

REPOSITORY = "nicklashansen/mmbench"
"""Where the files are published on the Hugging Face hub."""

_NAMES = {
    "obs": ("obs", "observation"),
    "action": ("action",),
    "reward": ("reward",),
    "episode": ("episode", "episode_id"),
}
_Columns = dict[str, NDArray[Any]]


def read_official(path: Path | str, *, task: str | None = None) -> list[Trajectory]:
    """Return the episodes of a demonstration file.

    Rows hold `obs` (N x 128), `action` (N x 16), `reward` (N) and `episode` (N); the first row of
    an episode holds its first observation, and NaN for action and reward.

    Args:
        path: The file.
        task: Task id; default the file's name without `.pt`.

    Raises:
        DemonstrationError: If the file is damaged, holds anything but tensors, or rows that do not
            fit the task. Nothing in the file is executed.
    """
    path = Path(path)
    try:
        spec = get_task(task or path.stem)
    except UnknownTaskError as error:
        raise DemonstrationError(f"{path}: {error}; name the task if the file does not") from error
    columns = _columns(load_tensors(path, DemonstrationError), path)
    _check_rows(columns, spec, path)
    return list(_episodes(columns, spec, path))


def download_official(
    tasks: Sequence[str], out: Path | str, *, repository: str = REPOSITORY
) -> list[Path]:
    """Download demonstration files from the Hugging Face hub and return where they are.

    Raises:
        DemonstrationError: If a file cannot be had.
        DependencyError: If huggingface_hub is not installed.
    """
    with needed_for("downloading demonstrations", "newt"):
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError
    files = []
    for task in tasks:
        name = f"{get_task(task).id}.pt"
        try:
            file = hf_hub_download(repository, name, repo_type="dataset", local_dir=out)
        except (HfHubHTTPError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise DemonstrationError(f"cannot download {name} of {repository}: {reason}") from error
        files.append(Path(file))
    return files


def _columns(loaded: Any, path: Path) -> _Columns:
    import torch

    if not isinstance(loaded, Mapping):
        raise DemonstrationError(f"{path} holds a {type(loaded).__name__}, expected named tensors")
    columns = {}
    for name, spellings in _NAMES.items():
        key = next((spelling for spelling in spellings if spelling in loaded), None)
        if key is None:
            raise DemonstrationError(f"{path} has no tensor {name!r}")
        tensor = plain_tensor(loaded[key], repr(name), path, DemonstrationError)
        columns[name] = tensor.to(torch.float64 if name == "episode" else torch.float32).numpy()
    return columns


def _check_rows(columns: _Columns, spec: TaskSpec, path: Path) -> None:
    num_rows = len(columns["obs"]) if columns["obs"].ndim else 0
    for name, shape in (
        ("obs", (num_rows, MAX_OBS_DIM)),
        ("action", (num_rows, MAX_ACTION_DIM)),
        ("reward", (num_rows,)),
        ("episode", (num_rows,)),
    ):
        if columns[name].shape != shape:
            raise DemonstrationError(
                f"{path}: {name!r} has shape {columns[name].shape}, expected {shape}"
            )
    if not np.isfinite(columns["obs"]).all() or not np.isfinite(columns["episode"]).all():
        raise DemonstrationError(f"{path}: 'obs' and 'episode' must be finite numbers")
    if num_rows and (
        columns["episode"][0] != 0 or not np.isin(np.diff(columns["episode"]), (0, 1)).all()
    ):
        raise DemonstrationError(f"{path}: 'episode' must count 0, 1, 2, ... over the rows")
    if columns["obs"][:, spec.obs_dim :].any():
        raise DemonstrationError(
            f"{path}: 'obs' has more than the {spec.obs_dim} entries of {spec.id}"
        )


def _episodes(columns: _Columns, spec: TaskSpec, path: Path) -> Iterator[Trajectory]:
    starts = np.flatnonzero(np.diff(columns["episode"], prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(columns["episode"])], strict=True):
        observations = columns["obs"][start:end, : spec.obs_dim]
        actions = columns["action"][start + 1 : end, : spec.action_dim]
        rewards = columns["reward"][start + 1 : end]
        if not 1 <= len(actions) <= spec.max_episode_steps:
            raise DemonstrationError(
                f"{path}: an episode has {len(actions)} steps, {spec.id} has "
                f"{spec.max_episode_steps}"
            )
        if not np.isfinite(actions).all() or not np.isfinite(rewards).all():
            raise DemonstrationError(
                f"{path}: actions and rewards must be finite after the first row of an episode"
            )
        yield Trajectory(
            task_id=spec.id, observations=observations, actions=actions, rewards=rewards
        )
