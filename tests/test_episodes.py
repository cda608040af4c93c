"""The episode log: what goes in comes out, and nothing else is let in."""

import dataclasses
import hashlib
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mmbench
from mmbench.episodes import EpisodeRecord, EpisodeWriter, read_all, replay, write
from mmbench.episodes.store import SCHEMA
from mmbench.errors import EpisodeError, ReplayError
from mmbench.versions import simulator_version

TASK = mmbench.task("pygame-landing")


def recorded(seed: int = 3, num_steps: int = 200) -> EpisodeRecord:
    env = mmbench.make(TASK.id)
    env.reset(seed=seed)
    actions = np.random.default_rng(seed).uniform(-1, 1, (num_steps, 2)).astype(np.float32)
    rewards = []
    for action in actions:
        _, reward, _, _, info = env.step(action)
        rewards.append(reward)
    return EpisodeRecord(
        task_id=TASK.id,
        task_version=TASK.version,
        seed=seed,
        actions=actions,
        rewards=np.array(rewards, np.float32),
        episode_return=info["return"],
        score=info["score"],
        success=info["success"],
        agent="test",
        created="2026-01-01T00:00:00+00:00",
        simulator="miniarcade",
        simulator_version=simulator_version(TASK.domain),
        assets="official",
    )


def with_reward(record: EpisodeRecord, step: int, change: float) -> EpisodeRecord:
    """Forge one reward, and what follows from it."""
    rewards = record.rewards.copy()
    rewards[step] += np.float32(change)
    episode_return = float(rewards.sum(dtype=np.float64))
    return dataclasses.replace(
        record,
        rewards=rewards,
        episode_return=episode_return,
        score=TASK.score.score(episode_return, record.success),
    )


def assert_same(first: EpisodeRecord, second: EpisodeRecord) -> None:
    for field in dataclasses.fields(EpisodeRecord):
        one, two = getattr(first, field.name), getattr(second, field.name)
        np.testing.assert_array_equal(one, two)
        assert type(one) is type(two)


def test_records_survive_the_disk(tmp_path: Path) -> None:
    records = [recorded(seed) for seed in (1, 2, 3)]
    write(records, tmp_path / "log.parquet")
    for before, after in zip(records, read_all(tmp_path / "log.parquet"), strict=True):
        assert_same(before, after)
    assert (
        pq.ParquetFile(tmp_path / "log.parquet").metadata.row_group(0).column(0).compression
        == "ZSTD"
    )


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    values=st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=3, max_size=3),
    labels=st.none() | st.floats(-1, 1, width=32),
)
def test_any_record_survives_the_disk(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    values: list[float],
    labels: float | None,
) -> None:
    actions, rewards = np.zeros((200, 2), np.float32), np.zeros(200, np.float32)
    actions[0], rewards[0] = values[:2], values[2]
    episode_return = float(rewards[0])
    record = dataclasses.replace(
        recorded(),
        seed=seed,
        actions=actions,
        rewards=rewards,
        episode_return=episode_return,
        score=TASK.score.score(episode_return, recorded().success),
        labels=None if labels is None else np.full_like(actions, labels),
        disturbed=None if labels is None else np.arange(200) % 2 == 0,
        platform=None if labels is None else "a class",
    )
    path = tmp_path_factory.mktemp("log") / "log.parquet"
    write([record], path)
    assert_same(record, read_all(path)[0])


def test_a_directory_of_shards_is_one_log_without_repeats(tmp_path: Path) -> None:
    writer = EpisodeWriter(tmp_path)
    writer.add([recorded(1)])
    writer.add([recorded(2), recorded(1)])
    EpisodeWriter(tmp_path).add([recorded(3)])  # another process goes on
    assert [record.seed for record in read_all(tmp_path)] == [1, 2, 3]
    writer = EpisodeWriter(tmp_path)
    writer.compact()
    assert len(list(tmp_path.glob("*.parquet"))) == 1
    assert [record.seed for record in read_all(tmp_path)] == [1, 2, 3]


def test_replay_gives_the_whole_trajectory() -> None:
    record = recorded()
    trajectory = replay(record, obs_type="rgb", image_size=48)
    assert trajectory.observations.shape == (201, 7)
    assert trajectory.images is not None
    assert trajectory.images.shape == (201, 48, 48, 3)
    assert trajectory.successes.shape == (200,)


