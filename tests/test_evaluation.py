"""The evaluation protocol: every episode once, whatever happens on the way."""

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mmbench
from mmbench.episodes import read_all, replay
from mmbench.errors import AgentError, ResultError, UnknownAgentError, UsageError
from mmbench.evaluation import load_result, manifest
from mmbench.evaluation.ranking import pool_seeds
from mmbench.evaluation.report import (
    improvement_table,
    report_as_json,
    summary_table,
    task_table,
)
from mmbench.evaluation.result import load_results
from mmbench.evaluation.runner import _plan_slots, evaluate
from mmbench.tables import render
from mmbench.vector import MultitaskVectorEnv
from tests import agents_for_tests

TASKS = ("pygame-landing", "pygame-pong", "pygame-point-maze-var1")


def expected_keys(tasks: tuple[str, ...], episodes: int) -> Counter[tuple[str, int]]:
    return Counter(
        (task, mmbench.evaluation_seed(task, index)) for task in tasks for index in range(episodes)
    )


def keys(directory: Path) -> Counter[tuple[str, int]]:
    return Counter(record.key for record in read_all(directory))


@pytest.mark.parametrize("workers", [0, 2])
def test_every_episode_is_played_once_and_replays(tmp_path: Path, workers: int) -> None:
    result = evaluate("random", tasks=TASKS, episodes=4, out=tmp_path / "r", workers=workers)
    assert keys(tmp_path / "r") == expected_keys(TASKS, 4)
    assert result.is_complete
    assert result.manifest.finished is not None
    assert result.manifest.simulators == {"miniarcade": "mmbench 0.1.0"}
    for record in result.episodes:
        assert replay(record).record is record
        assert record.length == mmbench.task(record.task_id).max_episode_steps
    assert {name: len(scores) for name, scores in result.scores.items()} == dict.fromkeys(TASKS, 4)


def test_the_same_agent_and_seed_play_the_same(tmp_path: Path) -> None:
    first = evaluate("random", tasks=TASKS, episodes=2, out=tmp_path / "a", workers=0, seed=5)
    second = evaluate("random", tasks=TASKS, episodes=2, out=tmp_path / "b", workers=2, seed=5)
    other = evaluate("random", tasks=TASKS, episodes=2, out=tmp_path / "c", workers=0, seed=6)
    by_key = {r.key: r for r in second.episodes}
    for record in first.episodes:
        np.testing.assert_array_equal(record.actions, by_key[record.key].actions)
        np.testing.assert_array_equal(record.rewards, by_key[record.key].rewards)
    assert any(
        not np.array_equal(record.actions, by_key[record.key].actions) for record in other.episodes
    )


def test_a_resumed_evaluation_plays_what_an_uninterrupted_one_plays(tmp_path: Path) -> None:
    whole = evaluate("random", tasks=TASKS, episodes=4, out=tmp_path / "a", workers=0)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (shard,) = (tmp_path / "b" / "episodes").glob("*.parquet")
    mmbench.episodes.write(whole.episodes[1::3], shard)
    resumed = evaluate("random", tasks=TASKS, episodes=4, out=tmp_path / "b", workers=0)
    by_key = {record.key: record for record in resumed.episodes}
    for record in whole.episodes:
        np.testing.assert_array_equal(record.actions, by_key[record.key].actions)


def test_a_factory_can_be_given_and_named(tmp_path: Path) -> None:
    given = evaluate(agents_for_tests.half, tasks=TASKS, episodes=1, out=tmp_path / "a", workers=0)
    named = evaluate(
        "tests.agents_for_tests:half", tasks=TASKS, episodes=1, out=tmp_path / "b", workers=0
    )
    assert given.manifest.agent == named.manifest.agent == "tests.agents_for_tests:half"
    assert (given.episodes[0].actions == 0.5).all()
    picked = evaluate(
        "tests.agents_for_tests:picky",
        tasks=TASKS[:1],
        episodes=1,
        out=tmp_path / "c",
        workers=0,
        options={"level": 3},
    )
    assert picked.manifest.agent_options == {"level": 3}


