"""Which known task a new one is most like: its observations are likeliest to be scaled alike."""

from collections.abc import Sequence

from mmbench import task


def most_alike(new: str, known: Sequence[str]) -> int:
    """Return the index of the known task that is most like a new one.

    A task of the same domain comes first, then one with about as many entries in its observation.

    Args:
        new: Task id.
        known: Task ids.
    """
    wanted = task(new)

    def likeness(index: int) -> tuple[bool, int]:
        spec = task(known[index])
        return spec.domain.name == wanted.domain.name, -abs(spec.obs_dim - wanted.obs_dim)

    return max(range(len(known)), key=likeness)
