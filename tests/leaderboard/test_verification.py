"""Replay finds what was not earned, fresh seeds who has not played."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaderboard.submission import SubmissionError
from leaderboard.verification import compare, probability_missed, reproduce, verify
from mmbench.demos.expert import SCRIPTED, build_expert
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord, record_episode, write
from mmbench.errors import MMBenchError
from mmbench.seeding import evaluation_seed
from tests.leaderboard.conftest import TASKS, opened, packed, with_rows


def test_replay_answers_for_every_episode(submission: Path) -> None:
    found = verify(submission, workers=0)
    assert found.count("equal") == len(found.verdicts) == 30
    assert not found.problems
    assert len(verify(submission, episodes=4, seed=1, workers=0).verdicts) == 4


def test_the_probability_to_miss_is_that_of_drawing_around() -> None:
    assert probability_missed(1, 20, 100) == pytest.approx(0.8)
    # 2 of 5 drawn, 2 forged: both among the 3 others, C(3,2)/C(5,2).
    assert probability_missed(2, 2, 5) == pytest.approx(3 / 10)
    assert probability_missed(1, 100, 100) == 0


def change_reward(rows: list[dict[str, Any]]) -> None:
    row = rows[3]
    row["rewards"][-1] = float(np.nextafter(np.float32(row["rewards"][-1]), np.float32(9)))
    row["return"] = float(np.sum(np.float32(row["rewards"]), dtype=np.float64))


def flip_action(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["task"] == TASKS[2]:
            row["actions"][0] *= -1


def claim_success(rows: list[dict[str, Any]]) -> None:
    rows[0]["success"] = True


@pytest.mark.parametrize("forge", [change_reward, flip_action, claim_success])
def test_replay_of_all_finds_one_forged_number(
    submission: Path, tmp_path: Path, forge: Callable[[list[dict[str, Any]]], None]
) -> None:
    forged = packed(with_rows(opened(submission), forge), tmp_path / "forged.zip")
    try:
        found = verify(forged, workers=0)
    except SubmissionError:
        return  # refused before it was replayed
    assert found.problems


def test_an_agent_is_reproduced_by_itself(submission: Path) -> None:
    found = reproduce(submission, agent="random", fresh_seeds=4, salt="test", workers=1)
    assert found.is_reproduced
    assert found.p_value > 0.01


def test_an_experts_episodes_are_not_those_of_the_random_agent(
    submission: Path, tmp_path: Path
) -> None:
    """Every reward is true, so replay finds nothing; fresh seeds do."""
    forged: list[EpisodeRecord] = []
    for task in TASKS:
        env = TaskEnv(task)
        for index in range(10):
            env.reset(seed=evaluation_seed(task, index))
            record = record_episode(env, build_expert(env, SCRIPTED), agent="random")
            forged.append(record)
        env.close()
    write(forged, tmp_path / "log")
    files = {**opened(submission), "episodes.parquet": (tmp_path / "log").read_bytes()}
    file = packed(files, tmp_path / "planned.zip")
    assert not verify(file, workers=0).problems
    found = reproduce(file, agent="random", fresh_seeds=4, salt="test", workers=1)
    assert found.claimed > 0.8 > 0.4 > found.fresh
    assert not found.is_reproduced


def test_reproduction_refuses_what_it_cannot_play(submission: Path) -> None:
    with pytest.raises(SubmissionError, match="has no episodes of walker-run"):
        reproduce(submission, agent="random", tasks=("walker-run",))
    with pytest.raises(MMBenchError):
        reproduce(submission, agent="no-such-agent", workers=1)


def test_the_test_keeps_its_level_and_finds_what_it_says() -> None:
    rng = np.random.default_rng(0)

    def scores(shift: float, number: int) -> dict[str, np.ndarray]:
        return {f"task-{i}": np.clip(rng.normal(0.5 + shift, 0.1, number), 0, 1) for i in range(20)}

    alike = [compare(scores(0, 10), scores(0, 3)) for _ in range(40)]
    assert sum(not found.is_reproduced for found in alike) <= 3
    detectable = float(np.mean([found.detectable for found in alike]))
    # 3.417 standard errors: 0.1 x sqrt(1/10 + 1/3) / sqrt(20) = 0.01472, times 3.417 = 0.0503.
    assert detectable == pytest.approx(0.0503, rel=0.1)
    other = [compare(scores(detectable, 10), scores(0, 3)) for _ in range(40)]
    assert sum(not found.is_reproduced for found in other) >= 26
