"""Builds and loads `kernel.cpp`; the structures are as it declares them."""

import atexit
import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from ctypes import POINTER, c_float, c_int64, c_void_p
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from mmbench.errors import DeviceError
from mmbench.files import cache_folder, is_private, read_limited, replacing
from mmbench.platform_class import processor

TILE = 64
"""Outputs are padded to a multiple of it."""
_MAX_KERNEL_BYTES = 2**26
_SOURCE = Path(__file__).with_suffix(".cpp")
_INCLUDED = _SOURCE.with_name("lanes.h")
_FLAGS = ("-std=c++17", "-O3", "-shared", "-fPIC", "-fopenmp")

Instructions = Literal["avx512-vnni", "avx-vnni", "avx2"]
"""What 8-bit products are made of, the fastest first; sums are the same with each."""

_FLAGS_OF: dict[Instructions, tuple[str, ...]] = {
    "avx512-vnni": (
        *("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vnni"),
        "-mprefer-vector-width=512",
    ),
    "avx-vnni": ("-mavx2", "-mfma", "-mavxvnni"),
    "avx2": ("-mavx2", "-mfma"),
}


class Last(IntEnum):
    """What a network ends with, and what then comes out of it for every row."""

    LINEAR = 0
    """Nothing: its outputs, float32."""
    SIMNORM = 1
    """Layer norm and SimNorm: its outputs in 255ths, uint8."""
    TWO_HOT = 2
    """The scalar that its outputs, as logits, stand for: float32."""


class Matrix(ctypes.Structure):
    """What is rounded, and where to."""

    _fields_ = (
        *((name, c_void_p) for name in ("entries", "matrix", "scale", "sum")),
        *((name, c_int64) for name in ("members", "outputs", "inputs", "summed_from")),
        ("num_threads", c_int64),
    )


class Layer(ctypes.Structure):
    """A rounded layer."""

    _fields_ = (
        *((name, c_void_p) for name in ("matrix", "scale", "bias", "gain", "shift")),
        *((name, c_int64) for name in ("inputs", "outputs")),
    )


class Call(ctypes.Structure):
    """A network, its rows, and where their results go to."""

    _fields_ = (
        *((name, c_void_p) for name in ("x", "actions", "context", "member", "out")),
        ("layers", POINTER(Layer)),
        *((name, c_int64) for name in ("x_dim", "action_dim", "num_calls", "num_slots")),
        *((name, c_int64) for name in ("num_rows", "num_layers", "last", "num_threads")),
        *((name, c_float) for name in ("low", "two_hot_limit")),
    )


def instructions() -> Instructions | None:
    """Return the fastest instructions that the CPU has, if it has any."""
    if torch.cpu._is_vnni_supported():
        return "avx512-vnni"
    if not torch.cpu._is_avx2_supported():
        return None
    return "avx-vnni" if "avx_vnni" in processor().flags else "avx2"


def is_supported() -> bool:
    """Tell whether the CPU has the instructions and the machine a compiler."""
    return instructions() is not None and cpp_compiler() is not None


@cache
def load() -> ctypes.CDLL:
    """Return the kernel, built in two seconds where it has not been yet; it stays in the cache.

    Raises:
        DeviceError: The CPU or the compiler cannot do it.
    """
    chosen = instructions()
    if chosen is None:
        raise DeviceError(
            "int8 was asked for, and this CPU has no AVX2; leave the precision at auto"
        )
    compiler = cpp_compiler()
    if compiler is None:
        raise DeviceError(
            "int8 was asked for, and there is no C++ compiler; install g++ or clang++, or leave "
            "the precision at auto"
        )
    try:
        built = _built(compiler, (*_FLAGS, *_FLAGS_OF[chosen]))
    except DeviceError:  # an old compiler does not know new instructions
        if chosen == "avx2":
            raise
        built = _built(compiler, (*_FLAGS, *_FLAGS_OF["avx2"]))
    library = ctypes.CDLL(str(built))
    for function, given in ((library.pack, Matrix), (library.run, Call)):
        function.argtypes = [POINTER(given)]
        function.restype = None
    return library


def _built(compiler: str, flags: tuple[str, ...]) -> Path:
    """Return the kernel that this user has built; it is built anew if any other file is there.

    What is in the cache is run, so the folder and the file must be the user's own, and the file
    what its digest says. Where there is no such folder, the kernel lives as long as the process.
    """
    sources = _SOURCE.read_bytes() + _INCLUDED.read_bytes()
    key = hashlib.sha256(sources + " ".join((compiler, *flags)).encode())
    folder = cache_folder() / "kernels"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (is_private(folder) and os.access(folder, os.W_OK)):
            raise PermissionError
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="mmbench-kernels-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    built = folder / f"int8-{key.hexdigest()[:16]}.so"
    digest = built.with_suffix(".sha256")
    if not (is_private(built) and is_private(digest) and digest.read_bytes() == _digest(built)):
        with replacing(built) as fresh, replacing(digest) as recorded:
            _build((compiler, *flags, str(_SOURCE), "-o", str(fresh)))
            fresh.chmod(0o600)
            recorded.write_bytes(_digest(fresh))
    return built


def _digest(file: Path) -> bytes:
    content = read_limited(file, _MAX_KERNEL_BYTES, DeviceError)
    return hashlib.sha256(content).hexdigest().encode()


def _build(command: tuple[str, ...]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        first = next(iter(done.stderr.strip().splitlines()), "no message")
        raise DeviceError(f"{command[0]} could not build the int8 kernel: {first}")


def cpp_compiler() -> str | None:
    """Return the machine's C++ compiler, if there is one."""
    return shutil.which("g++") or shutil.which("clang++")
