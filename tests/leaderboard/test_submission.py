"""What is packed into a submission, and what ships."""

import json
from pathlib import Path

import numpy as np
import pytest

import mmbench
from leaderboard.cli import SUBMISSIONS
from leaderboard.submission import Description, SubmissionError, submit, validate
from mmbench.errors import ResultError
from tests.leaderboard.conftest import DESCRIPTION, TASKS, opened, packed, with_json


def test_a_submission_is_read_as_it_was_packed(submission: Path, results: Path) -> None:
    found = validate(submission)
    assert found.description == DESCRIPTION
    assert found.track == "lite, multitask, states, official assets, no demonstrations"
    expected = {e.key: e for e in mmbench.load_result(results).episodes}
    assert {e.key for e in found.result.episodes} == set(expected)
    for episode in found.result.episodes:
        np.testing.assert_array_equal(episode.rewards, expected[episode.key].rewards)


def test_who_sees_the_environment_is_in_a_track_of_their_own(
    submission: Path, tmp_path: Path
) -> None:
    told = with_json(opened(submission), "manifest.json", {"is_privileged": True})
    found = validate(packed(told, tmp_path / "expert.zip"))
    assert not found.description.is_privileged  # whatever its authors say
    assert found.track == validate(submission).track + ", privileged"


def test_the_same_result_makes_the_same_file(
    submission: Path, results: Path, tmp_path: Path
) -> None:
    submit(results, DESCRIPTION, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == submission.read_bytes()


def test_only_whole_results_of_the_protocol_are_packed(tmp_path: Path) -> None:
    mmbench.evaluate("zero", tasks=TASKS[:1], episodes=10, workers=0, out=tmp_path / "tasks")
    with pytest.raises(SubmissionError, match="of a whole suite"):
        submit(tmp_path / "tasks", DESCRIPTION, tmp_path / "out.zip")
    mmbench.evaluate("zero", suite="lite", episodes=2, workers=0, out=tmp_path / "few")
    with pytest.raises(SubmissionError, match="2 episodes per task, the protocol asks for 10"):
        submit(tmp_path / "few", DESCRIPTION, tmp_path / "out.zip")
    with pytest.raises(ResultError):
        submit(tmp_path, DESCRIPTION, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


def test_a_description_is_data() -> None:
    assert Description.model_json_schema()["additionalProperties"] is False
    assert set(Description.model_json_schema()["required"]) == {
        *("name", "authors", "training_steps", "has_demos", "is_multitask"),
    }


def test_the_schema_in_the_docs_is_the_present_one() -> None:
    file = Path(__file__).parents[2] / "docs" / "submission.schema.json"
    assert json.loads(file.read_text()) == Description.model_json_schema()


def test_what_comes_with_mmbench_is_small() -> None:
    assert SUBMISSIONS.is_dir()
    for file in SUBMISSIONS.glob("*.zip"):
        assert file.stat().st_size <= 15 * 2**20
