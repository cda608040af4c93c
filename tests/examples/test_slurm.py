"""`examples/slurm.py`: two tasks of a job on this machine, as two nodes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmbench.evaluation.result import load_result

ROOT = Path(__file__).parents[2]


def submit(tmp_path: Path, *command: str) -> str:
    done = subprocess.run(
        [
            *(sys.executable, ROOT / "examples" / "slurm.py", "--cluster", "local", "--nodes", "2"),
            *("--cpus-per-node", "1", "--logs", tmp_path / "logs", *command),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_an_evaluation_uses_all_nodes(tmp_path: Path) -> None:
    out = tmp_path / "result"
    tasks = ("pygame-landing", "pygame-point-maze-var1")
    printed = submit(tmp_path, "evaluate", "--tasks", *tasks, "--episodes", "2", "--out", str(out))
    assert load_result(out).is_complete
    assert "miniarcade" in printed


@pytest.mark.slow
def test_a_training_is_of_all_nodes(tmp_path: Path) -> None:
    out = tmp_path / "run"
    submit(
        tmp_path,
        *("train", "newt", "--tasks", "mujoco-reacher", "og-point-arena", "--size", "XS"),
        *("--encoder", "none", "--env-steps", "400", "--workers", "0", "--out", str(out)),
        *("--batch-size", "16", "--seeding-episodes", "1", "--eval-episodes", "1"),
    )
    assert (out / "final").exists()
    assert (out / "process-1").exists()
