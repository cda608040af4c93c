"""When, and with which versions of what, an episode was played."""

import datetime
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mmbench.spec import Domain, PinnedCode


def utc_now() -> str:
    """Return the time as ISO 8601 with seconds."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def installed_version(distribution: str) -> str | None:
    """Return the installed version of a distribution, or `None`."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


@cache
def simulator_version(domain: Domain) -> str:
    """Return the versions that decide a domain's episodes, e.g. `mujoco 3.3.6; ogbench 1.2.2`."""
    pinned = {code.package: code for code in domain.code}
    return "; ".join(f"{name} {_version(name, pinned.get(name))}" for name in domain.packages)


def _version(package: str, code: PinnedCode | None) -> str:
    """Return the installed version, or the older one whose files are still the same."""
    installed = installed_version(package)
    if installed is None:
        return "missing"
    return code.version if code is not None and _is_unchanged(code) else installed


def _is_unchanged(code: PinnedCode) -> bool:
    return code_hash(code.package, code.files) == code.sha256


def code_hash(package: str, files: Sequence[str]) -> str | None:
    """Return SHA-256 over the contents of files of an installed package, or `None` without them."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return None
    digest = hashlib.sha256()
    for name in files:
        try:
            digest.update((Path(found.origin).parent / name).read_bytes())
        except OSError:
            return None
    return digest.hexdigest()
