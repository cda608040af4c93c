"""A trainer and an agent of another package, installed as a stranger would."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmbench.training.run import load_snapshot

PACKAGE = Path(__file__).parents[1] / "data" / "toy_trainer"
TASK = "og-point-arena"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run([*pip, "--target", str(target), str(PACKAGE)], check=True)
    return target


def mmbench(installed: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mmbench", *arguments],
        env={**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_trainer_of_another_package_is_trained_evaluated_and_reported(
    installed: Path, tmp_path: Path
) -> None:
    assert "train toy" in mmbench(installed, "train", "--help")
    run, result, report = tmp_path / "run", tmp_path / "result", tmp_path / "random"
    train = ("train", "toy", "--tasks", TASK, "--out", str(run), "--updates")
    mmbench(installed, *train, "100")
    mmbench(installed, *train, "300")  # goes on
    assert load_snapshot(run, "cpu")[1]["updates"] == 300
    play = ("evaluate", "--tasks", TASK, "--episodes", "2", "--workers", "0")
    mmbench(installed, *play, "--agent", "toy", "--checkpoint", str(run), "--out", str(result))
    mmbench(installed, *play, "--agent", "random", "--out", str(report))
    toy, random = json.loads(mmbench(installed, "report", str(result), str(report), "--json"))
    assert toy["agent"] == "toy"
    assert toy["score"] > random["score"] + 0.2
    assert (toy["rank"], random["rank"]) == (1, 2)
    assert toy["improvement"]["random"][0] > 0.5


def test_a_run_at_work_keeps_others_out(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom mmbench.files import locked\nfrom pathlib import Path\n"
        "with locked(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        train = ("train", "bc", "--tasks", TASK, "--encoder", "none", "--out", str(tmp_path))
        done = subprocess.run(
            [sys.executable, "-m", "mmbench", *train], capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert f"is in use by process {holder.pid}" in done.stderr
