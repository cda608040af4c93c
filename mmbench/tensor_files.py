"""Tensors that others have saved with `torch.save`: read as data only."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbench.dependencies import needed_for
from mmbench.errors import MMBenchError

if TYPE_CHECKING:
    from torch import Tensor

MAX_BYTES = 2**30
"""Largest file that is read, unpacked."""


class _TensorDict:
    """Stands in for tensordict's class while a file is read."""

    contents: Any = None

    def __setstate__(self, state: Any) -> None:
        self.contents = state["_tensordict"]


def _contents(kind: type, state: Any) -> Any:
    """Stand in for the function that builds a tensordict of its state."""
    return state["_tensordict"]


def load_tensors(path: Path, error_class: type[MMBenchError]) -> Any:
    """Return what a `.pt` file holds: tensors in plain containers, a tensordict as its contents.

    Args:
        path: The file.
        error_class: Raised if the file is damaged, unpacks to more than `MAX_BYTES`, or holds
            anything but tensors. Nothing in it is executed.
    """
    with needed_for("reading .pt files", "training"):
        import torch

    if path.is_symlink() or not path.is_file():
        raise error_class(f"{path} is not a file")
    try:
        with zipfile.ZipFile(path) as archive:
            num_bytes = sum(entry.file_size for entry in archive.infolist())
    except Exception as error:  # zipfile lets through what a damaged file leads to
        raise error_class(f"{path} is not a .pt file of torch 1.6 or newer") from error
    if num_bytes > MAX_BYTES:
        raise error_class(f"{path} would unpack to {num_bytes} bytes; at most {MAX_BYTES} are read")
    try:
        # A tensordict is read as what it holds; its own code stays out of it.
        with torch.serialization.safe_globals(
            [
                (_TensorDict, "tensordict._td.TensorDict"),
                (_contents, "tensordict._reductions._make_td"),
            ]
        ):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        return loaded.contents if isinstance(loaded, _TensorDict) else loaded
    except Exception as error:  # what a hostile file makes torch raise is not listed anywhere
        raise error_class(
            f"{path} is refused: it is damaged or holds more than tensors ({type(error).__name__})"
        ) from error


def plain_tensor(value: Any, name: str, path: Path, error_class: type[MMBenchError]) -> "Tensor":
    """Return a tensor of a file if it is numbers in memory of its own, and nothing special.

    Args:
        value: What the file holds.
        name: What it is called in the error.
        path: The file, for the error.
        error_class: Raised for anything else: gradients are dropped, all other kinds refused.
    """
    import torch

    if not isinstance(value, torch.Tensor):
        raise error_class(f"{path}: {name} is a {type(value).__name__}, expected a tensor")
    is_plain = value.layout == torch.strided and value.device.type == "cpu"
    if not is_plain or value.is_quantized or value.is_complex() or value.dtype == torch.bool:
        raise error_class(f"{path}: {name} has dtype {value.dtype}, expected numbers")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise error_class(f"{path}: {name} claims more numbers than the file holds")
    return value.detach().resolve_neg()