def test_per_task_policies_are_accepted_through_the_adapter(tmp_path: Path) -> None:
    def make(tasks: tuple[str, ...], **options: Any) -> mmbench.PolicyAgent:
        return mmbench.PolicyAgent(
            [mmbench.task(task) for task in tasks],
            lambda task: lambda obs: np.full(task.action_dim, obs[0], np.float32),
        )

    result = evaluate(make, tasks=TASKS[:1], episodes=1, out=tmp_path / "r", workers=0)
    trajectory = replay(result.episodes[0])
    np.testing.assert_array_equal(result.episodes[0].actions[:, 0], trajectory.observations[:-1, 0])


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        ("wrong_shape", r"answered with shape \(\d+, 3\), expected \(\d+, 16\)"),
        ("words", "answered with a str, expected float32 actions"),
        ("picky", "cannot be built: .*level"),
    ],
)
def test_a_bad_agent_is_told_so(tmp_path: Path, agent: str, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        evaluate(
            f"tests.agents_for_tests:{agent}",
            tasks=TASKS,
            episodes=1,
            out=tmp_path / "r",
            workers=0,
        )


def test_what_a_failing_agent_finished_is_kept(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="answered with nan in entry 0 of its action for"):
        evaluate(
            "tests.agents_for_tests:late_nan",
            tasks=TASKS,
            episodes=1,
            out=tmp_path / "r",
            workers=0,
        )
    kept = {record.task_id for record in load_result(tmp_path / "r").episodes}
    assert kept == {"pygame-landing", "pygame-point-maze-var1"}


def test_a_result_is_only_continued_by_the_same_evaluation(tmp_path: Path) -> None:
    out = tmp_path / "r"
    evaluate("zero", tasks=TASKS, episodes=1, out=out, workers=0)
    evaluate("zero", tasks=TASKS, episodes=1, out=out, workers=0)
    assert keys(out) == expected_keys(TASKS, 1)
    with pytest.raises(ResultError, match="holds a result with agent 'zero', not 'random'"):
        evaluate("random", tasks=TASKS, episodes=1, out=out, workers=0)
    with pytest.raises(ResultError, match="holds a result with seed 0, not 1"):
        evaluate("zero", tasks=TASKS, episodes=1, out=out, workers=0, seed=1)
    with pytest.raises(ResultError, match="1 episodes of 3 tasks, the command asks for 2 of 3"):
        evaluate("zero", tasks=TASKS, episodes=2, out=out, workers=0)
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["simulators"]["miniarcade"] = "mmbench 0.0.1"
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ResultError, match="was played with mmbench 0.1.0, the manifest says"):
        load_result(out)
    with pytest.raises(ResultError, match="mmbench 0.0.1; mmbench 0.1.0"):
        evaluate("zero", tasks=TASKS, episodes=1, out=out, workers=0)


def test_impossible_plans_are_refused(tmp_path: Path) -> None:
    for arguments, message in (
        ({"suite": "quick", "tasks": TASKS}, "not both"),
        ({}, "no task was given"),
        ({"tasks": ()}, "no task was given"),
        ({"tasks": TASKS, "episodes": 0}, "episodes is 0"),
        ({"tasks": (*TASKS, TASKS[0])}, "named twice"),
    ):
        with pytest.raises(UsageError, match=message):
            evaluate("zero", out=tmp_path / "r", workers=0, **arguments)
    with pytest.raises(UnknownAgentError, match="unknown agent 'nobody'; there are"):
        evaluate("nobody", tasks=TASKS, out=tmp_path / "r", workers=0)
    with pytest.raises(UnknownAgentError, match="has no factory 'nothing'"):
        evaluate("tests.agents_for_tests:nothing", tasks=TASKS, out=tmp_path / "r", workers=0)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(ResultError, match="exists and is not a result directory"):
        evaluate("zero", tasks=TASKS, out=tmp_path / "full", workers=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"surprise": 1}, "surprise: Extra inputs are not permitted"),
        ({"num_episodes": "many"}, "num_episodes: Input should be a valid integer"),
        ({"schema_version": 2}, "has schema version 2, and this mmbench reads version 1"),
        ({"tasks": []}, "tasks: List should have at least 1 item"),
    ],
)
def test_foreign_manifests_are_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    out = tmp_path / "r"
    evaluate("zero", tasks=TASKS[:1], episodes=1, out=out, workers=0)
    manifest = {**json.loads((out / "manifest.json").read_text()), **change}
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ResultError, match=message):
        load_result(out)


def test_slots_follow_the_length_of_the_work() -> None:
    left = {"ms-pick-cube": [1] * 10, "atari-pong": [1] * 10, "pygame-pong": [1] * 4}
    slots = Counter(_plan_slots(left))
    # 10 x 1000 steps against 4 x 500 and 10 x 25, in at most 16 slots that finish together.
    assert slots["atari-pong"] == 10
    assert slots["pygame-pong"] == 2
    assert slots["ms-pick-cube"] == 1


def test_tables_and_plots(tmp_path: Path) -> None:
    evaluate("zero", tasks=TASKS, episodes=2, out=tmp_path / "zero", workers=0)
    evaluate("random", tasks=TASKS, episodes=2, out=tmp_path / "random", workers=0)
    results = load_results([tmp_path / "zero", tmp_path / "random"])
    numbers = report_as_json(results)
    assert [r["name"] for r in numbers] == ["zero", "random"]
    for result, row in zip(results, numbers, strict=True):
        by_hand = np.mean([np.mean(scores) for scores in result.scores.values()])
        assert row["score"] == pytest.approx(by_hand)
        assert row["score_interval"][0] <= row["score"] <= row["score_interval"][1]
    csv = render(task_table(results), "csv").splitlines()
    assert csv[0] == "task,zero,random"
    assert [line.split(",")[0] for line in csv[1:]] == list(TASKS)
    assert render(summary_table(results), "markdown").startswith("| rank | agent | mean |")
    assert r"95 \% interval" in render(summary_table(results), "latex")
    assert render(improvement_table(results), "csv").startswith("P(better),zero,random\nzero,,")
    ranks = [row["rank"] for row in numbers]
    assert sorted(ranks) == [1, 2]
    best = numbers[ranks.index(1)]["name"]
    assert summary_table(results).rows[0][:2] == ("1", best)
    assert numbers[ranks.index(1)]["score"] > numbers[ranks.index(2)]["score"]
    for one, other in (("zero", "random"), ("random", "zero")):
        row = next(row for row in numbers if row["name"] == one)
        value, low, high = row["improvement"][other]
        assert 0 <= low <= value <= high <= 1
    twice = load_results([tmp_path / "zero", tmp_path / "zero"])
    assert [r.name for r in twice] == [str(tmp_path / "zero")] * 2


