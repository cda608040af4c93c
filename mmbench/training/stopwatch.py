"""Where the time of a training run goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from mmbench.tables import Table

Part = Literal["acting", "learning", "sampling", "waiting", "evaluating"]


class Stopwatch:
    """Adds up the seconds of a run's parts, in the process that acts and learns.

    Environments step beside it, so that is no part: `waiting` is what of it nothing covers.

    Attributes:
        seconds: Of each part so far.
        stepping_s: Seconds that the slowest worker has stepped its environments.
    """

    def __init__(self) -> None:
        self.seconds: dict[Part, float] = dict.fromkeys(get_args(Part), 0.0)
        self.stepping_s = 0.0
        self._began = time.perf_counter()

    @contextmanager
    def part(self, name: Part) -> Iterator[None]:
        """Count the time of a block to a part."""
        began = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - began

    def table(self) -> Table:
        """Return the seconds and the share of each part, and what the slowest would take alone.

        Acting, learning with its sampling, and stepping are compared; evaluations are left out.
        """
        total_s = time.perf_counter() - self._began
        rest_s = total_s - sum(self.seconds.values())
        parts: list[tuple[str, float]] = [*self.seconds.items(), ("rest", rest_s), ("all", total_s)]
        learning_s = self.seconds["learning"] + self.seconds["sampling"]
        slowest_s = max(self.seconds["acting"], learning_s, self.stepping_s)
        training_s = total_s - self.seconds["evaluating"]
        rows = [(name, s, s / total_s) for name, s in parts]
        rows.append(("environments, beside it", self.stepping_s, self.stepping_s / total_s))
        rows.append(("slowest of three, of all but evaluating", slowest_s, slowest_s / training_s))
        return Table(
            ("part", "seconds", "share"),
            tuple((name, f"{s:.1f}", f"{share:.0%}") for name, s, share in rows),
        )
