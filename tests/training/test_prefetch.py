"""Batches drawn ahead are those that would be drawn without."""

import threading

import numpy as np
import pytest

from mmbench.training.prefetch import drawn_ahead


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_what_is_drawn_ahead_is_what_would_be_drawn_and_no_more(count: int) -> None:
    ahead, alone = (np.random.default_rng(3) for _ in range(2))
    drawn = list(drawn_ahead(ahead.random, count))
    assert drawn == [alone.random() for _ in range(count)]
    assert ahead.random() == alone.random()


def test_the_next_is_drawn_while_the_last_is_in_use() -> None:
    num_drawn = 0
    second = threading.Event()

    def draw() -> int:
        nonlocal num_drawn
        num_drawn += 1
        if num_drawn == 2:
            second.set()
        return num_drawn

    batches = drawn_ahead(draw, 2)
    assert next(batches) == 1
    assert second.wait(timeout=60)
    assert list(batches) == [2]


def test_an_error_while_drawing_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(drawn_ahead(lambda: 1 / 0, 2))
