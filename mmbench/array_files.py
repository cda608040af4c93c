"""Arrays that `numpy.savez` has saved: read as data only, within limits."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.errors import MMBenchError


def load_arrays(
    path: Path, error_class: type[MMBenchError], *, max_bytes: int
) -> dict[str, NDArray[Any]]:
    """Return the arrays of an `.npz` file.

    Args:
        path: The file.
        error_class: Raised if it is missing, no regular file, damaged, unpacks to more than
            `max_bytes`, or holds anything but numbers and text. Nothing in it is executed.
        max_bytes: Most bytes, unpacked.
    """
    if path.is_symlink() or not path.is_file():
        raise error_class(f"{path} is not a regular file")
    try:
        with zipfile.ZipFile(path) as packed:
            num_bytes = sum(entry.file_size for entry in packed.infolist())
        if num_bytes <= max_bytes:
            with np.load(path, allow_pickle=False) as opened:
                return dict(opened)
    except Exception as error:  # a header is parsed as Python, which raises what it likes
        raise error_class(f"{path} cannot be read: it is damaged") from error
    raise error_class(f"{path} would unpack to {num_bytes} bytes; at most {max_bytes} are read")