def test_runs_with_several_seeds_are_one_agent(tmp_path: Path) -> None:
    tasks = ("pygame-landing", "og-point-arena")
    for seed in (0, 1):
        evaluate("random", tasks=tasks, episodes=2, seed=seed, out=tmp_path / str(seed), workers=0)
    evaluate("zero", tasks=tasks, episodes=2, out=tmp_path / "zero", workers=0)
    evaluate("zero", tasks=tasks[:1], episodes=2, out=tmp_path / "less", workers=0)
    results = load_results([tmp_path / "0", tmp_path / "zero", tmp_path / "1"])
    pooled, zero = pool_seeds(results)
    assert pooled.name == "random"
    assert zero is results[1]
    assert (pooled.completeness, pooled.is_complete) == ("4 + 4", True)
    for task in tasks:
        means = [np.mean(results[run].scores[task]) for run in (0, 2)]
        np.testing.assert_array_equal(pooled.scores[task], means)
    rows = {row[1]: row for row in summary_table([pooled, zero]).rows}
    assert rows["random"][-3:] == ("2", "4 + 4", "official")
    with pytest.raises(ResultError, match="zero are not of the same tasks"):
        pool_seeds(load_results([tmp_path / "zero", tmp_path / "less"]))


def test_results_of_other_tasks_are_not_ranked(tmp_path: Path) -> None:
    for name, tasks in (("zero", TASKS), ("random", TASKS[:2])):
        evaluate(name, tasks=tasks, episodes=1, out=tmp_path / name, workers=0)
    results = load_results([tmp_path / "zero", tmp_path / "random"])
    assert [row["rank"] for row in report_as_json(results)] == [1, None]
    assert [row[:2] for row in summary_table(results).rows] == [
        ("1", "zero"),
        ("other tasks", "random"),
    ]


def test_results_of_different_simulators_do_not_share_a_table(tmp_path: Path) -> None:
    for name in ("a", "b"):
        evaluate("zero", tasks=TASKS[:1], episodes=1, out=tmp_path / name, workers=0)
    other = load_result(tmp_path / "b")
    episodes = tmp_path / "b" / "episodes"
    old = [dataclasses.replace(r, simulator_version="mmbench 0.0.1") for r in other.episodes]
    for shard in episodes.glob("*.parquet"):
        shard.unlink()
    mmbench.episodes.write(old, episodes / "part-000000.parquet")
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    manifest["simulators"]["miniarcade"] = "mmbench 0.0.1"
    (tmp_path / "b" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ResultError, match="used different simulators for miniarcade"):
        load_results([tmp_path / "a", tmp_path / "b"])


def test_workers_killed_at_random_lose_and_repeat_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 evaluation episodes while a worker dies every second or so."""
    tasks = (*TASKS, "pygame-highway", "pygame-cowboy")
    running: list[MultitaskVectorEnv] = []
    start = MultitaskVectorEnv.reset

    def remember(self: MultitaskVectorEnv, **options: Any) -> Any:
        running.append(self)
        return start(self, **options)

    monkeypatch.setattr(MultitaskVectorEnv, "reset", remember)
    kills = 0
    is_over = threading.Event()

    def chaos() -> None:
        nonlocal kills
        rng = random.Random(0)
        while not is_over.wait(rng.uniform(0.2, 0.6)):
            if running and kills < 12:
                try:
                    os.kill(rng.choice(running[0].worker_pids), signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
            time.sleep(0.5)

    thread = threading.Thread(target=chaos)
    thread.start()
    try:
        result = evaluate("random", tasks=tasks, episodes=40, out=tmp_path / "r", workers=2)
    finally:
        is_over.set()
        thread.join()
    assert kills >= 3
    assert keys(tmp_path / "r") == expected_keys(tasks, 40)
    assert len(result.episodes) == 200
    for record in result.episodes[::20]:
        replay(record)


def test_the_commit_of_a_foreign_repository_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment often lies inside of its user's own repository."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    installed = tmp_path / "venv" / "site-packages" / "mmbench" / "evaluation" / "manifest.py"
    installed.parent.mkdir(parents=True)
    author = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    commit = ("commit", "--quiet", "--allow-empty", "--message", "theirs")
    subprocess.run(["git", *author, *commit], cwd=tmp_path, check=True)
    monkeypatch.setattr(manifest, "__file__", str(installed))
    assert manifest._git_state() == (None, None)
