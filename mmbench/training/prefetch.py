"""Batches that are drawn while the learner is at work on the one before."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


def drawn_ahead(draw: Callable[[], _T], count: int) -> Iterator[_T]:
    """Yield what `count` calls of `draw` return, in their order; a thread is one call ahead.

    Nothing is drawn that is not yielded, so generators of random numbers are afterwards where they
    would be without the thread.

    Args:
        draw: Called by one thread at a time; what it reads must not change in between.
        count: Number of calls.
    """
    if count == 1:
        yield draw()
        return
    with ThreadPoolExecutor(1) as thread:
        coming = [thread.submit(draw)] if count else []
        for number in range(1, count + 1):
            drawn = coming.pop().result()
            if number < count:
                coming.append(thread.submit(draw))
            yield drawn