def test_replay_names_the_first_difference() -> None:
    record = recorded()
    with pytest.raises(ReplayError, match=r"pygame-landing, seed 3: reward 17 is .* in the replay"):
        replay(with_reward(record, 17, 1.0))
    with pytest.raises(ReplayError, match="recorded with simulator 'mmbench 0.0.0'"):
        replay(dataclasses.replace(record, simulator_version="mmbench 0.0.0"))
    with pytest.raises(ReplayError, match="recorded with assets 'stand-in'"):
        replay(dataclasses.replace(record, assets="stand-in"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"actions": np.zeros((200, 3), np.float32)}, r"actions have shape \(200, 3\)"),
        ({"actions": np.zeros((199, 2), np.float32)}, r"actions have shape \(199, 2\)"),
        ({"rewards": np.full(200, np.nan, np.float32)}, "rewards must be finite"),
        ({"episode_return": float("inf")}, "return is inf"),
        ({"score": 1.5}, "score is 1.5, the task's rule makes it "),
        ({"episode_return": 1000.0}, "return is 1000.0, the rewards add up to "),
        ({"task_version": 2}, "task version is 2, expected 1"),
        ({"simulator": "atari"}, "simulator is 'atari', expected 'miniarcade'"),
        ({"labels": np.zeros((200, 1), np.float32)}, r"labels have shape \(200, 1\)"),
        ({"labels": np.full((200, 2), 1.5, np.float32)}, r"labels must be numbers in \[-1, 1\]"),
        ({"labels": np.full((200, 2), np.nan, np.float32)}, "labels must be numbers"),
        ({"disturbed": np.zeros(3, bool)}, r"disturbed has shape \(3,\)"),
        (
            {"actions": np.zeros((50, 2), np.float32), "rewards": np.zeros(50, np.float32)},
            "episode has 50 steps, the task has 200",
        ),
        ({"seed": -1}, "seed is -1"),
        ({"assets": "borrowed"}, "assets are 'borrowed'"),
        (
            {"actions": np.zeros((201, 2), np.float32), "rewards": np.zeros(201, np.float32)},
            "episode has 201 steps, the task has 200",
        ),
    ],
)
def test_impossible_records_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(EpisodeError, match=message):
        dataclasses.replace(recorded(), **change)


def rewrite(path: Path, column: str, values: pa.Array) -> None:
    table = pq.read_table(path)
    index = table.schema.get_field_index(column)
    table = table.set_column(index, SCHEMA.field(column), values)
    pq.write_table(table.replace_schema_metadata(SCHEMA.metadata), path)


def test_hostile_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    good = recorded()

    def message() -> str:
        with pytest.raises(EpisodeError) as error:
            read_all(path)
        assert "\n" not in str(error.value)
        return str(error.value)

    path.write_bytes(b"not parquet at all")
    assert "is not a readable episode log" in message()
    path.write_bytes(pickle.dumps({"task": "walker-run"}))
    assert "is not a readable episode log" in message()
    write([good], path)
    path.write_bytes(path.read_bytes()[:-100])
    assert "is not a readable episode log" in message()
    pq.write_table(pa.table({"task": ["walker-run"]}), path)
    assert "is not as expected" in message()
    write([good], path)
    pq.write_table(pq.read_table(path).replace_schema_metadata({}), path)
    assert "schema version" in message()
    for column, values, expected in (
        ("task", pa.array(["no-such-task"]), "unknown task 'no-such-task'"),
        ("length", pa.array([100], pa.int32()), "do not make 100 steps"),
        ("length", pa.array([10**9], pa.int32()), "do not make 1000000000 steps"),
        ("rewards", pa.array([[float("nan")] * 200], pa.list_(pa.float32())), "must be finite"),
        ("actions", pa.array([[0.0] * 399], pa.list_(pa.float32())), "399 action entries"),
        ("score", pa.array([7.0]), "score is 7.0"),
    ):
        write([good], path)
        rewrite(path, column, values)
        assert expected in message()
    bomb = pa.array([np.zeros(80_000_000, np.float32)], pa.list_(pa.float32()))
    write([good], path)
    rewrite(path, "actions", bomb)
    assert "would unpack to" in message()
    with pytest.raises(EpisodeError, match="neither an episode file nor a directory"):
        read_all(tmp_path / "nowhere")


def test_evaluation_seeds_are_the_published_ones() -> None:
    digest = hashlib.sha256(b"mmbench-eval/walker-run/3").digest()
    assert mmbench.evaluation_seed("walker-run", 3) == int.from_bytes(digest[:4], "big")
    seeds = {mmbench.evaluation_seed(s.id, i) for s in mmbench.tasks() for i in range(10)}
    assert len(seeds) == 2340
