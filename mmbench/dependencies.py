"""Packages that only a part of mmbench needs: their absence is one sentence."""

import contextlib
from collections.abc import Iterator

from gymnasium.error import DependencyNotInstalled

from mmbench.errors import DependencyError


@contextlib.contextmanager
def needed_for(
    purpose: str,
    extra: str,
    kind: type[DependencyError] = DependencyError,
    distribution: str = "mmbench",
) -> Iterator[None]:
    """Turn a failing import into a `DependencyError` that names the command which installs it.

    Args:
        purpose: What the block is for; the sentence begins with it, e.g. `drawing plots`.
        extra: The extra that holds what is missing.
        kind: The error to raise.
        distribution: Whose extra it is.
    """
    try:
        yield
    except (ImportError, DependencyNotInstalled) as error:
        if isinstance(error, DependencyError):
            raise  # it says already what to install
        reason = str(error).partition("\n")[0] if isinstance(error, ImportError) else "missing"
        raise kind(
            f"{purpose} needs a package that cannot be imported ({reason}); "
            f"install it with: pip install '{distribution}[{extra}]'"
        ) from error
