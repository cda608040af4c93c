"""Exact snapshots of a MuJoCo simulation.

The Python bindings can make a new copy of an `mjData` but not copy into an existing one, which
going back needs. The C function that does it is called through ctypes.
"""

import ctypes
from pathlib import Path
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

# The fields of the model that tasks rewrite at a reset (targets, goals, obstacles).
_MODEL_FIELDS = ("body_pos", "body_quat", "geom_pos", "geom_size", "site_pos", "site_size")

_LIBRARY = ctypes.CDLL(str(next(Path(mujoco.__file__).parent.glob("libmujoco*"))))
_LIBRARY.mj_copyData.argtypes = (ctypes.c_void_p,) * 3
_LIBRARY.mj_copyData.restype = ctypes.c_void_p


class MujocoState(NamedTuple):
    """A whole `mjData`, derived quantities included, and the model fields a reset may change.

    Position and velocity alone would not do: rewards and observations of several tasks read
    quantities that lag one physics step behind, and the solver starts from its last forces.
    """

    data: mujoco.MjData
    model_fields: tuple[NDArray[np.float64], ...]


def take_snapshot(model: mujoco.MjModel, data: mujoco.MjData) -> MujocoState:
    """Copy the simulation; the copy is not touched by what happens later."""
    copy = mujoco.MjData(model)
    _copy_data(model, source=data, target=copy)
    return MujocoState(copy, tuple(getattr(model, name).copy() for name in _MODEL_FIELDS))


def restore_snapshot(model: mujoco.MjModel, data: mujoco.MjData, state: MujocoState) -> None:
    """Put the simulation back to `state`, which stays usable."""
    _copy_data(model, source=state.data, target=data)
    for name, value in zip(_MODEL_FIELDS, state.model_fields, strict=True):
        getattr(model, name)[:] = value


def _copy_data(model: mujoco.MjModel, *, source: mujoco.MjData, target: mujoco.MjData) -> None:
    _LIBRARY.mj_copyData(target._address, model._address, source._address)
