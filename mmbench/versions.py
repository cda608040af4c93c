"""When, and with which versions of what, an episode was played."""

import datetime
import importlib.metadata
from functools import cache

from mmbench.spec import Domain


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
    return "; ".join(f"{name} {installed_version(name) or 'missing'}" for name in domain.packages)
