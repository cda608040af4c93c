"""The command line, as processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import mmbench
from mmbench.episodes import read_all

ROOT = Path(__file__).parents[2]
TASKS = ("pygame-landing", "pygame-pong")


def mmbench_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from mmbench.cli.main import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "160", **environment},
    )


def fails_with(message: str, *arguments: str) -> None:
    result = mmbench_command(*arguments)
    assert result.returncode == 2, (result.stdout, result.stderr)
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.startswith("mmbench: ")]
    assert lines == [f"mmbench: {message}"]
    assert "Traceback" not in result.stderr


@pytest.fixture(scope="module")
def result_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "r"
    done = mmbench_command(
        *("evaluate", "--agent", "random", "--tasks", *TASKS, "--episodes", "2"),
        *("--workers", "0", "--out", str(out), "--json"),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["num_episodes"] == 4
    assert set(report["tasks"]) == set(TASKS)
    return out


def test_help_lists_the_commands() -> None:
    result = mmbench_command("--help")
    assert result.returncode == 0
    for command in ("tasks", "doctor", "evaluate", "replay", "report", "play", "bench vector"):
        assert f"\n  {command} " in result.stdout
    assert mmbench_command("evaluate", "--help").returncode == 0
    assert mmbench_command("bench", "--help").returncode == 0
    assert mmbench_command("bench").returncode == 2


def test_tasks_as_json_are_the_specs() -> None:
    result = mmbench_command("tasks", "--suite", "quick", "--json")
    rows = json.loads(result.stdout)
    assert [row["id"] for row in rows] == list(mmbench.SUITES["quick"])
    assert rows[0]["domain"] == "dmcontrol"
    assert rows[0]["score"] == {"kind": "return", "low": 0.0, "high": 1000.0}
    assert {"id", "version", "domain", "split", "embodiment", "instruction", "obs_dim"} <= set(
        rows[0]
    )
    table = mmbench_command("tasks", "--domain", "box2d")
    assert len(table.stdout.splitlines()) == 1 + 8
    assert "lunarlander-land" in table.stdout


def test_replay_verifies_every_episode(result_dir: Path) -> None:
    result = mmbench_command("replay", str(result_dir), "--verify")
    assert result.returncode == 0
    assert "4 of 4 episodes replayed equal" in result.stdout
    listed = json.loads(mmbench_command("replay", str(result_dir), "--json").stdout)
    assert len(listed) == 4


def test_a_tampered_episode_fails_verification(result_dir: Path, tmp_path: Path) -> None:
    import dataclasses

    records = read_all(result_dir)
    rewards = records[1].rewards.copy()
    rewards[5] += 0.5
    episode_return = float(rewards.sum(dtype=np.float64))
    spec = mmbench.task(records[1].task_id)
    records[1] = dataclasses.replace(
        records[1],
        rewards=rewards,
        episode_return=episode_return,
        score=spec.score.score(episode_return, records[1].success),
    )
    mmbench.episodes.write(records, tmp_path / "log.parquet")
    result = mmbench_command("replay", str(tmp_path / "log.parquet"), "--verify")
    assert result.returncode == 1
    assert "reward 5 is" in result.stdout
    assert "3 of 4 episodes replayed equal" in result.stdout


def test_an_episode_becomes_a_video(result_dir: Path, tmp_path: Path) -> None:
    for name in ("film.mp4", "film.gif"):
        path = tmp_path / name
        result = mmbench_command(
            *("replay", str(result_dir), "--episode", "0", "--video", str(path)),
            *("--image-size", "64"),
        )
        assert result.returncode == 0, result.stderr
        assert path.stat().st_size > 1000


def test_reports_in_every_format(result_dir: Path, tmp_path: Path) -> None:
    for style, expected in (
        ("table", "agent\tmean"),
        ("csv", "agent,mean"),
        ("markdown", "| agent |"),
        ("latex", r"\begin{tabular}"),
    ):
        result = mmbench_command("report", str(result_dir), "--format", style)
        assert result.returncode == 0
        assert expected in result.stdout
    for name in ("plot.png", "plot.html"):
        path = tmp_path / name
        assert mmbench_command("report", str(result_dir), "--plot", str(path)).returncode == 0
        assert path.stat().st_size > 5000
    assert (
        json.loads(mmbench_command("report", str(result_dir), "--json").stdout)[0]["agent"]
        == "random"
    )


def test_wrong_use_is_one_sentence_and_code_two(result_dir: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "new")
    evaluate = ("evaluate", "--workers", "0", "--out", out)
    fails_with(
        "unknown task 'pygame-pang'; did you mean 'pygame-pong'?",
        *(*evaluate, "--tasks", "pygame-pang"),
    )
    fails_with(
        "unknown suite 'miniarkade'; did you mean 'miniarcade'?",
        *(*evaluate, "--suite", "miniarkade"),
    )
    fails_with("unknown domain 'boxed'; did you mean 'box2d'?", "tasks", "--domain", "boxed")
    fails_with(
        f"{tmp_path / 'none'} is not a result directory: manifest.json cannot be read "
        "(No such file or directory); `mmbench evaluate --out` makes one",
        *("report", str(tmp_path / "none")),
    )
    fails_with(
        f"{result_dir} holds a result with agent 'random', not 'zero'; choose another --out",
        *("evaluate", "--workers", "0", "--out", str(result_dir)),
        *("--agent", "zero", "--tasks", *TASKS, "--episodes", "2"),
    )
    fails_with(
        "option 'level' is not of the form name=value",
        *(*evaluate, "--tasks", *TASKS, "--option", "level"),
    )
    fails_with(f"{result_dir} has episodes 0 to 3", "replay", str(result_dir), "--episode", "9")
    assert mmbench_command("nonsense").returncode == 2
    assert mmbench_command("evaluate").returncode == 2


def test_a_garbage_agent_keeps_what_was_finished(tmp_path: Path) -> None:
    out = tmp_path / "r"
    result = mmbench_command(
        *("evaluate", "--agent", "tests.agents_for_tests:late_nan", "--tasks", *TASKS),
        *("--episodes", "1", "--workers", "0", "--out", str(out)),
    )
    assert result.returncode == 2
    assert "answered with nan in entry 0 of its action for pygame-pong" in result.stderr
    assert [record.task_id for record in read_all(out)] == ["pygame-landing"]


def test_a_killed_evaluation_resumes_without_loss_or_repetition(tmp_path: Path) -> None:
    """kill -9 half way, then the same command again."""
    out = tmp_path / "r"
    tasks = ("cartpole-balance", "pendulum-swingup", "reacher-easy")
    command = [
        *(sys.executable, "-c", "import sys; from mmbench.cli.main import main; sys.exit(main())"),
        *("evaluate", "--agent", "random", "--tasks", *tasks, "--episodes", "12"),
        *("--workers", "2", "--out", str(out)),
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(list(out.glob("episodes/*.parquet"))) < 1:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {record.key: record for record in read_all(out)}
    assert 0 < len(before) < 36
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    after = read_all(out)
    assert len(after) == 36
    assert {record.key for record in after} == {
        (task, mmbench.evaluation_seed(task, index)) for task in tasks for index in range(12)
    }
    for record in after:
        if record.key in before:
            assert record.created == before[record.key].created
            assert (record.actions == before[record.key].actions).all()
    verified = mmbench_command("replay", str(out), "--verify")
    assert verified.returncode == 0
    assert "36 of 36 episodes replayed equal" in verified.stdout


def test_doctor_reports_every_domain() -> None:
    result = mmbench_command("doctor", "--json")
    rows = {row["domain"]: row for row in json.loads(result.stdout)}
    assert len(rows) == 10
    assert result.returncode == 0, rows
    for row in rows.values():
        assert row["state"] is None
        assert row["wrong_versions"] == []
        if row["pictures"] is not None:
            assert "apt-get install" in row["pictures"]
    assert rows["maniskill"]["assets"] in ("official", "stand-in")
    assert rows["atari"]["assets"] is None


def test_missing_assets_and_displays_are_told(tmp_path: Path) -> None:
    listed = mmbench_command("assets", "list", "--json", MS_ASSET_DIR=str(tmp_path))
    assert {row["name"]: row["is_present"] for row in json.loads(listed.stdout)} == {
        "ycb": False,
        "xarm6": False,
        "anymal_c": False,
    }
    unknown = mmbench_command("assets", "download", "moon")
    assert unknown.returncode == 2
    assert "unknown asset 'moon'; there are ycb, xarm6, anymal_c" in unknown.stderr
    no_display = mmbench_command("play", "pygame-pong", SDL_VIDEODRIVER="dummy", DISPLAY="")
    assert no_display.returncode == 2
    assert "mmbench: playing needs a display, and none can be opened" in no_display.stderr


def test_contact_sheet_draws_every_task(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "sheet.png"
    result = mmbench_command(
        *("contact-sheet", str(path), "--tasks", *TASKS, "--image-size", "64", "--columns", "2")
    )
    assert result.returncode == 0, result.stderr
    with Image.open(path) as image:
        assert image.size == (6 + 2 * 70, 6 + 86)  # gutters and a caption


def test_bench_env_prints_json() -> None:
    result = mmbench_command("bench", "env", "--suite", "miniarcade", "--env-steps", "20", "--json")
    rows = json.loads(result.stdout)
    assert len(rows) == 19
    assert all(row["simulator_step_s"] > 0 and 0 < row["step_s"] < 0.1 for row in rows)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminated_command_says_so(tmp_path: Path, ending: signal.Signals) -> None:
    arguments = ("evaluate", "--tasks", *TASKS, "--episodes", "300", "--workers", "2")
    code = "import sys; from mmbench.cli.main import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments, "--out", str(tmp_path / "r")],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any(line.startswith("playing") for line in lines)
        process.send_signal(ending)
        last = process.stderr.read().splitlines()
    assert process.returncode == 128 + ending
    assert last == ["mmbench: terminated; what was finished is kept"]
