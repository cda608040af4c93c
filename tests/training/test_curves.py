"""Learning curves: what is drawn of several seeds."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmbench.errors import RunError
from mmbench.training.curves import _scores_of_seeds, draw_learning_curves, read_evaluations


def written(file: Path, rows: list[tuple[int, str, float]]) -> Path:
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("env_steps", "task", "score", "return"))
        writer.writerows((step, task, score, 10 * score) for step, task, score in rows)
    return file


def test_seeds_are_compared_where_all_were_evaluated(tmp_path: Path) -> None:
    one = written(
        tmp_path / "1",
        [(100, "a", 0.0), (100, "b", 0.5), (200, "a", 0.5), (200, "b", 1.0), (300, "a", 1.0)],
    )
    other = written(
        tmp_path / "2", [(100, "a", 0.5), (100, "b", 0.5), (200, "a", 1.0), (200, "b", 1.0)]
    )
    seeds = [read_evaluations(one), read_evaluations(other)]
    steps, scores = _scores_of_seeds(seeds, ["a", "b"])
    assert steps == [100, 200]
    np.testing.assert_array_equal(scores, [[0.25, 0.75], [0.5, 1.0]])
    assert _scores_of_seeds(seeds[:1], ["a"])[0] == [100, 200, 300]
    assert _scores_of_seeds(seeds, ["c"])[0] == []
    elsewhere = read_evaluations(written(tmp_path / "3", [(50, "c", 0.1)]))
    steps, scores = _scores_of_seeds([*seeds, elsewhere], ["b"])  # a run of another task is no seed
    assert steps == [100, 200]
    np.testing.assert_array_equal(scores, [[0.5, 1.0], [0.5, 1.0]])


def test_the_band_of_seeds_is_drawn(tmp_path: Path) -> None:
    low = written(tmp_path / "low", [(0, "a", 0.0), (100, "a", 0.0)])
    high = written(tmp_path / "high", [(0, "a", 1.0), (100, "a", 1.0)])
    pictures = []
    for name, runs in (("one", [low]), ("two", [low, high])):
        draw_learning_curves({"agent": runs}, tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as picture:
            pictures.append(np.asarray(picture.convert("RGB")))
    band = np.array([210, 227, 240])  # a fifth of the first colour on white
    for picture, is_drawn in zip(pictures, (False, True), strict=True):
        share = (np.abs(picture.astype(int) - band).max(-1) <= 4).mean()
        assert (share > 0.2) == is_drawn


def test_nothing_to_draw_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run has been evaluated"):
        draw_learning_curves({"": [written(tmp_path / "1", [])]}, tmp_path / "x.png")
