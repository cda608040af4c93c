"""The replay buffer: only whole sub-sequences of episodes come out, in fair shares."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mmbench.training.replay
from mmbench.errors import ReplayDataError
from mmbench.training.replay import Replay, join

CPU = torch.device("cpu")


def made(capacity: int = 1000, **options: object) -> Replay:
    return Replay(capacity, obs_dim=3, action_dim=2, num_tasks=3, horizon=3, **options)  # type: ignore[arg-type]


def add(replay: Replay, task: int, number: int, num_steps: int) -> None:
    """Add episode `number`: observation t is (number, t), action and reward to it t."""
    t = np.arange(num_steps + 1, dtype=np.float32)
    obs = np.stack((np.full_like(t, number), t), axis=1)
    replay.add(task, obs, np.stack((t[1:], t[1:]), axis=1), t[1:])


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=40),
    sampling=st.sampled_from(["task", "episode"]),
)
def test_samples_are_consecutive_rows_of_one_episode(lengths: list[int], sampling: str) -> None:
    replay = made(capacity=100, sampling=sampling)
    for number, num_steps in enumerate(lengths):
        add(replay, number % 3, number, num_steps)
    if replay.num_episodes == 0:
        return
    batch = replay.sample(64, np.random.default_rng(0), CPU)
    episode, t = batch.obs[..., 0], batch.obs[..., 1]
    assert (episode == episode[0]).all()
    assert (t[1:] == t[:-1] + 1).all()
    assert (batch.reward == t[1:]).all()
    assert (batch.action == t[1:, :, None]).all()
    assert (batch.task == episode[0] % 3).all()
    assert (batch.obs[..., 2] == 0).all()
    last = torch.tensor([lengths[int(e)] for e in episode[0]])
    assert (t[-1] <= last).all()
    assert replay.num_rows <= 100


def test_the_oldest_give_way() -> None:
    replay = made(capacity=50)
    for number in range(10):
        add(replay, 0, number, 9)  # ten rows each
    seen = set(replay.sample(500, np.random.default_rng(0), CPU).obs[0, :, 0].tolist())
    assert seen == {5.0, 6.0, 7.0, 8.0, 9.0}
    assert (replay.num_episodes, replay.num_rows) == (5, 50)


def shares(sampling: str) -> list[float]:
    replay = made(sampling=sampling)
    add(replay, 0, 0, 400)
    for number in range(1, 4):
        add(replay, 1, number, 10)
    task = replay.sample(20000, np.random.default_rng(0), CPU).task
    return [float((task == k).float().mean()) for k in range(3)]


def test_tasks_come_in_equal_shares_or_by_their_episodes() -> None:
    assert shares("task") == pytest.approx([0.5, 0.5, 0.0], abs=0.02)
    assert shares("episode") == pytest.approx([0.25, 0.75, 0.0], abs=0.02)


def test_every_start_is_equally_likely() -> None:
    replay = made()
    add(replay, 0, 0, 5)  # starts 0, 1, 2
    add(replay, 0, 1, 3)  # start 0
    batch = replay.sample(20000, np.random.default_rng(0), CPU)
    starts = batch.obs[0, :, 0] * 10 + batch.obs[0, :, 1]
    for start in (0, 1, 2, 10):
        assert float((starts == start).float().mean()) == pytest.approx(0.25, abs=0.02)


def test_draws_are_those_of_a_loop_over_the_tasks() -> None:
    """Runs that were begun before the draws became one array operation go on as they would have."""
    replay = made(capacity=400)
    lengths: dict[int, list[int]] = {0: [5, 3, 40], 1: [], 2: [7, 90]}
    episodes = [(task, steps) for task, all_steps in lengths.items() for steps in all_steps]
    for number, (task, steps) in enumerate(episodes):
        add(replay, task, number, steps)
    batch = replay.sample(256, np.random.default_rng(5), CPU)

    rng = np.random.default_rng(5)
    tasks = np.array([0, 2])[rng.integers(2, size=256)]
    for task in (0, 2):
        starts = [
            (number, t)
            for number, (owner, steps) in enumerate(episodes)
            if owner == task
            for t in range(steps - 2)  # T + 1 rows, horizon 3
        ]
        of_task = tasks == task
        drawn = rng.integers(0, len(starts), size=of_task.sum())
        assert (batch.task.numpy() == task).tolist() == of_task.tolist()
        assert batch.obs[0, of_task, :2].tolist() == [list(starts[i]) for i in drawn]


def test_sub_sequences_may_end_with_their_episode() -> None:
    replay = made(least_steps=1)
    add(replay, 0, 0, 4)
    add(replay, 0, 1, 1)  # shorter than a sub-sequence
    batch = replay.sample(20000, np.random.default_rng(0), CPU)
    assert batch.present is not None
    start = (batch.obs[0, :, 0], batch.obs[0, :, 1])
    for episode, step, present in (
        *((0, 0, [1, 1, 1]), (0, 1, [1, 1, 1]), (0, 2, [1, 1, 0]), (0, 3, [1, 0, 0])),
        (1, 0, [1, 0, 0]),
    ):
        chosen = (start[0] == episode) & (start[1] == step)
        assert float(chosen.float().mean()) == pytest.approx(0.2, abs=0.02)
        times = batch.obs[:, chosen, 1][:, 0].tolist()
        assert times == [step, *(min(step + t, 4 if episode == 0 else 1) for t in (1, 2, 3))]
        assert (batch.present[:, chosen] == torch.tensor(present)[:, None]).all()
        assert (batch.reward[0, chosen] == step + 1).all()


def test_sub_sequences_are_drawn_by_their_priorities() -> None:
    replay = made(has_priorities=True)
    add(replay, 0, 0, 4)  # starts 0 and 1
    add(replay, 1, 1, 3)
    rng = np.random.default_rng(0)
    batch = replay.sample(100, rng, CPU)
    assert batch.row is not None
    of_first = batch.row[batch.obs[0, :, 1].numpy() == 1][:1]  # start 1 of task 0
    replay.prioritise(of_first, np.array([3.0], np.float32))
    for restored in (False, True):
        if restored:
            kept, replay = replay.priorities, made(has_priorities=True)
            add(replay, 0, 0, 4)
            add(replay, 1, 1, 3)
            replay.restore_priorities(kept)
        batch = replay.sample(20000, rng, CPU)
        step = batch.obs[0, :, 1]
        assert float((batch.task == 1).float().mean()) == pytest.approx(0.5, abs=0.02)
        assert float((step[batch.task == 0] == 1).float().mean()) == pytest.approx(0.75, abs=0.02)
    add(replay, 0, 2, 3)  # as likely as the likeliest
    batch = replay.sample(20000, rng, CPU)
    episode = batch.obs[0, batch.task == 0, 0]
    assert float((episode == 2).float().mean()) == pytest.approx(3 / 7, abs=0.02)


def test_mean_absolute_rewards_are_those_of_the_tasks() -> None:
    replay = made()
    add(replay, 0, 0, 4)
    reward = np.array([-1.0, 1.0, -4.0], np.float32)
    replay.add(2, np.zeros((4, 3), np.float32), np.zeros((3, 2), np.float32), reward)
    assert replay.mean_abs_rewards().tolist() == [2.5, 0.0, 2.0]


def test_bad_episodes_are_refused() -> None:
    replay = made(capacity=20)
    ones = np.ones((5, 3), np.float32)
    with pytest.raises(ReplayDataError, match="there is no episode"):
        replay.sample(1, np.random.default_rng(0), CPU)
    with pytest.raises(ReplayDataError, match="5 observations, 5 actions and 4 rewards"):
        replay.add(0, ones, ones[:, :2], np.ones(4, np.float32))
    with pytest.raises(ReplayDataError, match="reward of an episode of task 2 must be finite"):
        replay.add(2, ones, ones[:4, :2], np.full(4, np.nan, np.float32))
    with pytest.raises(ReplayDataError, match="an episode of 21 rows does not fit into 20"):
        add(replay, 0, 0, 20)
    with pytest.raises(ReplayDataError, match="action has 3 entries, the buffer holds 2"):
        replay.add(0, ones, ones[:4], np.ones(4, np.float32))


def test_a_large_buffer_lies_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmbench.training.replay, "MEMORY_LIMIT_BYTES", 1000)
    replay = made(folder=tmp_path)
    add(replay, 0, 7, 20)
    assert (tmp_path / "obs.f32").stat().st_size == 1000 * 3 * 4
    assert (replay.sample(4, np.random.default_rng(0), CPU).obs[..., 0] == 7).all()


def test_batches_join() -> None:
    replay = made()
    add(replay, 1, 4, 20)
    rng = np.random.default_rng(0)
    joined = join([replay.sample(3, rng, CPU), replay.sample(2, rng, CPU)])
    assert joined.obs.shape == (4, 5, 3)
    assert joined.task.tolist() == [1] * 5


def test_tasks_come_as_often_as_they_are_weighed() -> None:
    replay = made()
    for task in range(3):
        add(replay, task, task, 10)
    replay.weigh_tasks(np.array([1.0, 0.0, 3.0]))
    drawn = replay.sample(4000, np.random.default_rng(0), CPU).task
    shares = np.bincount(drawn.numpy(), minlength=3) / 4000
    np.testing.assert_allclose(shares, [0.25, 0, 0.75], atol=0.03)
