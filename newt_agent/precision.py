"""How the same equations are computed faster: fused by a compiler, in 16 or 8 bits."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch

from mmbench.errors import DeviceError, UsageError
from newt_agent.config import NewtConfig, Precision, UpdatePrecision
from newt_agent.fastest import fastest_precision
from newt_agent.int8 import kernel
from newt_agent.int8.world_model import Int8WorldModel
from newt_agent.world_model import WorldModel


@dataclass(frozen=True)
class Acceleration:
    """How to compute on a device.

    Attributes:
        dtype: Of the products in planning.
        is_compiled: Whether `torch.compile` fuses what is between the products. The first call
            takes up to a minute; results differ in the last digits.
        update_dtype: Of the products in losses and their gradients. Sums, weights, gradients of
            weights and what optimisers keep are float32 in any case.
        has_cuda_graphs: Whether compiled functions are launched as CUDA graphs: what they return
            holds until the next `begin_step`.
    """

    dtype: torch.dtype = torch.float32
    is_compiled: bool = False
    update_dtype: torch.dtype = torch.float32
    has_cuda_graphs: bool = False

    def begin_step(self) -> None:
        """Begin an update or a plan; what compiled functions returned before may be overwritten."""
        if self.has_cuda_graphs:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]

    def applied_to_losses(
        self, function: Callable[..., Any], device: torch.device
    ) -> Callable[..., Any]:
        """Return the function with products in `update_dtype`, compiled if asked for."""

        @wraps(function)
        def in_update_dtype(*args: Any, **kwargs: Any) -> Any:
            with _autocast(self.update_dtype, device):
                return function(*args, **kwargs)

        return self._applied(in_update_dtype)

    def applied_to_planning(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, compiled if asked for and not in int8, which is compiled already."""
        return function if self.dtype == torch.int8 else self._applied(function)

    def for_planning(self, model: WorldModel) -> WorldModel | Int8WorldModel:
        """Return the model that plans with the weights as they are now.

        Residual dynamics, which int8 has not, are planned with in float32.
        """
        is_int8 = self.dtype == torch.int8 and not model.config.has_residual_dynamics
        return Int8WorldModel(model) if is_int8 else model

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        """Return a context in which large products are in bfloat16, if `dtype` is that."""
        return _autocast(self.dtype, device)

    def _applied(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if not self.is_compiled:
            return function
        return torch.compile(function, mode="reduce-overhead" if self.has_cuda_graphs else None)


def _autocast(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[Any]:
    enabled = dtype == torch.bfloat16
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


PLAIN = Acceleration()


def acceleration(
    device: torch.device,
    *,
    precision: Precision = "auto",
    update_precision: UpdatePrecision = "float32",
    compile: bool = False,
) -> Acceleration:
    """Choose how to compute on a device.

    Args:
        device: Where.
        precision: `auto` is the fastest that a CPU can do, by a measurement that is remembered:
            int8 with AVX2 and a C++ compiler, bfloat16 with AMX or AVX512_BF16, or float32; on GPUs
            bfloat16 from Ampere on, and float32 before.
        update_precision: `auto` is bfloat16 where the hardware multiplies it faster (the GPUs and
            CPUs above), and float32 elsewhere.
        compile: Whether to compile.

    Raises:
        DeviceError: What was asked for cannot be had on this machine.
    """
    if compile and device.type == "cpu" and kernel.cpp_compiler() is None:
        raise DeviceError("compilation was asked for, and there is no C++ compiler")
    if precision == "auto":
        precision = _fastest(device)
    if precision == "int8":
        if device.type != "cpu":
            raise DeviceError(f"int8 was asked for, and {device} is no CPU")
        kernel.load()
    if update_precision == "auto":
        update_precision = "bfloat16" if _has_fast_bfloat16(device) else "float32"
    return Acceleration(
        dtype=getattr(torch, precision),
        is_compiled=compile,
        update_dtype=getattr(torch, update_precision),
        has_cuda_graphs=compile and device.type == "cuda",
    )


def check_precision(config: NewtConfig, precision: Precision) -> None:
    """Raise `UsageError` if int8 was asked for by name and the model cannot be planned with so."""
    if precision == "int8" and config.has_residual_dynamics:
        raise UsageError(
            "int8 was asked for, and the model's residual dynamics are in float32 only"
        )


def _fastest(device: torch.device) -> Precision:
    candidates: list[Precision] = []
    if device.type == "cpu" and kernel.is_supported():
        candidates.append("int8")
    if _has_fast_bfloat16(device):
        candidates.append("bfloat16")
    if device.type == "cpu":
        candidates.append("float32")
        return fastest_precision(candidates)
    return candidates[0] if candidates else "float32"


def _has_fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
