"""`mmbench demos`, as processes."""

import json
from pathlib import Path

import pytest

from mmbench.episodes import read_all
from tests.cli.test_cli import fails_with, mmbench_command

MAZE = "pygame-point-maze-var1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demos") / "d"
    done = mmbench_command(
        *("demos", "generate", "--tasks", MAZE, "--episodes", "2", "--workers", "1"),
        *("--out", str(out), "--json"),
    )
    assert done.returncode == 0, done.stderr
    (stats,) = json.loads(done.stdout)
    assert (stats["task"], stats["episodes"], stats["good"]) == (MAZE, 2, 2)
    assert stats["mean_score"] == 1.0
    return out


def test_stats_show_the_table(made: Path) -> None:
    shown = mmbench_command("demos", "stats", str(made))
    assert shown.returncode == 0
    assert MAZE in shown.stdout
    assert "scripted" in shown.stdout


def test_too_few_good_episodes_is_a_failure(tmp_path: Path) -> None:
    done = mmbench_command(
        *("demos", "generate", "--tasks", "pygame-pong", "--expert", "zero", "--episodes", "1"),
        *("--attempts", "2", "--min-score", "0.95", "--workers", "1", "--out", str(tmp_path)),
    )
    assert done.returncode == 1, done.stderr
    assert len(read_all(tmp_path / "rejected")) == 2


def test_verify_replays(made: Path) -> None:
    done = mmbench_command("demos", "verify", str(made), "--workers", "0", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {
        **{"episodes": 2, "equal": 2, "consistent": 0, "different": 0},
        "differences": [],
    }


def test_render_films(made: Path, tmp_path: Path) -> None:
    done = mmbench_command(
        *("demos", "render", str(made), "--out", str(tmp_path), "--image-size", "32", "--gif")
    )
    assert done.returncode == 0, done.stderr
    film = tmp_path / f"{MAZE}-0.gif"
    assert film.read_bytes()[:4] == b"GIF8"


def test_pack_and_export(made: Path, tmp_path: Path) -> None:
    packed = mmbench_command("demos", "pack", str(made), "--out", str(tmp_path / "p"))
    assert packed.returncode == 0, packed.stderr
    exported = mmbench_command(
        *("demos", "export", "--tasks", MAZE, "--path", str(tmp_path / "p")),
        MINARI_DATASETS_PATH=str(tmp_path / "minari"),
        MMBENCH_CACHE=str(tmp_path / "cache"),
    )
    assert exported.returncode == 0, exported.stderr
    assert exported.stdout == f"mmbench/{MAZE}/demos-v0\n"


def test_wrong_use_gets_one_sentence(made: Path, tmp_path: Path) -> None:
    fails_with(
        "no task was given; name tasks or a suite, `mmbench tasks` lists them",
        *("demos", "generate", "--out", str(tmp_path)),
    )
    fails_with(
        "walker-run has no scripted expert; use --expert plan",
        *("demos", "generate", "--tasks", "walker-run", "--expert", "scripted"),
        *("--out", str(tmp_path)),
    )
    missing = tmp_path / "nothing"
    fails_with(
        f"{missing} is neither an episode file nor a directory of them",
        *("demos", "verify", str(missing)),
    )
    fails_with(
        f"{made} holds no demonstrations of them",
        *("demos", "render", str(made), "--tasks", "walker-run", "--out", str(tmp_path)),
    )
