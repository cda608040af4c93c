"""Environments of a run: whole episodes, each of a seed of its own, and how they outlive a stop."""

from multiprocessing import active_children
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from mmbench.training.collector import Collector
from mmbench.training.journal import Episode, Journal
from mmbench.training.replay import Replay

TASK = "mujoco-reacher"  # 50 steps, 2 action entries
NO_ACTION = np.zeros((2, 16), np.float32)


class Played(NamedTuple):
    task: int
    episode: Episode
    score: float


def collector(played: list[Played], clock_rate: float = 0.0, workers: int = 0) -> Collector:
    return Collector(
        ["pygame-pong", TASK],
        own=[1],
        copies=2,
        seed=3,
        obs_type="state",
        workers=workers,
        images=None,
        on_episode=lambda *episode: played.append(Played(*episode)),
        clock_rates=np.array([0, clock_rate], np.float32),
    )


def test_episodes_are_whole_and_go_on_where_a_run_was_stopped() -> None:
    played: list[Played] = []
    with collector(played) as playing:
        assert playing.seen.first.all()
        begun = playing.seen.states
        for _ in range(50):
            assert played == []
            playing.step(NO_ACTION)
        assert playing.all_begin
        assert playing.seen.first.all()
        assert playing.episodes_begun() == [1, 1]
        next_begun = playing.seen.states
        playing.step(NO_ACTION)
        assert not playing.all_begin
    assert [one.task for one in played] == [1, 1]
    for slot, one in enumerate(played):
        assert one.episode["obs"].shape == (51, 128)
        assert one.episode["action"].shape == (50, 16)
        assert one.episode["reward"].shape == (50,)
        assert 0 <= one.score <= 1
        np.testing.assert_array_equal(one.episode["obs"][0], begun[slot])
        assert not np.array_equal(one.episode["obs"][-1], next_begun[slot])
    assert not np.array_equal(begun[0], begun[1])
    resumed = collector(played)
    resumed.restore([1, 1])
    with resumed:
        np.testing.assert_array_equal(resumed.seen.states, next_begun)


def test_slots_begin_together_again_after_a_worker_is_lost() -> None:
    played: list[Played] = []
    with collector(played, workers=2) as playing:
        for _ in range(20):
            playing.step(NO_ACTION)
        lost = next(child for child in active_children() if child.name == "mmbench-worker-1")
        lost.kill()
        playing.step(NO_ACTION)
        assert not playing.is_aligned
        playing.begin_anew()
        assert playing.is_aligned
        assert playing.all_begin
        assert playing.seen.first.all()
        begun, at = playing.seen.states, playing.episodes_begun()
        for _ in range(50):
            assert played == []
            playing.step(NO_ACTION)
        assert playing.all_begin
    assert len(played) == 2
    resumed = collector(played)
    resumed.restore(at)
    with resumed:
        np.testing.assert_array_equal(resumed.seen.states, begun)


def test_clocks_are_shown_in_what_is_seen_and_in_what_is_kept() -> None:
    played: list[Played] = []
    with collector(played, clock_rate=0.5) as playing:
        times = []
        for _ in range(50):
            times.append(playing.seen.states[0, -2:])
            playing.step(NO_ACTION)
        assert playing.seen.states[0, -2:].tolist() == [1, 0]  # the next episode begins at 0
    assert times[0].tolist() == [1, 0]
    assert times[2].tolist() == pytest.approx([np.cos(1), np.sin(1)])
    np.testing.assert_allclose(played[0].episode["obs"][:50, -2:], times, atol=1e-6)
    last = played[0].episode["obs"][50, -2:]
    assert last.tolist() == pytest.approx([np.cos(25), np.sin(25)], abs=1e-5)


def episode(length: int, value: float) -> Episode:
    return {
        "obs": np.full((length + 1, 4), value, np.float32) + np.arange(length + 1)[:, None] / 64,
        "action": np.full((length, 2), -value, np.float32),
        "reward": np.full(length, 10 * value, np.float32),
    }


def test_a_journal_fills_a_buffer_as_it_was_at_a_snapshot(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.write()
    assert journal.num_files == 0  # nothing to write
    for task, one in ((1, episode(3, 1.0)), (0, episode(5, 2.0))):
        journal.add(task, one)
    journal.write()
    journal.add(0, episode(4, 3.0))  # after the snapshot
    journal.write()
    assert journal.num_files == 2
    replay = Replay(40, obs_dim=4, action_dim=2, num_tasks=2, horizon=2)
    again = Journal(tmp_path / "journal")
    again.read(1, replay)
    assert again.num_files == 1
    assert replay.num_episodes == 2
    np.testing.assert_array_equal(replay.observations(1), episode(3, 1.0)["obs"])
    np.testing.assert_array_equal(replay.observations(0), episode(5, 2.0)["obs"])
    again.add(1, episode(3, 4.0))
    again.write()  # in the place of what came after the snapshot
    later = Replay(40, obs_dim=4, action_dim=2, num_tasks=2, horizon=2)
    Journal(tmp_path / "journal").read(2, later)
    assert later.observations(1)[4:].tolist() == episode(3, 4.0)["obs"].tolist()
