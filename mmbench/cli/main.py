"""`mmbench COMMAND`: finds the command among the entry points and runs it."""

import ast
import contextlib
import errno
import importlib.metadata
import importlib.util
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from types import FrameType
from typing import Protocol

from mmbench.cli.settings import with_settings
from mmbench.errors import MMBenchError
from mmbench.escape import printable
from mmbench.plugins import load_plugin, near_match, plugins

ENTRY_POINT_GROUP = "mmbench.commands"
TRAINERS = "mmbench.trainers"
"""Commands of `mmbench train`."""
DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
_HELP = ("-h", "--help", "help")
_VERSION = ("-V", "--version", "version")
_NO_FAULT_OF_THE_CALLER = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.ENOMEM, errno.EMFILE)


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
    points = commands()
    if arguments and arguments[0] in _VERSION:
        print(f"mmbench {importlib.metadata.version('mmbench')}")
        return DONE
    name, rest = _split(arguments, points)
    if name is None:
        return _show_commands(arguments, points)
    try:
        with _logging_to_stderr(), _told_to_end():
            return _run(name, rest, points[name])
    except MMBenchError as error:
        print(f"mmbench: {printable(str(error))}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:  # `mmbench tasks | head`
        # What Python would still flush at its exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if error.strerror is None:
            raise  # no answer of the operating system
        place = f"{error.filename}: " if error.filename is not None else ""
        print(f"mmbench: {printable(place)}{error.strerror}", file=sys.stderr)
        return FAILED if error.errno in _NO_FAULT_OF_THE_CALLER else USAGE
    except _TerminatedError as ended:
        print("mmbench: terminated; what was finished is kept", file=sys.stderr)
        return 128 + ended.signal_number
    except KeyboardInterrupt:
        print("mmbench: interrupted; what was finished is kept", file=sys.stderr)
        return INTERRUPTED


def commands() -> dict[str, EntryPoint]:
    """Return the commands by their names; trainers are commands as well."""
    trainers = {f"train {name}": point for name, point in plugins(TRAINERS).items()}
    return plugins(ENTRY_POINT_GROUP) | trainers


def _run(name: str, arguments: Sequence[str], point: EntryPoint) -> int:
    import tyro  # the list of commands does without it

    arguments = with_settings(arguments)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            command: Command = tyro.cli(
                load_plugin(point, "command"),
                args=arguments,
                prog=f"mmbench {name}",
                config=(tyro.conf.OmitArgPrefixes,),
            )
    except SystemExit as ended:
        error = _own_error(ended)
        if error is not None:
            raise error from None
        sys.stderr.write(complaint.getvalue())
        raise
    return command.run()


def _own_error(error: BaseException | None) -> MMBenchError | None:
    """Return the error of a field's own check, around which tyro has drawn a frame."""
    while error is not None and not isinstance(error, MMBenchError):
        error = error.__cause__ or error.__context__
    return error


class _TerminatedError(KeyboardInterrupt):
    """A signal that ends a command as Ctrl-C does."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.signal_number = signal_number


@contextlib.contextmanager
def _told_to_end() -> Iterator[None]:
    """Let signals unwind the command, so that workers and shared memory go with it.

    These are SIGTERM and SIGHUP, of a terminal that is closed, unless `nohup` ignores that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise _TerminatedError(number)

    ending = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in ending}
    for number in ending:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number in ending:
            signal.signal(number, before[number])


@contextlib.contextmanager
def _logging_to_stderr() -> Iterator[None]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("mmbench")
    log.addHandler(handler)
    log.propagate = False  # simulators configure the root logger, which would say it again
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = True


def _split(arguments: list[str], points: Mapping[str, EntryPoint]) -> tuple[str | None, list[str]]:
    """Find the longest command name that the arguments begin with."""
    for length in (2, 1):
        name = " ".join(arguments[:length])
        if len(arguments) >= length and name in points:
            return name, arguments[length:]
    return None, arguments


def _show_commands(arguments: Sequence[str], points: Mapping[str, EntryPoint]) -> int:
    """List all commands, or those of a group; say so if there is no such command."""
    wants_help = not arguments or any(argument in _HELP for argument in arguments)
    words = [argument for argument in arguments if argument not in _HELP]
    group = f"{words[0]} " if words else ""
    names = sorted(name for name in points if name.startswith(group))
    if not names or len(words) > 1:
        name = " ".join(words[:2] if names else words[:1])
        hint = near_match(name, [*points, *(p.split()[0] for p in points)], "see mmbench --help")
        print(f"mmbench: unknown command {name!r}; {hint}", file=sys.stderr)
        return USAGE
    stream = sys.stdout if wants_help and arguments else sys.stderr
    print(f"usage: mmbench {group}COMMAND [--config FILE] [--help]\n\ncommands:", file=stream)
    width = max(map(len, names)) + 2
    for name in names:
        print(f"  {name:<{width}}{_summary(points[name])}", file=stream)
    return DONE if stream is sys.stdout else USAGE


def _summary(point: EntryPoint) -> str:
    """Return the first line of a command's docstring, read from its source: nothing is imported.

    So the list is quick, and a command whose packages are missing does not break it.
    """
    package, *parts = point.module.split(".")
    try:
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            return "(not installed)"
        path = Path(found.origin).parent.joinpath(*parts)
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        file = file if parts else Path(found.origin)
        body = ast.parse(file.read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, ValueError) as error:
        return f"(cannot be read: {error})".replace("\n", " ")
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name == point.attr:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
