"""Tensors that others have saved with `torch.save`: read as data only."""

import zipfile
from pathlib import Path
from typing import Any

from mmbench.dependencies import needed_for
from mmbench.errors import MMBenchError

MAX_BYTES = 2**32
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

    if not path.is_file():
        raise error_class(f"{path} is not a file")
    try:
        with zipfile.ZipFile(path) as archive:
            num_bytes = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError) as error:
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
