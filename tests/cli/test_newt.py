"""Training, finetuning and timing Newt, as processes."""

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import mmbench_command

TASK = "mujoco-reacher"
SMALL = (
    *("--size", "XS", "--env-steps", "150", "--seeding-episodes", "1", "--batch-size", "16"),
    *("--updates-per-env-step", "0.1", "--num-samples", "16", "--num-elites", "4"),
    *("--num-policy-samples", "4", "--num-iterations", "1", "--eval-episodes", "1"),
    *("--workers", "0"),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("newt")
    done = mmbench_command("train", "newt", "--tasks", TASK, "--out", str(out), *SMALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out / "final")
    assert "training" in done.stderr
    return out


def test_finetuning_and_playing(trained: Path, tmp_path: Path) -> None:
    done = mmbench_command(
        *("finetune", "newt", "--checkpoint", str(trained / "final"), "--copies", "1"),
        *("--tasks", "og-point-arena", "--out", str(tmp_path / "f"), *SMALL),
    )
    assert done.returncode == 0, done.stderr
    played = mmbench_command(
        *("evaluate", "--agent", "newt", "--checkpoint", str(tmp_path / "f" / "final")),
        *("--tasks", "og-point-arena", "--episodes", "1", "--out", str(tmp_path / "r")),
        *("--option", "planning=false", "--workers", "0"),
    )
    assert played.returncode == 0, played.stderr


def test_curves_of_runs_are_drawn(trained: Path, tmp_path: Path) -> None:
    file = tmp_path / "curves.png"
    done = mmbench_command("curves", str(trained), "--out", str(file))
    assert done.returncode == 0, done.stderr
    assert file.read_bytes()[:4] == b"\x89PNG"
    refused = mmbench_command("curves", str(tmp_path), "--out", str(file))
    assert refused.returncode == 2
    assert "is not a training run" in refused.stderr


def test_bench_prints_json() -> None:
    done = mmbench_command(
        *("bench", "newt", "--sizes", "XS", "--slots", "1", "--batch-size", "8"),
        *("--repeats", "1", "--no-compile", "--json"),
    )
    assert done.returncode == 0, done.stderr
    (timing,) = json.loads(done.stdout)
    assert timing["size"] == "XS"
    assert timing["plan_speedup"] > 0


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("give one with --checkpoint", ("finetune", "newt", "--tasks", TASK)),
        ("torch sees no GPU", ("train", "newt", "--tasks", TASK, "--device", "cuda")),
        ("is not a checkpoint", ("finetune", "newt", "--tasks", TASK, "--checkpoint", "nowhere")),
        (
            "no demonstrations of og-point-var1",
            ("train", "newt", "--tasks", "og-point-var1", "--demos", "shipped"),
        ),
        ("is no device", ("train", "bc", "--tasks", TASK, "--device", "gpu")),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(
    message: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = mmbench_command(*arguments, "--out", str(tmp_path))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
