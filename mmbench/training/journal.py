"""Episodes on disk, so that a run that goes on can fill its buffer again."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.array_files import load_arrays
from mmbench.errors import RunError
from mmbench.files import replacing
from mmbench.training.replay import Replay

Episode = dict[str, NDArray[np.float32]]
"""Arguments of `Replay.add`: `obs`, `action`, `reward` and perhaps `feature`."""
_OF_STEPS = ("action", "reward")
_MAX_FILE_BYTES = 2**32
"""What a file may unpack to: what thousands of episodes with the features of pictures take."""


class Journal:
    """Files of the episodes that were played between two snapshots.

    Attributes:
        num_files: Files that belong to the last snapshot; later ones are written over.
    """

    def __init__(self, folder: Path) -> None:
        self.num_files = 0
        self._folder = folder
        self._new: list[tuple[int, Episode]] = []

    def add(self, task: int, episode: Episode) -> None:
        """Keep an episode for the next file."""
        self._new.append((task, episode))

    def write(self) -> None:
        """Write the episodes since the last call, if there are any."""
        if not self._new:
            return
        self._folder.mkdir(exist_ok=True)
        arrays: dict[str, NDArray[Any]] = {
            "task": np.array([task for task, _ in self._new]),
            "length": np.array([len(episode["reward"]) for _, episode in self._new]),
        }
        for name in self._new[0][1]:
            arrays[name] = np.concatenate([episode[name] for _, episode in self._new])
        with replacing(self._file(self.num_files)) as partial, partial.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **arrays)
        self.num_files += 1
        self._new.clear()

    def read(self, num_files: int, replay: Replay) -> None:
        """Put the episodes of the first files into a buffer, in the order they were played.

        Raises:
            RunError: If a file is missing or damaged.
        """
        self.num_files = num_files
        for number in range(num_files):
            arrays = load_arrays(self._file(number), RunError, max_bytes=_MAX_FILE_BYTES)
            tasks, lengths = arrays.pop("task").tolist(), arrays.pop("length").tolist()
            at = dict.fromkeys(arrays, 0)
            for task, length in zip(tasks, lengths, strict=True):
                episode: dict[str, Any] = {}
                for name, rows in arrays.items():
                    num_rows = length if name in _OF_STEPS else length + 1
                    episode[name] = rows[at[name] : at[name] + num_rows]
                    at[name] += num_rows
                replay.add(task, **episode)

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:06d}.npz"
