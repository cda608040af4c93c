"""Whether demonstrations can be learned from is measured, task by task."""

from pathlib import Path

import pytest

from mmbench.demos.learnability import learnability, learnability_table
from mmbench.errors import RunError, UsageError

TASKS = ("og-point-arena", "pendulum-spin")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("learnability")
    learnability(TASKS, out=out, updates=300, episodes=1, workers=0)
    return out


def test_clones_of_good_demonstrations_play_well(folder: Path) -> None:
    results = learnability(TASKS, out=folder, updates=300, episodes=1, workers=0)
    assert [result.task for result in results] == list(TASKS)
    assert all(result.has_labels and result.demo_score > 0.7 for result in results)
    assert sum(result.clone_score for result in results) > 1.0  # random play: below 0.2


def test_finished_tasks_are_not_repeated(folder: Path) -> None:
    files = {task: (folder / f"{task}.json").stat().st_mtime_ns for task in TASKS}
    results = learnability(TASKS, out=folder, updates=300, episodes=1, workers=0)
    assert {task: (folder / f"{task}.json").stat().st_mtime_ns for task in TASKS} == files
    table = learnability_table(results)
    assert [row[0] for row in table.rows] == [*TASKS, "2 tasks"]


def test_other_settings_are_another_run(folder: Path) -> None:
    with pytest.raises(RunError, match="holds a run with other settings"):
        learnability(TASKS, out=folder, updates=400, episodes=1, workers=0)


def test_impossible_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="updates is 0, expected 1 or more"):
        learnability(TASKS, out=tmp_path, updates=0)
