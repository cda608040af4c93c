"""Submissions: what is packed, what is refused, what replay and fresh seeds find."""

import io
import json
import random
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import mmbench
from leaderboard.checks import Replayed, Reproduced, read_checks, record_checks
from leaderboard.cli import SUBMISSIONS
from leaderboard.submission import Description, SubmissionError, submit, validate
from leaderboard.verification import compare, probability_missed, reproduce, verify
from mmbench.demos.expert import SCRIPTED, build_expert
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord, record_episode, write
from mmbench.errors import MMBenchError, ResultError
from mmbench.seeding import evaluation_seed
from tests.hostile import Hostile, mutated
from tests.leaderboard.conftest import DESCRIPTION, TASKS, Files, opened, packed, with_json


def with_rows(files: Files, change: Callable[[list[dict[str, Any]]], None]) -> Files:
    """Change the rows of the log as a forger would, below all checks."""
    table = pq.read_table(io.BytesIO(files["episodes.parquet"]))
    rows = table.to_pylist()
    change(rows)
    stream = io.BytesIO()
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), stream)
    return {**files, "episodes.parquet": stream.getvalue()}


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


def test_replay_answers_for_every_episode(submission: Path) -> None:
    found = verify(submission, workers=0)
    assert found.count("equal") == len(found.verdicts) == 30
    assert not found.problems
    assert len(verify(submission, episodes=4, seed=1, workers=0).verdicts) == 4


def test_the_probability_to_miss_is_that_of_drawing_around() -> None:
    assert probability_missed(1, 20, 100) == pytest.approx(0.8)
    # 2 of 5 drawn, 2 forged: both among the 3 others, C(3,2)/C(5,2).
    assert probability_missed(2, 2, 5) == pytest.approx(3 / 10)
    assert probability_missed(1, 100, 100) == 0


def change_reward(rows: list[dict[str, Any]]) -> None:
    row = rows[3]
    row["rewards"][-1] = float(np.nextafter(np.float32(row["rewards"][-1]), np.float32(9)))
    row["return"] = float(np.sum(np.float32(row["rewards"]), dtype=np.float64))


def flip_action(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["task"] == TASKS[2]:
            row["actions"][0] *= -1


def claim_success(rows: list[dict[str, Any]]) -> None:
    rows[0]["success"] = True


@pytest.mark.parametrize("forge", [change_reward, flip_action, claim_success])
def test_replay_of_all_finds_one_forged_number(
    submission: Path, tmp_path: Path, forge: Callable[[list[dict[str, Any]]], None]
) -> None:
    forged = packed(with_rows(opened(submission), forge), tmp_path / "forged.zip")
    try:
        found = verify(forged, workers=0)
    except SubmissionError:
        return  # refused before it was replayed
    assert found.problems


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


def test_an_agent_is_reproduced_by_itself(submission: Path) -> None:
    found = reproduce(submission, agent="random", fresh_seeds=4, salt="test", workers=1)
    assert found.is_reproduced
    assert found.p_value > 0.01


def test_an_experts_episodes_are_not_those_of_the_random_agent(
    submission: Path, tmp_path: Path
) -> None:
    """Every reward is true, so replay finds nothing; fresh seeds do."""
    forged: list[EpisodeRecord] = []
    for task in TASKS:
        env = TaskEnv(task)
        for index in range(10):
            env.reset(seed=evaluation_seed(task, index))
            record = record_episode(env, build_expert(env, SCRIPTED), agent="random")
            forged.append(record)
        env.close()
    write(forged, tmp_path / "log")
    files = {**opened(submission), "episodes.parquet": (tmp_path / "log").read_bytes()}
    file = packed(files, tmp_path / "planned.zip")
    assert not verify(file, workers=0).problems
    found = reproduce(file, agent="random", fresh_seeds=4, salt="test", workers=1)
    assert found.claimed > 0.8 > 0.4 > found.fresh
    assert not found.is_reproduced


def test_reproduction_refuses_what_it_cannot_play(submission: Path) -> None:
    with pytest.raises(SubmissionError, match="has no episodes of walker-run"):
        reproduce(submission, agent="random", tasks=("walker-run",))
    with pytest.raises(MMBenchError):
        reproduce(submission, agent="no-such-agent", workers=1)


def test_the_test_keeps_its_level_and_finds_what_it_says() -> None:
    rng = np.random.default_rng(0)

    def scores(shift: float, number: int) -> dict[str, np.ndarray]:
        return {f"task-{i}": np.clip(rng.normal(0.5 + shift, 0.1, number), 0, 1) for i in range(20)}

    alike = [compare(scores(0, 10), scores(0, 3)) for _ in range(40)]
    assert sum(not found.is_reproduced for found in alike) <= 3
    detectable = float(np.mean([found.detectable for found in alike]))
    # 3.417 standard errors: 0.1 x sqrt(1/10 + 1/3) / sqrt(20) = 0.01472, times 3.417 = 0.0503.
    assert detectable == pytest.approx(0.0503, rel=0.1)
    other = [compare(scores(detectable, 10), scores(0, 3)) for _ in range(40)]
    assert sum(not found.is_reproduced for found in other) >= 26


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
