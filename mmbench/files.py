"""Files that are there whole or not at all, and the folder of those that can be made again."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CACHE_VARIABLE = "MMBENCH_CACHE"


def cache_folder() -> Path:
    """Return `$MMBENCH_CACHE`, else `~/.cache/mmbench`."""
    return Path(os.environ.get(_CACHE_VARIABLE) or Path.home() / ".cache" / "mmbench")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` to write to; it becomes `path` if nothing is raised."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
