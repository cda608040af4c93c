"""What a site of many whole submissions costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from leaderboard.cli import SUBMISSIONS
from tests.leaderboard.conftest import opened, packed, with_json

NUM_SUBMISSIONS = 50
MEASURED = """
import resource, sys
from mmbench.cli.main import main
code = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.timeout(3600)  # the limit is of CPU time
def test_a_site_of_fifty_submissions_takes_a_minute_and_two_gib(tmp_path: Path) -> None:
    folder = tmp_path / "submissions"
    folder.mkdir()
    files = opened(SUBMISSIONS / "random.zip")  # all 200 tasks
    for number in range(NUM_SUBMISSIONS):
        told = {"name": f"Agent {number}", "has_demos": number % 3 == 0, "training_steps": number}
        packed(with_json(files, "submission.json", told), folder / f"agent-{number}.zip")
    out = tmp_path / "site"
    command = ["leaderboard", "build", "--workers", "0"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command, "--submissions", folder, "--out", out],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert len(list((out / "submissions").glob("*.html"))) == NUM_SUBMISSIONS
    cpu_s, peak_kib = map(float, done.stdout.splitlines()[-1].split())
    print(f"{cpu_s:.1f} s of CPU, {peak_kib / 1024:.0f} MiB")
    assert cpu_s < 60
    assert peak_kib < 2 * 2**20
