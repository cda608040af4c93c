"""The arrays in which commands and results stand, one row per slot."""

import contextlib
from collections.abc import Mapping
from multiprocessing import shared_memory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmbench.env import ObsType
from mmbench.spec import MAX_ACTION_DIM, MAX_OBS_DIM

KEEP_DRAWING = -1
"""In `next_seed`: draw the seed of the next episode from the slot's own stream."""
STAY_IDLE = -2
"""In `next_seed`: play no further episode."""

_ALIGNMENT = 64


class Layout(NamedTuple):
    """What decides the shapes."""

    num_slots: int
    num_workers: int
    obs_type: ObsType
    image_size: int

    def fields(self) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Return name -> (shape, dtype) of every array."""
        n = self.num_slots
        picture = (n, self.image_size, self.image_size, 3)
        fields: dict[str, tuple[tuple[int, ...], Any]] = {
            "actions": ((n, MAX_ACTION_DIM), np.float32),
            "states": ((n, MAX_OBS_DIM), np.float32),
            "final_states": ((n, MAX_OBS_DIM), np.float32),
            "rewards": ((n,), np.float64),
            "truncated": ((n,), np.bool_),
            "active": ((n,), np.bool_),
            "restarted": ((n,), np.bool_),
            "success": ((n,), np.bool_),
            "score": ((n,), np.float64),
            "return": ((n,), np.float64),
            "final_success": ((n,), np.bool_),
            "final_score": ((n,), np.float64),
            "final_return": ((n,), np.float64),
            "episode_seed": ((n,), np.int64),
            "next_seed": ((n,), np.int64),
            "standin": ((n,), np.bool_),
            "step_seconds": ((n,), np.float64),
            "num_created": ((self.num_workers,), np.int64),
            "heartbeat": ((self.num_workers,), np.float64),
        }
        if self.obs_type != "state":
            fields["images"] = (picture, np.uint8)
            fields["final_images"] = (picture, np.uint8)
        return fields


COMMAND_FIELDS = ("actions", "next_seed", "step_seconds")
"""What a worker reads; all but the actions it writes too."""
_OF_THE_PARENT = ("actions", "restarted", "num_created", "heartbeat")


class SlotArrays:
    """The arrays of a `Layout`, in shared memory or (`name=None`, `shared=False`) in this process.

    Use as `arrays["rewards"]`.
    """

    def __init__(self, layout: Layout, *, shared: bool, name: str | None = None) -> None:
        self.layout = layout
        offsets: dict[str, int] = {}
        size = 0
        for field, (shape, dtype) in layout.fields().items():
            offsets[field] = size
            size += -(-int(np.prod(shape)) * np.dtype(dtype).itemsize // _ALIGNMENT) * _ALIGNMENT
        self._memory: shared_memory.SharedMemory | None = None
        self._is_owner = shared and name is None
        if shared:
            self._memory = shared_memory.SharedMemory(name=name, create=name is None, size=size)
            buffer: Any = self._memory.buf
        else:
            buffer = bytearray(size)
        self._arrays: dict[str, NDArray[Any]] = {
            field: np.ndarray(shape, dtype, buffer=buffer, offset=offsets[field])
            for field, (shape, dtype) in layout.fields().items()
        }
        if name is None:
            self["next_seed"][:] = KEEP_DRAWING

    @property
    def name(self) -> str:
        """Name under which another process attaches."""
        assert self._memory is not None
        return self._memory.name

    def command(self, rows: list[int]) -> dict[str, NDArray[Any]]:
        """Return what the worker of these rows needs to know for the next command."""
        return {name: self[name][rows] for name in COMMAND_FIELDS}

    def results(self) -> dict[str, NDArray[Any]]:
        """Return what came of a worker's command; how episodes ended only if any did."""
        is_over = self["truncated"].any()
        return {
            name: array.copy()
            for name, array in self._arrays.items()
            if name not in _OF_THE_PARENT and (is_over or not name.startswith("final_"))
        }

    def write(self, rows: list[int] | slice, values: Mapping[str, NDArray[Any]]) -> None:
        """Write what `command` or `results` has returned elsewhere into rows of this."""
        for name, array in values.items():
            self[name][rows] = array

    def __getitem__(self, field: str) -> NDArray[Any]:
        return self._arrays[field]

    def close(self) -> None:
        """Detach; the owner also removes the memory."""
        self._arrays = {}
        if self._memory is not None:
            # While somebody holds a view, the mapping stays until the process ends.
            with contextlib.suppress(BufferError):
                self._memory.close()
            if self._is_owner:
                self._memory.unlink()
            self._memory = None
