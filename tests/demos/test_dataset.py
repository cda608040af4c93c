"""Demonstrations as data."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import mmbench
from mmbench.demos import SHIPPED, dataset, export_minari, load, pack
from mmbench.demos.dataset import PRACTICE, is_good
from mmbench.demos.generation import generate
from mmbench.demos.stats import task_stats
from mmbench.episodes import EpisodeRecord, EpisodeWriter, read_all, record_episode, verify
from mmbench.errors import DemonstrationError, EpisodeError

MAZE, PONG = "pygame-point-maze-var1", "pygame-pong"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good episodes of the maze, and of pong two good ones and what else was played."""
    out = tmp_path_factory.mktemp("demos")
    return generate([MAZE, PONG], out=out, episodes=2, workers=1, max_attempts=30)


def test_trajectories_are_the_episodes_with_their_observations(made: Path, tmp_path: Path) -> None:
    demonstrations = load([PONG, MAZE], path=made, cache=tmp_path)
    assert [t.task_id for t in demonstrations] == [PONG, PONG, MAZE, MAZE]
    trajectory = demonstrations[2]
    env = mmbench.make(MAZE)
    assert trajectory.record is not None
    first, _ = env.reset(seed=trajectory.record.seed)
    np.testing.assert_array_equal(trajectory.observations[0], first)
    for step, action in enumerate(trajectory.actions):
        obs, reward, *_ = env.step(action)
        np.testing.assert_array_equal(trajectory.observations[step + 1], obs)
        assert trajectory.rewards[step] == np.float32(reward)
    assert trajectory.successes is not None
    assert trajectory.successes[-1]
    assert trajectory.images is None


