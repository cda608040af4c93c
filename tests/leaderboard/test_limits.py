"""What a site of many whole submissions costs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from leaderboard.cli import SUBMISSIONS
from tests.leaderboard.conftest import opened, packed, with_json

NUM_SUBMISSIONS = 50


@pytest.mark.slow
def test_a_site_of_fifty_submissions_takes_a_minute_and_two_gib(tmp_path: Path) -> None:
    folder = tmp_path / "submissions"
    folder.mkdir()
    files = opened(SUBMISSIONS / "random.zip")  # all 200 tasks
    for number in range(NUM_SUBMISSIONS):
        told = {"name": f"Agent {number}", "has_demos": number % 3 == 0, "training_steps": number}
        packed(with_json(files, "submission.json", told), folder / f"agent-{number}.zip")
    out = tmp_path / "site"
    command = [sys.executable, "-m", "mmbench", "leaderboard", "build", "--workers", "0"]
    process = subprocess.Popen([*command, "--submissions", folder, "--out", out])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert len(list((out / "submissions").glob("*.html"))) == NUM_SUBMISSIONS
    cpu_s = used.ru_utime + used.ru_stime
    peak_mib = used.ru_maxrss / 1024
    print(f"{cpu_s:.1f} s of CPU, {peak_mib:.0f} MiB")
    assert cpu_s < 60
    assert peak_mib < 2048
