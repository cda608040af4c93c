"""How far a long job is: what every function that takes a while reports."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias


class Progress(NamedTuple):
    """One report.

    Attributes:
        phase: What is being done, e.g. `building environments`. Counts begin anew with each phase.
        done: How much of it is done; the phase says of what.
        total: How much there is; `None` while that is not known.
        note: The latest news, e.g. `episode 3 of 20`; may be empty.
    """

    phase: str
    done: int
    total: int | None = None
    note: str = ""


OnProgress: TypeAlias = Callable[[Progress], None]
"""Is called now and then with how far a job is."""


def ignore_progress(progress: Progress) -> None:
    """Do nothing: the default of functions that report."""
