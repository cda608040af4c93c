"""What decides the last bits of a simulation: processor, C library, BLAS."""

import functools
import os
import platform
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


@functools.cache
def platform_class() -> str:
    """Return the class of machines on which the same episode has the same bits.

    Processor maker (PhysX uses approximate reciprocals, which makers compute differently), the
    instruction sets that mathematical libraries choose their code by, the C library and NumPy's
    BLAS, e.g. `x86_64 AuthenticAMD fma avx2; glibc 2.36; scipy-openblas 0.3.31`, and what the
    environment tells these libraries to choose instead.
    """
    maker, flags = _processor()
    sets = " ".join(name for name in _DECIDING if name in flags)
    processor = " ".join(part for part in (platform.machine(), maker, sets) if part)
    libc = " ".join(platform.libc_ver()) or platform.system()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    told = [f"{name}={os.environ[name][:_MAX_VALUE]}" for name in _CHOOSING if name in os.environ]
    return "; ".join((processor, libc, f"{blas['name']} {blas['version']}", *told))


def _processor() -> tuple[str, frozenset[str]]:
    """Return the maker's name and the instruction sets, as far as the system tells them."""
    if not _CPUINFO.exists():
        return platform.processor(), frozenset()
    fields = {}
    for line in _CPUINFO.read_text().split("\n\n", 1)[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    return fields.get("vendor_id", ""), frozenset(fields.get("flags", "").split())
