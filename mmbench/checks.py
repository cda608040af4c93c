"""Arguments that cannot be right, told in one sentence before anything is done."""

from pathlib import Path

from mmbench.errors import UsageError


def at_least(least: float, **arguments: float | None) -> None:
    """Raise `UsageError` for the first argument below `least`, or NaN; `None` is not given."""
    for name, value in arguments.items():
        if value is not None and not value >= least:
            raise UsageError(f"{name} is {value}, expected {least} or more")


def between(least: float, most: float, **arguments: float | None) -> None:
    """Raise `UsageError` for the first argument outside of `[least, most]`, or NaN."""
    for name, value in arguments.items():
        if value is not None and not least <= value <= most:
            raise UsageError(f"{name} is {value}, expected {least} to {most}")


def writable_file(file: Path, suffixes: tuple[str, ...]) -> None:
    """Raise `UsageError` if a file has another ending, or there is no folder for it."""
    if file.suffix not in suffixes:
        endings = " or ".join(suffixes)
        raise UsageError(f"cannot write {file.name!r}; the name must end in {endings}")
    if not file.parent.is_dir():
        raise UsageError(f"cannot write {file}: there is no folder {file.parent}")
    if file.is_dir():
        raise UsageError(f"cannot write {file}: it is a folder")
