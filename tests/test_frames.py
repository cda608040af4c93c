"""How results leave the library: as frames of pandas."""

from pathlib import Path

import mmbench
from mmbench.demos.stats import stats_frame, task_stats
from mmbench.evaluation.result import FRAME_COLUMNS

TASKS = ("pygame-pong", "pygame-landing")


def test_a_result_is_a_frame_with_a_row_per_episode(tmp_path: Path) -> None:
    made = mmbench.evaluate("random", tasks=TASKS, episodes=2, out=tmp_path / "r", workers=0)
    frame = mmbench.load_result(tmp_path / "r").to_frame()
    assert tuple(frame.columns) == FRAME_COLUMNS
    assert len(frame) == 4
    means = frame.groupby("task")["score"].mean()
    assert means.to_dict() == {task: made.scores[task].mean() for task in TASKS}
    assert frame["seed"].tolist() == [episode.seed for episode in made.episodes]
    assert set(frame["domain"]) == {"miniarcade"}


def test_statistics_of_demonstrations_are_a_frame_with_a_row_per_task() -> None:
    stats = task_stats(Path(mmbench.demos.SHIPPED) / "walker-stand.parquet")
    frame = stats_frame(stats)
    assert frame["task"].tolist() == ["walker-stand"]
    assert frame["episodes"].tolist() == [10]
    assert frame["mean_score"].tolist() == [stats[0].mean_score]
