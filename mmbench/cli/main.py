"""`mmbench COMMAND`: finds the command among the entry points and runs it."""

import importlib.metadata
import logging
import sys
from collections.abc import Sequence
from typing import Protocol

import tyro

from mmbench.errors import MMBenchError

ENTRY_POINT_GROUP = "mmbench.commands"
USAGE = 2


class Command(Protocol):
    """A dataclass whose fields are the flags."""

    def run(self) -> int:
        """Do it and return the exit code."""
        ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `mmbench` with the given arguments and return the exit code.

    0: done; 1: ran and failed; 2: wrong use, told in one sentence on stderr.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("mmbench")
    log.addHandler(handler)
    log.propagate = False  # simulators configure the root logger, which would say it again
    points = {
        point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
    }
    name, rest = _split(arguments, points)
    if name is None:
        return _show_commands(arguments, points)
    try:
        command: Command = tyro.cli(
            points[name].load(),
            args=rest,
            prog=f"mmbench {name}",
            config=(tyro.conf.OmitArgPrefixes,),
        )
        return command.run()
    except MMBenchError as error:
        print(f"mmbench: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:  # `mmbench tasks | head`
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        print("mmbench: interrupted; what was finished is kept", file=sys.stderr)
        return 130


def _split(
    arguments: list[str], points: dict[str, importlib.metadata.EntryPoint]
) -> tuple[str | None, list[str]]:
    """Find the longest command name that the arguments begin with."""
    for length in (2, 1):
        name = " ".join(arguments[:length])
        if len(arguments) >= length and name in points:
            return name, arguments[length:]
    return None, arguments


def _show_commands(arguments: list[str], points: dict[str, importlib.metadata.EntryPoint]) -> int:
    wants_help = not arguments or arguments[0] in ("-h", "--help")
    group = "" if wants_help else f"{arguments[0]} "
    names = sorted(name for name in points if name.startswith(group))
    if not names:
        print(f"mmbench: unknown command {arguments[0]!r}; see mmbench --help", file=sys.stderr)
        return USAGE
    is_help = bool(arguments) and arguments[-1] in ("-h", "--help")
    stream = sys.stdout if is_help else sys.stderr
    print(f"usage: mmbench {group}COMMAND [--help]\n\ncommands:", file=stream)
    for name in names:
        summary = (points[name].load().__doc__ or "").strip().splitlines()[0]
        print(f"  {name:<20} {summary}", file=stream)
    return 0 if is_help else USAGE
