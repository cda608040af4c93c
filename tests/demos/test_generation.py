"""Making demonstrations: what is kept, what resumes, and who plays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import mmbench
from mmbench.demos.dataset import is_good
from mmbench.demos.expert import build_expert, expert_for
from mmbench.demos.generation import generate
from mmbench.demos.objectives import OBJECTIVES
from mmbench.demos.plans import CLASSIC, DEFAULT_PLAN, PLANS, SCRIPTS
from mmbench.episodes import read_all, record_episode, replay
from mmbench.errors import DemonstrationError, UnknownTaskError, UsageError
from mmbench.progress import Progress
from mmbench.seeding import demonstration_seed, evaluation_seed, training_seed

PONG = "pygame-pong"
MAZE = "pygame-point-maze-var1"


def test_seeds_of_demonstrations_are_nobody_elses() -> None:
    assert demonstration_seed(PONG, 0) != demonstration_seed(PONG, 1)
    assert evaluation_seed(PONG, 0) < 2**32 <= training_seed(PONG, 0, 0) < 2**49
    assert 2**49 <= demonstration_seed(PONG, 0) < 2**50


def test_every_task_has_an_expert() -> None:
    for spec in mmbench.tasks():
        is_searched = spec.domain.name == "atari"
        expected = "scripted" if spec.id in SCRIPTS else "search" if is_searched else "plan"
        assert expert_for(spec, "auto") == expected
    # Besides those, plans start from what a gait has shown.
    shown = {"cheetah-run-back", "cheetah-run-front", "fish-swim", "mujoco-hopper"}
    assert set(SCRIPTS) & set(PLANS) == shown
    with pytest.raises(DemonstrationError, match="walker-run has no scripted expert"):
        expert_for(mmbench.task("walker-run"), "scripted")
    with pytest.raises(DemonstrationError, match="walker-run cannot be searched"):
        expert_for(mmbench.task("walker-run"), "search")


def test_the_tables_of_experts_agree() -> None:
    from mmbench.demos.scripted import classic, gaits

    assert set(classic.CONTROLLERS) == set(CLASSIC.values())
    numbers = gaits.all_numbers()
    assert set(numbers) == {t for t, m in SCRIPTS.items() if m == gaits.__name__}
    assert {t: len(row) for t, row in numbers.items()} == {
        t: gait.num_numbers for t, gait in gaits.GAITS.items()
    }
    objectives = (settings.objective for settings in (*PLANS.values(), *gaits.GAITS.values()))
    assert set(objectives) == set(OBJECTIVES)


def test_good_episodes_are_kept_and_replay_equal(tmp_path: Path) -> None:
    seen: list[Progress] = []
    generate([MAZE], out=tmp_path, episodes=3, workers=1, on_progress=seen.append)
    records = read_all(tmp_path)
    assert len(records) == 3
    assert all(record.success and record.agent == "scripted" for record in records)
    assert {record.seed for record in records} == {demonstration_seed(MAZE, i) for i in range(3)}
    assert [(progress.done, progress.total) for progress in seen] == [(n, 3) for n in range(4)]
    assert seen[-1].note == f"{MAZE} scored 1.00, kept"
    replay(records[0])


def test_bad_episodes_are_set_aside_and_attempts_end(tmp_path: Path) -> None:
    generate(
        [PONG], out=tmp_path, episodes=2, expert="zero", max_attempts=3, min_score=0.9, workers=1
    )
    assert read_all(tmp_path / "episodes") == []
    rejected = read_all(tmp_path / "rejected")
    assert len(rejected) == 3
    assert not any(is_good(record, 0.9) for record in rejected)
    assert {record.agent for record in rejected} == {"zero"}


def test_what_is_there_is_not_played_again(tmp_path: Path) -> None:
    generate([MAZE], out=tmp_path, episodes=2, workers=1)
    before = {record.seed: record.created for record in read_all(tmp_path)}
    generate([MAZE], out=tmp_path, episodes=4, workers=1)
    after = {record.seed: record.created for record in read_all(tmp_path)}
    assert len(after) == 4
    assert before.items() <= after.items()


def test_kill_loses_no_finished_episode(tmp_path: Path) -> None:
    code = "import sys; from mmbench.cli.main import main; sys.exit(main())"
    command = [
        *(sys.executable, "-c", code, "demos", "generate", "--tasks", MAZE),
        *("--episodes", "500", "--workers", "1", "--out", str(tmp_path / "d")),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    episodes = tmp_path / "d" / "episodes"
    deadline = time.monotonic() + 60
    while len(list(episodes.glob("part-*.parquet"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = {record.seed for record in read_all(episodes)}
    assert len(finished) >= 5
    generate([MAZE], out=tmp_path / "d", episodes=len(finished) + 2, workers=1)
    assert finished < {record.seed for record in read_all(episodes)}


def test_an_agent_can_be_the_expert(tmp_path: Path) -> None:
    generate([PONG], out=tmp_path, episodes=1, expert="random", min_score=0.0, workers=1)
    (record,) = read_all(tmp_path)
    assert record.agent == "random"
    assert np.abs(record.actions).max() > 0.9


def test_wrong_use_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownTaskError):
        generate(["pong"], out=tmp_path)
    with pytest.raises(UsageError, match="episodes is 0, expected 1 or more"):
        generate([PONG], out=tmp_path, episodes=0)
    with pytest.raises(UsageError, match="named twice"):
        generate([PONG, PONG], out=tmp_path)
    with pytest.raises(DemonstrationError, match="has no scripted expert"):
        generate(["walker-run"], out=tmp_path, expert="scripted")


def test_planning_looks_ahead_without_touching_the_episode() -> None:
    env = mmbench.make("pygame-landing")
    env.reset(seed=4)
    act = build_expert(env, "plan", budget=0.5)
    before = env.last_state.copy()
    for _ in range(3):
        act(env)
    np.testing.assert_array_equal(env.last_state, before)
    assert env.env_steps == 0


def test_a_plan_is_a_function_of_the_seed() -> None:
    actions = []
    for _ in range(2):
        env = mmbench.make("pygame-landing")
        env.reset(seed=4)
        act = build_expert(env, "plan", budget=0.5)
        played = []
        for _ in range(10):
            played.append(act(env))
            env.step(played[-1])
        actions.append(np.stack(played))
    np.testing.assert_array_equal(*actions)


def test_planning_beats_doing_nothing() -> None:
    returns = {}
    for expert in ("plan", "zero"):
        env = mmbench.make("pygame-chase-evade")
        env.reset(seed=1)
        act = build_expert(env, expert)
        for _ in range(100):
            _, _, _, _, info = env.step(act(env))
        returns[expert] = info["return"]
    assert returns["plan"] > returns["zero"] + 5


def test_a_remembered_episode_is_tried_again() -> None:
    """In the states of a good episode, planning with it in memory does at least as well."""
    task = "pygame-landing"
    env = mmbench.make(task)

    def played(memory: list[mmbench.episodes.Trajectory]) -> float:
        env.reset(seed=11)
        act = build_expert(env, "plan", budget=0.2, memory=memory)
        record = record_episode(env, act, agent="plan")
        memory.append(replay(record))
        return record.episode_return

    memory: list[mmbench.episodes.Trajectory] = []
    first = played(memory)
    assert played(memory) >= first - 1.0


def test_budget_scales_the_samples() -> None:
    assert DEFAULT_PLAN.scaled(2.0).num_samples == 2 * DEFAULT_PLAN.num_samples
    assert DEFAULT_PLAN.scaled(0.01).num_samples == 4
