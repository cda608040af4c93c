"""What other packages add to mmbench: agents, commands and more, found as entry points."""

import difflib
import importlib.metadata
from collections.abc import Iterable
from typing import Any

from mmbench.errors import DependencyError, UsageError


def plugins(group: str) -> dict[str, importlib.metadata.EntryPoint]:
    """Return the entry points of a group by their names; nothing is imported."""
    return {point.name: point for point in importlib.metadata.entry_points(group=group)}


def load_plugin(point: importlib.metadata.EntryPoint, kind: str) -> Any:
    """Import what an entry point stands for.

    Args:
        point: The entry point. An extra behind its target, as in `module:name [extra]`, says what
            it needs to be installed.
        kind: What the sentence calls it, e.g. `agent`.

    Raises:
        DependencyError: If a package that it needs cannot be imported.
        UsageError: If its module has no such name.
    """
    try:
        return point.load()
    except ImportError as error:
        if isinstance(error, DependencyError):
            raise
        package = point.dist.name if point.dist else "mmbench"
        extra = f"[{','.join(point.extras)}]" if point.extras else ""
        raise DependencyError(
            f"{kind} {point.name!r} needs a package that cannot be imported "
            f"({str(error).partition(chr(10))[0]}); install it with: pip install '{package}{extra}'"
        ) from error
    except AttributeError as error:
        raise UsageError(f"{kind} {point.name!r} cannot be loaded: {error}") from error


def near_match(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return `did you mean 'x'?` for the name most like `name`, or `otherwise`."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise
