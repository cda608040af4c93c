"""What decides the last bits of a simulation: processor, C library, BLAS."""

import functools
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_DECIDING = ("fma", "avx2", "avx512f")
_CPUINFO = Path("/proc/cpuinfo")
_CHOOSING = (
    "ATEN_CPU_CAPABILITY",
    "GLIBC_TUNABLES",
    "MKL_CBWR",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "OPENBLAS_CORETYPE",
)
"""Variables of the environment by which libraries choose code for another processor."""
_MAX_VALUE = 100


@dataclass(frozen=True)
class Processor:
    """What the system tells of the processor; empty where it does not.

    Attributes:
        name: E.g. `AMD EPYC 7B13`.
        maker: E.g. `AuthenticAMD`.
        flags: The instruction sets, in Linux's words.
    """

    name: str = ""
    maker: str = ""
    flags: frozenset[str] = frozenset()


@functools.cache
def platform_class() -> str:
    """Return the class of machines on which the same episode has the same bits.

    Processor maker (PhysX uses approximate reciprocals, which makers compute differently), the
    instruction sets that mathematical libraries choose their code by, the C library and NumPy's
    BLAS, e.g. `x86_64 AuthenticAMD fma avx2; glibc 2.36; scipy-openblas 0.3.31`, and what the
    environment tells these libraries to choose instead.
    """
    found = processor()
    sets = " ".join(name for name in _DECIDING if name in found.flags)
    machine = " ".join(part for part in (platform.machine(), found.maker, sets) if part)
    libc = " ".join(platform.libc_ver()) or platform.system()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    told = [f"{name}={os.environ[name][:_MAX_VALUE]}" for name in _CHOOSING if name in os.environ]
    return "; ".join((machine, libc, f"{blas['name']} {blas['version']}", *told))


@functools.cache
def processor() -> Processor:
    """Return the processor of this machine."""
    if not _CPUINFO.exists():
        return Processor(name=platform.processor(), maker=platform.processor())
    fields = {}
    for line in _CPUINFO.read_text().split("\n\n", 1)[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    return Processor(
        name=fields.get("model name", ""),
        maker=fields.get("vendor_id", ""),
        flags=frozenset(fields.get("flags", "").split()),
    )
