"""Forged results are found out, honest ones are not."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mmbench
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord, is_robust, read_all, record_episode, replay, verify
from mmbench.episodes.store import SCHEMA
from mmbench.episodes.verification import ROUNDING, judge
from mmbench.errors import ResultError, RunError
from mmbench.evaluation import load_result, verify_result
from mmbench.files import locked
from mmbench.platform_class import platform_class
from mmbench.simulator import FloatArray

MMBENCH = (sys.executable, "-c", "import sys; from mmbench.cli.main import main; sys.exit(main())")
TASKS = ("pendulum-swingup", "pygame-pong", "pygame-cartpole-balance")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("honest") / "result"
    mmbench.evaluate("random", tasks=TASKS, episodes=2, out=out, workers=0)
    return out


Row = dict[str, Any]


def forged(honest: Path, out: Path, change: Callable[[list[Row], Row], None]) -> Path:
    """Copy a result, with its rows and its manifest changed."""
    rows = pq.read_table(next((honest / "episodes").glob("*.parquet"))).to_pylist()
    manifest = json.loads((honest / "manifest.json").read_text())
    change(rows, manifest)
    (out / "episodes").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), out / "episodes" / "part-0.parquet")
    (out / "manifest.json").write_text(json.dumps(manifest))
    return out


def test_an_honest_result_is_equal(honest: Path) -> None:
    found = verify_result(honest, workers=0)
    assert (found.is_complete, found.count("equal"), found.problems) == (True, 6, ())


def test_nobody_foresees_which_episodes_are_replayed(honest: Path) -> None:
    """And who knows the seed that was printed can replay the same ones."""
    drawn = []
    for _ in range(2):
        done = subprocess.run(
            [*MMBENCH, "verify", str(honest), "--episodes", "1", "--workers", "0"],
            capture_output=True,
            text=True,
            check=True,
        )
        drawn.append(re.fullmatch(r"--seed (\d+) draws .+", done.stdout.splitlines()[-1]))
    seeds = [int(match[1]) for match in drawn if match]
    assert len(set(seeds)) == 2
    again = [verify_result(honest, episodes=2, seed=seeds[0], workers=0) for _ in range(2)]
    assert again[0].verdicts == again[1].verdicts
    assert again[0].seed == seeds[0]
    assert verify_result(honest, workers=0).seed is None


def test_what_a_result_says_does_nothing_to_the_terminal(honest: Path, tmp_path: Path) -> None:
    """The names of unknown fields come from outside."""

    def name_a_field(rows: list[Row], manifest: Row) -> None:
        manifest["\x1b[2J"] = 1

    done = subprocess.run(
        [*MMBENCH, "verify", str(forged(honest, tmp_path / "f", name_a_field)), "--workers", "0"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "\\x1b[2J" in done.stdout


def cut(rows: list[Row], manifest: Row) -> None:
    row = rows[0]
    width = len(row["actions"]) // len(row["rewards"])
    row["actions"], row["rewards"] = row["actions"][: 50 * width], row["rewards"][:50]
    row["length"] = 50


def swap_seeds(rows: list[Row], manifest: Row) -> None:
    of_task = [row for row in rows if row["task"] == "pygame-cartpole-balance"]
    of_task[0]["seed"], of_task[1]["seed"] = of_task[1]["seed"], of_task[0]["seed"]


def one_reward(change: Callable[[np.float32], np.float32]) -> Callable[[list[Row], Row], None]:
    def forge(rows: list[Row], manifest: Row) -> None:
        row = next(row for row in rows if row["task"] == "pygame-cartpole-balance")
        row["rewards"][3] = float(change(np.float32(row["rewards"][3])))

    return forge


def first(**values: Any) -> Callable[[list[Row], Row], None]:
    return lambda rows, manifest: rows[0].update(values)


def every(**values: Any) -> Callable[[list[Row], Row], None]:
    return lambda rows, manifest: [row.update(values) for row in rows] and None


def in_manifest(**values: Any) -> Callable[[list[Row], Row], None]:
    return lambda rows, manifest: manifest.update(values)


def versions_in_both(rows: list[Row], manifest: Row) -> None:
    every(simulator_version="x 1")(rows, manifest)
    manifest["simulators"] = dict.fromkeys(manifest["simulators"], "x 1")


FORGERIES: dict[str, tuple[Callable[[list[Row], Row], None], str]] = {
    "cut at its best step": (cut, "episode has 50 steps, the task has"),
    "a reward of one more": (one_reward(lambda r: r + np.float32(1)), "the rewards add up to"),
    "the next float as a reward": (
        one_reward(lambda r: np.nextafter(r, np.float32(np.inf))),
        "reward 3 is",
    ),
    "seed + 1": (lambda rows, m: rows[0].update(seed=rows[0]["seed"] + 1), "is not an episode of"),
    "seeds swapped": (swap_seeds, "pygame-cartpole-balance"),
    "score 1": (first(score=1.0), "the task's rule makes it"),
    "all scores 1": (every(score=1.0), "the task's rule makes it"),
    "return + 100": (
        lambda rows, m: rows[0].update({"return": rows[0]["return"] + 100}),
        "the rewards add up to",
    ),
    "success": (first(success=True), "success is False in the replay"),
    "an episode dropped": (lambda rows, m: rows.pop() and None, "is incomplete: 5 of 6"),
    "num_episodes lower": (in_manifest(num_episodes=1), "is not an episode of this evaluation"),
    "num_episodes higher": (in_manifest(num_episodes=10), "is incomplete: 6 of 30"),
    "num_episodes huge": (in_manifest(num_episodes=10**12), "less than or equal to 1000"),
    "another suite": (in_manifest(suite="quick"), "are not the 10 of suite 'quick'"),
    "no such suite": (in_manifest(suite="no-such-suite"), "no-such-suite"),
    "a task dropped": (in_manifest(tasks=list(TASKS[:2])), "gives simulators for|not an episode"),
    "a task twice": (in_manifest(tasks=[*TASKS, TASKS[0]]), "names a task twice"),
    "another task's name": (first(task="pendulum-spin"), "is not an episode of|pendulum-spin"),
    "task version": (first(task_version=2), "task version is 2, expected 1"),
    "the episode's agent": (first(agent="newt"), "was played by 'newt'"),
    "the manifest's agent": (in_manifest(agent="newt"), "the manifest says 'newt'"),
    "simulator version": (first(simulator_version="x 1"), "was played with x 1"),
    "versions in both": (versions_in_both, "recorded with simulator 'x 1'"),
    "unknown simulator": (first(simulator="nonsense"), "simulator is 'nonsense'"),
    "assets": (every(assets="stand-in"), "recorded with assets 'stand-in'"),
    "simulators missing": (in_manifest(simulators={}), "gives simulators for"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_found(honest: Path, tmp_path: Path, name: str) -> None:
    change, reason = FORGERIES[name]
    found = verify_result(forged(honest, tmp_path / "forged", change), workers=0)
    assert found.problems
    assert any(part in " ".join(found.problems) for part in reason.split("|")), found.problems


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forgery_passes_as_played_elsewhere(honest: Path, tmp_path: Path, name: str) -> None:
    def change(rows: list[Row], manifest: Row) -> None:
        for row in rows:
            row["platform"] = "another class"
        FORGERIES[name][0](rows, manifest)

    found = verify_result(forged(honest, tmp_path / "forged", change), workers=0)
    assert found.problems
    assert found.count("consistent") == 0


def test_tables_say_that_a_result_is_incomplete(honest: Path, tmp_path: Path) -> None:
    result = load_result(forged(honest, tmp_path / "f", lambda rows, m: rows.pop() and None))
    assert result.completeness == "5 of 6"
    report = subprocess.run(
        [*MMBENCH, "report", str(tmp_path / "f")],
        capture_output=True,
        text=True,
    )
    assert "5 of 6" in report.stdout


def with_rewards(record: EpisodeRecord, rewards: FloatArray, **more: Any) -> EpisodeRecord:
    """Return what another class, or a forger, would have written: whole, with other rewards."""
    total = float(rewards.sum(dtype=np.float64))
    success = more.get("success", record.success)
    return dataclasses.replace(
        record,
        rewards=rewards,
        episode_return=total,
        score=mmbench.task(record.task_id).score.score(total, success),
        platform="another class",
        **more,
    )


def test_rounding_on_another_class_is_consistent(honest: Path) -> None:
    record = next(r for r in read_all(honest) if r.task_id == "pygame-cartpole-balance")
    replayed = replay(record)
    noise = np.arange(record.length, dtype=np.float32)
    elsewhere = with_rewards(record, record.rewards - np.float32(1e-7) * noise)
    assert judge(elsewhere, replayed, ()).answer == "consistent"
    here = dataclasses.replace(elsewhere, platform=platform_class())
    assert judge(here, replayed, ()).answer == "different"
    elsewhere = with_rewards(record, record.rewards - np.float32(1e-2) * noise)
    assert judge(elsewhere, replayed, ()).answer == "different"


def test_a_return_may_differ_by_what_a_record_loses_of_rewards(honest: Path) -> None:
    """Environments add up rewards of 64 bits, of which a record keeps 32."""
    record = next(r for r in read_all(honest) if r.task_id == "pygame-cartpole-balance")
    replayed = replay(record)
    total = record.episode_return * (1 + 1e-14)
    score = mmbench.task(record.task_id).score.score(total, record.success)
    rounded = dataclasses.replace(record, episode_return=total, score=score, platform="another")
    assert judge(rounded, replayed, ()).answer == "consistent"
    here = dataclasses.replace(rounded, platform=platform_class())
    assert judge(here, replayed, ()).answer == "different"
    won = dataclasses.replace(record, success=True, platform="another")
    assert judge(won, replayed, ()).answer == "different"


CHAOTIC = "mujoco-halfcheetah"
"""A task in which rounding leads far."""


@pytest.fixture(scope="module")
def drifting() -> tuple[EpisodeRecord, EpisodeRecord]:
    """Return an episode of a chaotic task, and what rounding made of it elsewhere."""
    env = TaskEnv(CHAOTIC)
    env.reset(seed=1)
    rng = np.random.default_rng(1)
    width = env.task.action_dim
    record = record_episode(
        env, lambda env: rng.uniform(-1, 1, width).astype(np.float32), agent="random"
    )
    rounded = np.clip(record.actions * np.float32(1 - 1e-6), -1, 1)
    elsewhere = replay(dataclasses.replace(record, actions=rounded), env=env, is_strict=False)
    env.close()
    return record, with_rewards(record, elsewhere.rewards)


def test_an_honest_episode_may_drift_apart_on_another_class(
    drifting: tuple[EpisodeRecord, EpisodeRecord],
) -> None:
    here, elsewhere = drifting
    apart = np.abs(here.rewards - elsewhere.rewards)
    assert apart.max() > 100 * ROUNDING * np.abs(here.rewards).max()
    assert verify([elsewhere], workers=0)[0].answer == "consistent"


def test_a_robust_episode_ends_the_same_after_rounding(
    honest: Path, drifting: tuple[EpisodeRecord, EpisodeRecord]
) -> None:
    record = next(r for r in read_all(honest) if r.task_id == "pygame-cartpole-balance")
    env = TaskEnv(record.task_id)
    assert is_robust(record, env)
    won = dataclasses.replace(record, success=True)  # which nudged replays do not
    assert not is_robust(won, env)
    env.close()
    env = TaskEnv(CHAOTIC)
    far = drifting[0].rewards + np.float32(1)  # as if all that followed had depended on one bit
    assert not is_robust(with_rewards(drifting[0], far), env)
    env.close()


def one_more_after_rounding(rewards: FloatArray) -> FloatArray:
    forged = rewards * np.float32(1 + 1e-6)
    forged[10] += np.abs(rewards).max()
    return forged


def ten_percent_more_after_rounding(rewards: FloatArray) -> FloatArray:
    forged = rewards * np.float32(1 + 1e-6)
    forged[5:] += np.float32(0.1) * np.abs(forged[5:])
    return forged


def the_best_again_and_again(rewards: FloatArray) -> FloatArray:
    forged = rewards * np.float32(1 + 1e-6)
    forged[5:] = rewards.max()
    return forged


@pytest.mark.parametrize(
    "forge", [one_more_after_rounding, ten_percent_more_after_rounding, the_best_again_and_again]
)
@pytest.mark.parametrize("task", ["pygame-cartpole-balance", CHAOTIC])
def test_no_forger_can_say_that_rounding_did_it(
    honest: Path,
    drifting: tuple[EpisodeRecord, EpisodeRecord],
    task: str,
    forge: Callable[[FloatArray], FloatArray],
) -> None:
    """The first difference is rounding, and what follows is not."""
    record = next(r for r in [*read_all(honest), drifting[0]] if r.task_id == task)
    forged = with_rewards(record, forge(record.rewards))
    assert verify([forged], workers=0)[0].answer == "different"


def test_a_success_that_rounding_cannot_bring_is_different(honest: Path) -> None:
    record = next(r for r in read_all(honest) if r.task_id == "pygame-cartpole-balance")
    forged = with_rewards(record, record.rewards * np.float32(1 + 1e-6), success=True)
    assert verify([forged], workers=0)[0].answer == "different"


def test_the_class_says_what_the_libraries_were_told(honest: Path) -> None:
    assert load_result(honest).manifest.platform == platform_class()
    code = "from mmbench.platform_class import platform_class; print(platform_class())"
    untold = {name: text for name, text in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    plain, told = (
        subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        ).stdout.strip()
        for env in (untold, {**untold, "OPENBLAS_CORETYPE": "Nehalem"})
    )
    assert told == f"{plain}; OPENBLAS_CORETYPE=Nehalem"


def test_a_folder_has_one_process(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from mmbench.files import locked\n"
        "with locked(Path(sys.argv[1])):\n print('in', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        message = f"is in use by process {other.pid} on"
        with pytest.raises(RunError, match=message), locked(tmp_path):
            pass
        other.kill()
    with locked(tmp_path):  # what a dead process held is free
        pass


def test_two_evaluations_of_one_folder_lose_nothing(tmp_path: Path) -> None:
    command = [
        *(*MMBENCH, "evaluate", "--agent", "random"),
        *("--tasks", *TASKS, "--episodes", "4", "--workers", "0", "--out", str(tmp_path / "r")),
    ]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 2]), errors  # the second may come when the first is done
    if codes == [0, 2]:
        assert any("is in use by process" in error for error in errors)
    assert load_result(tmp_path / "r").is_complete


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_regular_files_are_read(honest: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "episodes").mkdir()
    manifest = tmp_path / "manifest.json"
    if kind == "link":
        manifest.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(manifest)
    else:
        manifest.mkdir()
    with pytest.raises(ResultError, match="manifest.json"):
        load_result(tmp_path)


def test_a_result_is_a_data_frame(honest: Path) -> None:
    frame = load_result(honest).to_frame()
    assert len(frame) == 6
    assert set(frame["task"]) == set(TASKS)
    assert frame.groupby("task")["score"].mean().between(0, 1).all()
