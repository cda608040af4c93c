"""What was found out about a submission, and the level that follows."""

import re
from pathlib import Path

import pytest

from leaderboard.checks import Replayed, Reproduced, read_checks, record_checks
from leaderboard.submission import SubmissionError


def test_levels_rise_with_what_was_found(submission: Path, tmp_path: Path) -> None:
    file = tmp_path / "random.zip"
    file.write_bytes(submission.read_bytes())
    assert read_checks(file).level(30) == "validated"
    some = Replayed(episodes=10, equal=10, consistent=0, different=0)
    record_checks(file, replayed=some)
    assert read_checks(file).level(30) == "validated"
    record_checks(file, replayed=some.model_copy(update={"episodes": 30, "equal": 30}))
    assert read_checks(file).level(30) == "replayed"
    record_checks(
        file, reproduced=Reproduced(claimed=0.1, fresh=0.1, p_value=0.5, is_reproduced=True)
    )
    assert read_checks(file).level(30) == "reproduced"
    file.write_bytes(file.read_bytes() + b"\0")  # another file
    assert read_checks(file).level(30) == "validated"


def test_damaged_checks_are_told(submission: Path, tmp_path: Path) -> None:
    file = tmp_path / "random.zip"
    file.write_bytes(submission.read_bytes())
    file.with_suffix(".checks.json").write_text("{}")
    with pytest.raises(SubmissionError, match=re.escape("random.checks.json is damaged")):
        read_checks(file)
