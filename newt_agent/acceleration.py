"""How the same equations are computed faster: fused by a compiler, in bfloat16."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import torch

from newt_agent.errors import DeviceError

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Acceleration:
    """How to compute on a device.

    Attributes:
        dtype: Of the large products in planning; losses are computed in float32.
        is_compiled: Whether `torch.compile` fuses what is between the products. The first call
            takes up to a minute; results differ in the last digits.
    """

    dtype: torch.dtype = torch.float32
    is_compiled: bool = False

    def applied(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, compiled if asked for."""
        return torch.compile(function) if self.is_compiled else function

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        """Return a context in which large products are in `dtype`."""
        enabled = self.dtype != torch.float32
        return torch.autocast(device.type, dtype=self.dtype, enabled=enabled)


PLAIN = Acceleration()


def acceleration(
    device: torch.device, *, precision: Precision = "auto", compile: bool = False
) -> Acceleration:
    """Choose how to compute on a device.

    Args:
        device: Where.
        precision: `auto` is bfloat16 where the hardware multiplies it faster: on GPUs from Ampere
            on, and on CPUs with AMX.
        compile: Whether to compile.

    Raises:
        DeviceError: Compilation was asked for, and there is no compiler.
    """
    if compile and device.type == "cpu" and not (shutil.which("g++") or shutil.which("clang++")):
        raise DeviceError("compilation was asked for, and there is no C++ compiler")
    if precision == "auto":
        precision = "bfloat16" if _has_fast_bfloat16(device) else "float32"
    return Acceleration(getattr(torch, precision), compile)


def checked_device(name: str) -> torch.device:
    """Return a device.

    Raises:
        DeviceError: The name is none, or torch does not see the device.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"{name!r} is no device; expected e.g. cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"device {name!r} was asked for, and torch sees no GPU")
    return device


def _has_fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and torch.cpu._is_amx_tile_supported()
