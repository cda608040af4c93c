import numpy as np
import torch

from mmbench.spec import MAX_ACTION_DIM, MAX_OBS_DIM
from mmbench.training.ring import Ring, Transitions

HALF = torch.tensor([0.5])


def padded(number: float, dim: int) -> torch.Tensor:
    """Return a row whose first entry is a number, shape `(1, dim)`."""
    return torch.nn.functional.pad(torch.tensor([[float(number)]]), (0, dim - 1))


def play(ring: Ring, rewards: list[float], *, lane: int = 0, ends: bool = True) -> None:
    """Add an episode; the observation and the action of a step are 1 and 2 times its reward."""
    lanes, is_last = torch.tensor([lane]), torch.tensor([False])
    for reward in rewards:
        row = torch.tensor([float(reward)])
        ring.add(
            lanes, padded(reward, MAX_OBS_DIM), padded(2 * reward, MAX_ACTION_DIM), row, is_last
        )
    if ends:
        ring.end(lanes, padded(100 + rewards[-1], MAX_OBS_DIM))


def drawn(ring: Ring, n_step: int, number: int = 200) -> dict[float, tuple[float, float, float]]:
    """Return total, factor and next observation by the observation that a step begins with."""
    found = ring.sample(number, HALF, n_step, torch.Generator().manual_seed(0))
    assert torch.equal(found.action[0, :, 0], 2 * found.obs[0, :, 0])
    columns = (found.obs[..., 0], found.total, found.factor, found.next_obs[..., 0])
    return {
        obs: (total, factor, reached)
        for obs, total, factor, reached in zip(*(c[0].tolist() for c in columns), strict=True)
    }


def test_sums_of_rewards_stop_where_the_episode_ends() -> None:
    ring = Ring(1, 10)
    play(ring, [1, 2, 3])
    play(ring, [8, 16])
    assert drawn(ring, n_step=2) == {
        1: (1 + 0.5 * 2, 0.25, 3),
        2: (2 + 0.5 * 3, 0.25, 103),
        3: (3, 0.5, 103),
        8: (8 + 0.5 * 16, 0.25, 116),
        16: (16, 0.5, 116),
    }


def test_the_newest_step_is_not_drawn_and_sums_stop_there() -> None:
    ring = Ring(1, 10)
    play(ring, [1, 2, 3], ends=False)
    assert ring.num_starts().tolist() == [2]
    assert drawn(ring, n_step=8) == {1: (1 + 0.5 * 2, 0.25, 3), 2: (2, 0.5, 3)}


def test_old_rows_are_written_over() -> None:
    ring = Ring(1, 5)
    play(ring, [1, 2, 3])
    play(ring, [4, 5, 6], ends=False)
    # Rows 2 to 6 are left: step 3, the end of the first episode, and steps 4, 5 and 6.
    assert ring.num_starts().tolist() == [3]
    assert drawn(ring, n_step=3) == {
        3: (3, 0.5, 103),
        4: (4 + 0.5 * 5, 0.25, 6),
        5: (5, 0.5, 6),
    }
    play(ring, [7], ends=False)
    # Now the end of the first episode is the oldest row: it begins nothing.
    assert set(drawn(ring, n_step=3)) == {4, 5, 6}


def test_a_ring_full_of_steps_of_one_episode() -> None:
    ring = Ring(1, 3)
    play(ring, [1, 2, 3, 4, 5])
    assert drawn(ring, n_step=1) == {4: (4, 0.5, 5), 5: (5, 0.5, 105)}
    play(ring, [6, 7, 8], ends=False)
    assert drawn(ring, n_step=1) == {6: (6, 0.5, 7), 7: (7, 0.5, 8)}


def test_an_episode_may_end_with_its_first_observation() -> None:
    ring = Ring(1, 10)
    play(ring, [1])
    ring.end(torch.tensor([0]), padded(50, MAX_OBS_DIM))  # the worker died at once
    play(ring, [2])
    assert drawn(ring, n_step=4) == {1: (1, 0.5, 101), 2: (2, 0.5, 102)}


def test_last_rows_hold_neither_action_nor_reward() -> None:
    ring = Ring(2, 4)
    obs, action = torch.ones(2, MAX_OBS_DIM), torch.ones(2, MAX_ACTION_DIM)
    ring.add(torch.arange(2), obs, action, torch.ones(2), torch.tensor([True, False]))
    state = ring.state()
    assert state["action"][:, 0, 0].tolist() == [0, 1]
    assert state["reward"][:, 0].tolist() == [0, 1]
    assert ring.num_starts().tolist() == [0, 0]


def test_all_steps_are_drawn_as_often() -> None:
    ring = Ring(1, 12)
    play(ring, [1])
    play(ring, [2, 3, 4])
    play(ring, [5])
    found = ring.sample(5000, HALF, 1, torch.Generator().manual_seed(0)).obs[0, :, 0]
    counts = torch.bincount(found.long(), minlength=6)[1:]
    assert counts.sum() == 5000
    assert ((counts - 1000).abs() < 100).all()  # 3.5 standard deviations


def test_lanes_have_their_own_steps_and_discounts() -> None:
    ring = Ring(2, 4)
    play(ring, [1, 2], lane=0)
    play(ring, [4, 8], lane=1)
    found = ring.sample(20, torch.tensor([0.5, 0.25]), 2, torch.Generator().manual_seed(0))
    of_first = found.obs[..., 0] == torch.tensor([[1.0], [4.0]])
    assert set(found.obs[0, :, 0].tolist()) == {1, 2}
    assert set(found.total[1][of_first[1]].tolist()) == {4 + 0.25 * 8}
    assert set(found.factor[1][of_first[1]].tolist()) == {0.0625}


def test_whole_episodes_are_added_as_if_step_by_step() -> None:
    at_once, stepwise = Ring(1, 8), Ring(1, 8)
    for rewards in ([1, 2, 3], [5, 6]):
        play(stepwise, rewards)
        steps = np.array(rewards, np.float32)
        obs = np.append(steps, 100 + steps[-1])[:, None]
        at_once.add_episode(0, obs, 2 * steps[:, None], steps)
    assert drawn(at_once, 2) == drawn(stepwise, 2)
    for name, rows in stepwise.state().items():
        if name != "of_step":  # whose entry for the step that comes next is not used yet
            assert torch.equal(at_once.state()[name], rows)


def test_what_was_restored_goes_on_the_same() -> None:
    ring, copy = Ring(2, 6), Ring(2, 6)
    play(ring, [1, 2, 3], lane=0)
    play(ring, [1, 2, 3, 4, 5, 6, 7], lane=1)
    copy.restore({name: rows.clone() for name, rows in ring.state().items()})
    for one in (ring, copy):
        play(one, [9, 9, 9, 9], lane=0)
    discount = torch.tensor([0.5, 0.5])
    ours, theirs = (
        of.sample(30, discount, 3, torch.Generator().manual_seed(1)) for of in (ring, copy)
    )
    for name, rows in vars(ours).items():
        assert torch.equal(rows, getattr(theirs, name))


def test_lanes_of_a_task_are_put_side_by_side() -> None:
    rows = torch.arange(12.0).view(4, 3)
    both = Transitions(obs=rows, action=rows, total=rows, factor=rows, next_obs=rows)
    assert both.grouped(2).obs.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert both.joined(both).total[0].tolist() == [0, 1, 2, 0, 1, 2]
