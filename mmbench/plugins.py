"""What other packages add to mmbench: agents, commands and more, found as entry points."""

import difflib
import importlib.metadata
import sys
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
        _tell_of_a_clash(point, kind, error)
        package = point.dist.name if point.dist else "mmbench"
        extra = f"[{','.join(point.extras)}]" if point.extras else ""
        raise DependencyError(
            f"{kind} {point.name!r} needs a package that cannot be imported "
            f"({str(error).partition(chr(10))[0]}); install it with: pip install '{package}{extra}'"
        ) from error
    except AttributeError as error:
        raise UsageError(f"{kind} {point.name!r} cannot be loaded: {error}") from error


def _tell_of_a_clash(point: importlib.metadata.EntryPoint, kind: str, error: ImportError) -> None:
    """Raise `UsageError` if another package of the same name stands before the plugin's own."""
    root = point.module.partition(".")[0]
    if (error.name or "").partition(".")[0] != root or root not in sys.modules:
        return
    places = list(getattr(sys.modules[root], "__path__", [sys.modules[root].__file__]))
    raise UsageError(
        f"{kind} {point.name!r} lies in the package {root!r}, which another one of that name hides "
        f"({places[0]}); remove that, or install mmbench in an environment of its own"
    ) from error


def clashes(distribution: str = "mmbench") -> list[str]:
    """Return a sentence per top-level package of a distribution that others bring as well.

    Such packages lie in one folder, and whichever is installed last overwrites files.
    """
    owners = importlib.metadata.packages_distributions()
    return [
        f"the package {root!r} is also in {', '.join(sorted(set(names) - {distribution}))}; "
        f"uninstall that, then reinstall {distribution}"
        for root, names in sorted(owners.items())
        if distribution in names and set(names) != {distribution}
    ]


def near_match(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return `did you mean 'x'?` for the name most like `name`, or `otherwise`."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise
