"""Which versions of what an episode was played with."""

import importlib.metadata

from mmbench.spec import Domain


def installed_version(distribution: str) -> str | None:
    """Return the installed version of a distribution, or `None`."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def simulator_version(domain: Domain) -> str:
    """Return the versions that decide a domain's episodes, e.g. `mujoco 3.3.6; ogbench 1.2.2`."""
    return "; ".join(f"{name} {installed_version(name) or 'missing'}" for name in domain.packages)
