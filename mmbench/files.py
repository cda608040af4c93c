"""Files that are there whole or not at all, locks, limits, and the folder of caches."""

import fcntl
import json
import os
import platform
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmbench.errors import MMBenchError, RunError

LOCK = ".lock"
"""Name of the lock of a folder."""
_MAX_LOCK_BYTES = 4096
_OWNER_TRIES, _OWNER_WAIT_S = 20, 0.05
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


def is_private(path: Path) -> bool:
    """Whether a file or folder, no link, is the user's own and nobody else can write to it."""
    try:
        found = path.lstat()
    except OSError:
        return False
    is_own = found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode)
    return is_own and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder, which is made if need be.

    The lock ends with the process, however that ends; the file that stays behind locks nothing.

    Raises:
        RunError: If another process is in it; the sentence says which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(
        folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644
    )
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{folder} is in use by {_owner(descriptor)}; wait for it, or choose another --out"
            ) from None
        owner = {"pid": os.getpid(), "host": platform.node(), "command": " ".join(sys.argv[:3])}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode()[:_MAX_LOCK_BYTES], 0)
        yield
    finally:
        os.close(descriptor)


def _owner(descriptor: int) -> str:
    """Return who wrote into a lock, as far as that can be read."""
    # Who has just taken it may not have written yet.
    for _ in range(_OWNER_TRIES):
        if content := os.pread(descriptor, _MAX_LOCK_BYTES, 0):
            break
        time.sleep(_OWNER_WAIT_S)
    try:
        owner = json.loads(content)
        return f"process {int(owner['pid'])} on {str(owner['host'])[:80]!a}"
    except (ValueError, KeyError, TypeError):
        return "another process"


def read_limited(path: Path, max_bytes: int, error: type[MMBenchError]) -> bytes:
    """Return the content of a file from outside: no link, pipe or device, and no more than a limit.

    Raises:
        error: If it is none such.
        OSError: If it cannot be read.
    """
    # O_NONBLOCK: opening a pipe would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise error(f"{path} is not a regular file")
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise error(f"{path} is larger than {max_bytes} bytes")
    return content
