"""`--config FILE`: options of a command from a JSON or TOML file."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmbench.dependencies import needed_for
from mmbench.errors import UsageError

FLAG = "--config"


def with_settings(arguments: Sequence[str]) -> list[str]:
    """Return arguments with the options of files in the place of every `--config FILE`.

    What stands on the command line counts, then the later file. `FILE:NAME` adds a table of the
    file, an experiment, to the options outside tables.

    Raises:
        UsageError: If a file cannot be read, or holds what is no option.
    """
    arguments = [word for a in arguments for word in _split(a)]
    rest: list[str] = []
    settings: dict[str, Any] = {}
    words = iter(arguments)
    for word in words:
        if word != FLAG:
            rest.append(word)
            continue
        file = next(words, None)
        if file is None:
            raise UsageError(f"{FLAG} needs a file, .json or .toml")
        settings |= _read(file)
    given = {_positive(word) for word in rest if word.startswith("--")}
    options = [
        word
        for name, value in settings.items()
        if _positive(f"--{name}") not in given
        for word in _as_words(name, value)
    ]
    # Behind words that are no options, which an option with several values would swallow.
    at = next((i for i, word in enumerate(rest) if word.startswith("-")), len(rest))
    return [*rest[:at], *options, *rest[at:]]


def _split(argument: str) -> list[str]:
    """Return `--config=FILE` as two words."""
    return argument.split("=", 1) if argument.startswith(f"{FLAG}=") else [argument]


def _positive(flag: str) -> str:
    """Return the name of an option, of `--no-x` that of `--x`."""
    name = flag.partition("=")[0].replace("_", "-").removeprefix("--")
    return name.removeprefix("no-")


def _as_words(name: str, value: Any) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag.removeprefix('--')}"]
    if isinstance(value, list):
        return [flag, *map(str, value)]
    return [flag, str(value)]


def _read(given: str) -> dict[str, Any]:
    """Return the options of a file, and of one of its tables if that is named behind a colon."""
    name, table = given, ""
    if not Path(given).exists() and ":" in given:
        name, _, table = given.rpartition(":")
    found = _parsed(Path(name))
    options = {key: value for key, value in found.items() if not isinstance(value, Mapping)}
    tables = {key: value for key, value in found.items() if isinstance(value, Mapping)}
    if table:
        if table not in tables:
            there = ", ".join(tables) or "none"
            raise UsageError(f"{name} has no experiment {table!r}; there are {there}")
        options |= tables[table]
    for key, value in options.items():
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, str | int | float) for part in parts):
            raise UsageError(
                f"{name}: {key} is no value of an option; expected text, a number, true, false, "
                "or a list of these"
            )
    return options


def _parsed(file: Path) -> dict[str, Any]:
    if file.suffix not in (".json", ".toml"):
        raise UsageError(f"{file} is no settings file; expected .json or .toml")
    if not file.is_file():
        raise UsageError(f"there is no settings file {file}")
    try:
        text = file.read_text(encoding="utf-8")
        found: Any = json.loads(text) if file.suffix == ".json" else _toml(text)
    except (ValueError, RecursionError) as error:  # of UTF-8, JSON and TOML alike
        raise UsageError(f"{file} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{file} holds a {type(found).__name__}, expected options by their names")
    return found


def _toml(text: str) -> Any:
    if sys.version_info >= (3, 11):
        import tomllib

        return tomllib.loads(text)
    with needed_for("reading TOML with Python 3.10", "training"):
        import tomli

    return tomli.loads(text)
