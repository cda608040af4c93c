from pathlib import Path

import numpy as np
import torch

from mmbench.training.normalise import ObsNormaliser, RewardNormaliser, running_returns
from mmbench.training.run import load_snapshot, part, prefixed, save_snapshot


def close(ours: torch.Tensor, expected: list[float]) -> bool:
    return torch.allclose(ours.double().flatten(), torch.tensor(expected).double(), atol=1e-4)


def test_observations_are_normalised_by_their_own_task() -> None:
    normaliser = ObsNormaliser(num_tasks=2, obs_dim=2)
    obs = torch.tensor([[1.0, 0.0], [3.0, 0.0], [100.0, 5.0]])
    normaliser.update(obs, torch.tensor([0, 0, 1]))
    # Task 0: mean 2 and standard deviation 1; its second entry is padding.
    assert close(normaliser(torch.tensor([3.0, 0.0]), torch.tensor(0)), [1 / 1.01, 0])
    assert close(normaliser(torch.tensor([100.0, 5.01]), torch.tensor(1)), [0, 1])


def test_observations_far_off_are_clipped() -> None:
    normaliser = ObsNormaliser(num_tasks=1, obs_dim=2)
    normaliser.update(torch.tensor([[1.0, 1.0], [3.0, 3.0]]), torch.tensor([0, 0]))
    assert close(normaliser(torch.tensor([50.0, -50.0]), torch.tensor(0)), [10, -10])


def test_a_task_without_data_is_left_as_it_is() -> None:
    normaliser = ObsNormaliser(num_tasks=2, obs_dim=1)
    normaliser.update(torch.tensor([[7.0]]), torch.tensor([0]))
    assert close(normaliser(torch.tensor([2.02]), torch.tensor(1)), [2])


def test_batches_of_any_size_make_the_same_moments() -> None:
    generator = torch.Generator().manual_seed(0)
    obs = 1000 + torch.randn(60, 4, generator=generator)
    task = torch.randint(3, (60,), generator=generator)
    at_once, in_parts = ObsNormaliser(3, 4), ObsNormaliser(3, 4)
    at_once.update(obs, task)
    for start, end in ((0, 1), (1, 8), (8, 60)):
        in_parts.update(obs[start:end], task[start:end])
    for name, value in at_once.state().items():
        torch.testing.assert_close(in_parts.state()[name], value, rtol=1e-9, atol=1e-9)
    of_task = obs[task == 1].double()
    torch.testing.assert_close(at_once.state()["mean"][1], of_task.mean(0))
    torch.testing.assert_close(at_once.state()["std"][1], of_task.std(0, correction=0))


def test_tasks_broadcast_over_observations() -> None:
    normaliser = ObsNormaliser(num_tasks=2, obs_dim=1)
    normaliser.update(torch.tensor([[1.0], [5.0]]), torch.tensor([0, 1]))
    normalised = normaliser(torch.full((2, 3, 1), 1.01), torch.tensor([[0], [1]]))
    assert close(normalised, [1, 1, 1, -10, -10, -10])


def test_rewards_are_scaled_by_the_spread_of_returns() -> None:
    normaliser = RewardNormaliser(torch.tensor([0, 1]), torch.tensor([0.5, 0.9]))
    first, later = torch.tensor([True, True]), torch.tensor([False, False])
    normaliser.update(torch.tensor([-4.0, 0.0]), first)
    normaliser.update(torch.tensor([6.0, 0.0]), later)
    # Returns of task 0: -4, then 0.5 * -4 + 6 = 4. Standard deviation 4, largest 4.
    assert close(normaliser(torch.tensor([2.0]), torch.tensor([0])), [0.5])


def test_no_scaled_return_is_larger_than_ten() -> None:
    normaliser = RewardNormaliser(torch.tensor([0]), torch.tensor([0.9]))
    for _ in range(200):  # a return that hardly spreads: 5 again and again
        normaliser.update(torch.tensor([5.0]), torch.tensor([True]))
    assert close(normaliser(torch.tensor([5.0]), torch.tensor([0])), [10])


def test_recorded_episodes_count_as_if_they_were_played() -> None:
    rewards = np.array([1, 2, -8], np.float32)
    returns = running_returns(rewards, 0.5)
    assert returns.tolist() == [1, 2.5, -6.75]
    slot_task, discounts = torch.tensor([0]), torch.tensor([0.5, 0.9])
    played, told = (RewardNormaliser(slot_task, discounts) for _ in range(2))
    for step, reward in enumerate(rewards.tolist()):
        played.update(torch.tensor([reward]), torch.tensor([step == 0]))
    told.update_returns(torch.from_numpy(returns), torch.zeros(3, dtype=torch.int64))
    for name in ("count", "mean", "std", "largest"):
        torch.testing.assert_close(told.state()[name], played.state()[name])


def test_an_episode_begins_with_its_own_reward_alone() -> None:
    normaliser = RewardNormaliser(torch.tensor([0]), torch.tensor([0.5]))
    normaliser.update(torch.tensor([100.0]), torch.tensor([True]))
    normaliser.update(torch.tensor([3.0]), torch.tensor([True]))
    assert close(normaliser.state()["return"], [3])
    normaliser.update(torch.tensor([3.0]), torch.tensor([False]))
    assert close(normaliser.state()["return"], [4.5])


def test_a_task_without_reward_has_rewards_of_zero() -> None:
    normaliser = RewardNormaliser(torch.tensor([0]), torch.tensor([0.9]))
    normaliser.update(torch.tensor([0.0]), torch.tensor([True]))
    assert close(normaliser(torch.tensor([0.0]), torch.tensor([0])), [0])


def test_normalisers_go_on_from_a_snapshot(tmp_path: Path) -> None:
    slot_task, discounts = torch.tensor([0, 1, 1]), torch.tensor([0.95, 0.99])
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(6, 3, 2, generator=generator)
    obs, rewards = ObsNormaliser(2, 2), RewardNormaliser(slot_task, discounts)

    def play(obs: ObsNormaliser, rewards: RewardNormaliser, steps: range) -> None:
        for step in steps:
            obs.update(rows[step], slot_task)
            rewards.update(rows[step, :, 0], torch.full((3,), step in (0, 4)))

    play(obs, rewards, range(3))
    state = prefixed("obs", obs.state()) | prefixed("rewards", rewards.state())
    save_snapshot(tmp_path, state, {})
    play(obs, rewards, range(3, 6))
    loaded, _ = load_snapshot(tmp_path, "cpu")
    again = ObsNormaliser(2, 2), RewardNormaliser(slot_task, discounts)
    again[0].restore(part("obs", loaded))
    again[1].restore(part("rewards", loaded))
    play(*again, range(3, 6))
    for ours, theirs in ((again[0], obs), (again[1], rewards)):
        for name, value in theirs.state().items():
            assert torch.equal(ours.state()[name], value), name
