"""Scores that stand beside a result, and the page about it."""

import json
from pathlib import Path

import numpy as np
import pytest

import mmbench
from mmbench.cli.main import main
from mmbench.errors import ResultError
from mmbench.evaluation.reference import load_reference, save_reference

TASKS = ("pygame-cartpole-balance", "pygame-landing")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "zero"
    mmbench.evaluate("zero", tasks=TASKS, episodes=2, out=out, workers=0)
    return out


def test_a_reference_has_the_scores_of_its_result(result: Path, tmp_path: Path) -> None:
    loaded = mmbench.load_result(result)
    save_reference(loaded, tmp_path / "mine.json")
    reference = load_reference(str(tmp_path / "mine.json"))
    assert reference.name == "mine"
    assert reference.manifest == loaded.manifest
    assert reference.completeness == "4"
    assert reference.is_complete
    for task in TASKS:
        np.testing.assert_allclose(reference.scores[task], loaded.scores[task], atol=5e-7)
    assert list(reference.on(("pygame-landing", "walker-run")).scores) == ["pygame-landing"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema_version": 2}, "cannot be read as scores of a result"),
        ({"more": 1}, "cannot be read as scores of a result"),
        ({"scores": {"no-such-task": [0.5]}}, "unknown task 'no-such-task'"),
        ({"scores": {"walker-run": []}}, "0 scores of walker-run"),
        ({"scores": {"walker-run": [float("nan")]}}, "cannot be read as scores of a result"),
    ],
)
def test_damaged_references_are_refused(
    result: Path, tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    file = tmp_path / "mine.json"
    save_reference(mmbench.load_result(result), file)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ResultError, match=sentence):
        load_reference(str(file))


def test_the_page_shows_tables_episodes_and_how_it_was_made(result: Path, tmp_path: Path) -> None:
    summary, page = tmp_path / "earlier.json", tmp_path / "page.html"
    assert main(["report", str(result), "--summary", str(summary)]) == 0
    command = ["report", str(result), "--beside", str(summary), "--html", str(page), "--films", "1"]
    assert main(command) == 0
    text = page.read_text()
    for wanted in ("<th scope='col'>agent</th>", "<td>earlier</td>", "<td>zero</td>", "Viridis"):
        assert wanted in text, wanted
    assert text.count("data:image/gif;base64,") == 1
    assert "src='http" not in text
    assert "How it was made" in text


def test_results_with_other_simulators_do_not_stand_beside_each_other(
    result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "old.json"
    save_reference(mmbench.load_result(result), file)
    contents = json.loads(file.read_text())
    contents["manifest"]["simulators"] = {"miniarcade": "miniarcade 0"}
    file.write_text(json.dumps(contents))
    assert main(["report", str(result), "--beside", str(file)]) == 2
    assert "different simulators for miniarcade" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["newt", "bc", "random", "expert"])
def test_references_that_ship_are_protocol_runs(name: str) -> None:
    reference = load_reference(name)
    assert len(reference.scores) == 200
    assert reference.manifest.num_episodes == 10
    assert reference.is_complete
