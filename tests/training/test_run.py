"""A snapshot that does not fit a run is told in one sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmbench.errors import RunError
from mmbench.training.run import count_of, restoring, save_snapshot

Numbers = dict[str, Any]
RESTORES: dict[str, tuple[Callable[[Numbers], object], str]] = {
    "a name that is missing": (lambda numbers: numbers["tokens"], r"\(KeyError: 'tokens'\)"),
    "a generator that is none": (
        lambda numbers: torch.Generator().set_state(torch.ones(3)),
        r"\(TypeError: RNG state must be a torch.ByteTensor\)",
    ),
    "weights of another shape": (
        lambda numbers: torch.nn.Linear(2, 2).load_state_dict({"weight": torch.ones(3, 3)}),
        r"\(RuntimeError: Error\(s\) in loading state_dict",
    ),
    "a count that is text": (lambda numbers: count_of(numbers, "text"), "text is '3', expected"),
    "a negative count": (lambda numbers: count_of(numbers, "less"), "less is -5, expected"),
    "half a count": (lambda numbers: count_of(numbers, "half"), "half is 0.5, expected"),
    "truth as a count": (lambda numbers: count_of(numbers, "truth"), "truth is True, expected"),
    "no count": (lambda numbers: count_of(numbers, "missing"), "missing is None, expected"),
}


@pytest.mark.parametrize("name", RESTORES)
def test_a_snapshot_that_does_not_fit_is_told(tmp_path: Path, name: str) -> None:
    restore, reason = RESTORES[name]
    numbers = {"text": "3", "less": -5, "half": 0.5, "truth": True}
    save_snapshot(tmp_path, {"weight": torch.ones(8)}, numbers)
    with pytest.raises(RunError, match=reason) as told, restoring(tmp_path, "cpu") as (_, found):
        restore(found)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 400


def test_a_snapshot_that_fits_is_given(tmp_path: Path) -> None:
    save_snapshot(tmp_path, {"weight": torch.ones(8)}, {"updates": 3})
    with restoring(tmp_path, "cpu") as (tensors, numbers):
        assert tensors["weight"].tolist() == [1.0] * 8
        assert count_of(numbers, "updates") == 3