def test_observations_are_kept_on_disk(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load([MAZE], path=made, cache=tmp_path)[0]

    def fail(*arguments: object, **options: object) -> None:
        raise AssertionError("replayed although it is cached")

    monkeypatch.setattr("mmbench.demos.dataset.replay", fail)
    again = load([MAZE], path=made, cache=tmp_path)[0]
    np.testing.assert_array_equal(again.observations, first.observations)
    np.testing.assert_array_equal(again.rewards, first.rewards)
    assert not list(tmp_path.rglob("*.tmp"))


def test_pictures_are_made_on_demand(made: Path, tmp_path: Path) -> None:
    demonstrations = load([MAZE], obs_type="rgb", image_size=32, path=made, cache=tmp_path)
    for _ in range(2):  # replayed, then from the disk
        images = demonstrations[0].images
        assert images is not None
        assert images.shape == (201, 32, 32, 3)
        assert images.std() > 10


def test_missing_demonstrations_are_told(made: Path) -> None:
    with pytest.raises(DemonstrationError, match="holds no demonstrations of walker-run"):
        load(["walker-run"], path=made)
    with pytest.raises(DemonstrationError, match="no demonstrations of og-point-var1 come with"):
        load(["og-point-var1"])


def test_pack_takes_the_best_of_each_task(made: Path, tmp_path: Path) -> None:
    (weak,) = (r for r in read_all(made) if r.task_id == MAZE and r.seed == min(seeds(made, MAZE)))
    EpisodeWriter(tmp_path / "more" / "rejected").add([weaker(weak)])
    EpisodeWriter(tmp_path / "more" / "episodes")
    pack([made, tmp_path / "more"], tmp_path / "packed", episodes=3)
    packed = read_all(tmp_path / "packed")
    assert [r.score for r in packed if r.task_id == MAZE] == [1.0, 1.0, 0.0]
    assert sorted(p.name for p in (tmp_path / "packed").iterdir()) == [
        f"{MAZE}.parquet",
        f"{PONG}.parquet",
    ]
    stats = {s.task: s for s in task_stats(tmp_path / "packed")}
    assert (stats[MAZE].episodes, stats[MAZE].good) == (3, 2)
    assert stats[MAZE].mean_score == pytest.approx(2 / 3)
    assert stats[MAZE].experts == ("scripted", "zero")


def test_pack_prefers_episodes_that_rounding_leads_nowhere_else(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fragile, *robust) = seeds(made, MAZE)
    monkeypatch.setattr(dataset, "is_robust", lambda record, env: record.seed != fragile)
    least = len(robust)
    pack([made], tmp_path / "some", episodes=least, steps=10**6, prefers_robust=True)
    assert seeds(tmp_path / "some", MAZE) == robust
    pack([made], tmp_path / "all", episodes=least + 1, prefers_robust=True)
    assert seeds(tmp_path / "all", MAZE) == [*robust, fragile]
    pack([made], tmp_path / "any", episodes=least, steps=10**6)
    assert sorted(seeds(tmp_path / "any", MAZE)) == sorted([*robust, fragile])


def test_pack_takes_the_better_of_two_episodes_with_one_seed(made: Path, tmp_path: Path) -> None:
    good = next(r for r in read_all(made) if r.task_id == MAZE)
    worse = dataclasses.replace(weaker(good), seed=good.seed)
    EpisodeWriter(tmp_path / "worse" / "episodes").add([worse])
    for sources in ([made, tmp_path / "worse"], [tmp_path / "worse", made]):
        pack(sources, tmp_path / "packed", episodes=3)
        assert all(r.success for r in read_all(tmp_path / "packed") if r.seed == good.seed)


def seeds(path: Path, task: str) -> list[int]:
    return [record.seed for record in read_all(path) if record.task_id == task]


def weaker(record: EpisodeRecord) -> EpisodeRecord:
    """The same task under another seed, left alone."""
    env = mmbench.make(record.task_id)
    env.reset(seed=1)
    left_alone = record_episode(env, lambda env: np.zeros(2, np.float32), agent="zero")
    assert not left_alone.success
    return left_alone


def test_minari_reads_what_is_exported(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import minari

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    demonstrations = load([PONG, MAZE], path=made, cache=tmp_path)
    ids = export_minari(demonstrations)
    assert ids == [f"mmbench/{PONG}/demos-v0", f"mmbench/{MAZE}/demos-v0"]
    dataset = minari.load_dataset(ids[1])
    assert dataset.total_episodes == 2
    assert (
        dataset.storage.metadata["description"] == f"{mmbench.task(MAZE).instruction.rstrip('.')}."
    )
    for exported, trajectory in zip(dataset.iterate_episodes(), demonstrations[2:], strict=True):
        np.testing.assert_array_equal(exported.observations, trajectory.observations)
        np.testing.assert_array_equal(exported.actions, trajectory.actions)
        np.testing.assert_array_equal(exported.rewards, trajectory.rewards)
        assert exported.truncations.tolist() == [False] * 199 + [True]
        assert not exported.terminations.any()
    with pytest.raises(DemonstrationError, match="Minari has .* already"):
        export_minari(demonstrations)


SAMPLE = ("cartpole-swingup", "mw-hammer", "ms-pick-cube", "pygame-spaceship", "og-point-spiral")


def test_the_shipped_set_is_what_is_promised() -> None:
    """Ten good episodes of most tasks, and practice, in at most 60 MiB."""
    stats = task_stats(SHIPPED)
    assert {s.task for s in stats} <= set(mmbench.SUITES["full"])
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*.parquet")) <= 60 * 2**20
    assert len(list((SHIPPED / PRACTICE).iterdir())) == 192
    assert sum(s.good >= 10 for s in stats) >= NUM_GOOD_TASKS
    assert sum(s.mean_score for s in stats) / 200 >= MEAN_SCORE


NUM_GOOD_TASKS, MEAN_SCORE = 186, 0.86


def test_a_sample_of_the_shipped_set_replays_equal() -> None:
    records = [next(iter(mmbench.demos.shipped([task]))) for task in SAMPLE]
    assert all(is_good(record) for record in records)
    assert [v for v in verify(records, workers=0) if v.answer == "different"] == []


@pytest.mark.slow
def test_the_whole_shipped_set_replays_equal() -> None:
    records = [*mmbench.demos.shipped(), *mmbench.demos.shipped_practice()]
    assert [v for v in verify(records) if v.answer == "different"] == []


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty"])
def test_a_damaged_log_is_refused(made: Path, tmp_path: Path, damage: str) -> None:
    pack([made], tmp_path)
    file = tmp_path / f"{MAZE}.parquet"
    content = file.read_bytes()
    file.write_bytes({"truncated": content[:-100], "garbage": b"x" * 500, "empty": b""}[damage])
    with pytest.raises(EpisodeError, match="is not a readable episode log"):
        load([MAZE], path=tmp_path)
