"""What a forger may hand in: all of it is refused, or rendered harmless."""

import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaderboard.submission import SubmissionError, validate
from tests.hostile import Hostile, mutated
from tests.leaderboard.conftest import TASKS, Files, opened, packed, with_json, with_rows


def first(**changes: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda rows: rows[0].update(changes)


def cut(rows: list[dict[str, Any]]) -> None:
    rows[0]["rewards"] = rows[0]["rewards"][:50]
    rows[0]["actions"] = rows[0]["actions"][:50]
    rows[0]["length"] = 50


ROWS: dict[str, Callable[[list[dict[str, Any]]], None]] = {
    "a score of 1": first(score=1.0),
    "a score that is no number": first(score=float("nan")),
    "a return out of thin air": first(**{"return": 1e6}),
    "another seed": lambda rows: rows[0].update(seed=rows[0]["seed"] + 1),
    "a seed below 0": first(seed=-1),
    "a huge seed": first(seed=2**63 - 1),
    "another task": lambda rows: rows[0].update(task=rows[-1]["task"]),
    "a task that is none": first(task="../../etc/passwd"),
    "a task of terminal codes": first(task="\x1b[2J"),
    "another agent": first(agent="newt"),
    "another version of the task": first(task_version=99),
    "an unknown simulator": first(simulator="nowhere"),
    "another version of the simulator": first(simulator_version="9.9.9"),
    "rewards that are no numbers": lambda rows: rows[0]["rewards"].__setitem__(0, float("nan")),
    "infinite rewards": lambda rows: rows[0]["rewards"].__setitem__(0, float("inf")),
    "actions out of bounds": lambda rows: rows[0]["actions"].__setitem__(0, 2.0),
    "actions that are no numbers": lambda rows: rows[0]["actions"].__setitem__(0, float("nan")),
    "too few actions": lambda rows: rows[0]["actions"].pop(),
    "an episode cut at its best": cut,
    "a length that is none": first(length=-1),
    "an episode twice": lambda rows: rows.append(rows[0]),
    "a better episode of the same seed": lambda rows: rows.append({**rows[0], "created": "later"}),
    "an episode left out": lambda rows: rows.pop(),
    "a task left out": lambda rows: rows.__delitem__(slice(0, 10)),
    "no episode": lambda rows: rows.clear(),
    "assets of another kind": first(assets="gold"),
    "a megabyte of a name": first(agent="x" * 2**20),
}


@pytest.mark.parametrize("attack", ROWS)
def test_forged_rows_are_refused(submission: Path, tmp_path: Path, attack: str) -> None:
    try:
        files = with_rows(opened(submission), ROWS[attack])
    except (ValueError, OverflowError):
        pytest.fail("the attack itself is wrong")
    with pytest.raises(SubmissionError):
        validate(packed(files, tmp_path / "forged.zip"))


MANIFESTS: dict[str, dict[str, Any]] = {
    "another suite": {"suite": "full"},
    "a suite that is none": {"suite": "no-such-suite"},
    "no suite": {"suite": None},
    "fewer episodes": {"num_episodes": 9},
    "very many episodes": {"num_episodes": 10**12},
    "best of n as one": {"num_episodes": 1},
    "a task less": {"tasks": list(TASKS[:2])},
    "a task twice": {"tasks": [*TASKS, TASKS[0]]},
    "no simulators": {"simulators": {}},
    "other simulators": {"simulators": {"miniarcade": "0", "mujoco": "0"}},
    "another agent": {"agent": "zero"},
    "an unknown field": {"note": "x"},
    "a version of the future": {"schema_version": 2},
    "text for a number": {"seed": "0"},
}
DESCRIPTIONS: dict[str, dict[str, Any]] = {
    "no name": {"name": ""},
    "a name of terminal codes": {"name": "\x1b[2Jx"},
    "a name of two lines": {"name": "a\nb"},
    "a long name": {"name": "x" * 10_000},
    "no author": {"authors": []},
    "an author that is a number": {"authors": [1]},
    "a link that is code": {"url": "javascript:alert(1)"},
    "a link that ends its attribute": {"url": 'https://x" onclick="alert(1)'},
    "steps below 0": {"training_steps": -1},
    "steps without end": {"training_steps": 10**30},
    "steps as text": {"training_steps": "0"},
    "a flag as text": {"has_demos": "no"},
    "a description without end": {"description": "x" * 10**5},
    "an unknown field": {"rank": 1},
}


@pytest.mark.parametrize("attack", MANIFESTS)
def test_forged_manifests_are_refused(submission: Path, tmp_path: Path, attack: str) -> None:
    files = with_json(opened(submission), "manifest.json", MANIFESTS[attack])
    with pytest.raises(SubmissionError):
        validate(packed(files, tmp_path / "forged.zip"))


@pytest.mark.parametrize("attack", DESCRIPTIONS)
def test_bad_descriptions_are_refused(submission: Path, tmp_path: Path, attack: str) -> None:
    files = with_json(opened(submission), "submission.json", DESCRIPTIONS[attack])
    with pytest.raises(SubmissionError):
        validate(packed(files, tmp_path / "bad.zip"))


def write_bomb(files: Files, out: Path) -> None:
    packed({**files, "submission.json": b" " * 2**26}, out)


def write_twice(files: Files, out: Path) -> None:
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in [*files.items(), ("manifest.json", files["manifest.json"])]:
            archive.writestr(name, content)


def write_long_list(files: Files, out: Path) -> None:
    packed({**files, **{f"{number:050}": b"" for number in range(100)}}, out)


def write_zip64(files: Files, out: Path) -> None:
    """A locator of a list elsewhere, which zipfile would follow."""
    content = packed(files, out).read_bytes()
    out.write_bytes(content[:-22] + struct.pack("<4sIQI", b"PK\6\7", 0, 0, 1) + content[-22:])


def write_compressed_otherwise(files: Files, out: Path) -> None:
    """LZMA takes as much memory as the file asks for."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def write_comment(files: Files, out: Path) -> None:
    with zipfile.ZipFile(packed(files, out), "a") as archive:
        archive.comment = b"more"


def write_pickle(files: Files, out: Path) -> None:
    import pickle

    trace = Hostile(out.with_suffix(".trace"))
    packed({**files, "episodes.parquet": pickle.dumps(trace)}, out)


ARCHIVES: dict[str, Callable[[Files, Path], object]] = {
    "a path that climbs": lambda files, out: packed({**files, "../evil": b""}, out),
    "an absolute path": lambda files, out: packed({**files, "/tmp/evil": b""}, out),
    "a file more": lambda files, out: packed({**files, "run.py": b""}, out),
    "a file less": lambda files, out: packed({"manifest.json": files["manifest.json"]}, out),
    "a file twice": write_twice,
    "a bomb": write_bomb,
    "a long list of files": write_long_list,
    "a list elsewhere": write_zip64,
    "another compression": write_compressed_otherwise,
    "a comment": write_comment,
    "code in a pickle": write_pickle,
    "no zip": lambda files, out: out.write_bytes(b"PK\x03\x04 no zip"),
    "nothing": lambda files, out: out.write_bytes(b""),
    "a folder": lambda files, out: out.mkdir(),
    "a link": lambda files, out: out.symlink_to("/dev/zero"),
    "JSON that is none": lambda files, out: packed({**files, "manifest.json": b"{"}, out),
    "JSON without end": lambda files, out: packed({**files, "manifest.json": b"[" * 10**6}, out),
    "Parquet that is none": lambda files, out: packed({**files, "episodes.parquet": b"PAR1"}, out),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("attack", ARCHIVES)
def test_archives_that_are_more_or_less_are_refused(
    submission: Path, tmp_path: Path, attack: str
) -> None:
    file = tmp_path / "bad.zip"
    ARCHIVES[attack](opened(submission), file)
    with pytest.raises(SubmissionError) as raised:
        validate(file)
    assert "\n" not in str(raised.value)
    assert not file.with_suffix(".trace").exists()


def test_a_size_that_lies_is_refused(submission: Path, tmp_path: Path) -> None:
    """The directory of the zip says that a file is small, and it is not."""
    file = packed({**opened(submission), "submission.json": b" " * 2**20}, tmp_path / "lie.zip")
    content = file.read_bytes().replace(struct.pack("<I", 2**20), struct.pack("<I", 100))
    file.write_bytes(content)
    with pytest.raises(SubmissionError):
        validate(file)


def try_mutations(submission: Path, file: Path, seeds: range) -> int:
    """Validate mutated files, inside of the archive or outside; return how many were refused."""
    files, num_refused = opened(submission), 0
    for seed in seeds:
        rng = random.Random(seed)
        if rng.random() < 0.5:
            file.write_bytes(mutated(submission.read_bytes(), rng))
        else:
            name = rng.choice(list(files))
            packed({**files, name: mutated(files[name], rng)}, file)
        try:
            found = validate(file)
        except SubmissionError:
            num_refused += 1
        else:  # what was changed is said by nobody, or only replay can tell
            assert len(found.result.episodes) == 30
    return num_refused


def test_mutated_submissions_are_refused_or_whole(submission: Path, tmp_path: Path) -> None:
    assert try_mutations(submission, tmp_path / "mutated.zip", range(60)) > 40


@pytest.mark.slow
def test_five_hundred_mutated_submissions(submission: Path, tmp_path: Path) -> None:
    assert try_mutations(submission, tmp_path / "mutated.zip", range(60, 560)) > 350
