"""Running normalisers of every task's own: entry j means different things in different tasks.

They move only when they are given fresh data, never by what is replayed or evaluated.

Source:
    arXiv:2505.22642 (FastTD3), the scaling of rewards in its multitask mode.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from mmbench.simulator import FloatArray

OBS_LIMIT = 10.0
"""Normalised observations are clipped to this."""
RETURN_LIMIT = 10.0
"""Largest scaled return: no return seen so far is larger after scaling."""
_OBS_EPSILON, _REWARD_EPSILON = 0.01, 1e-8


class ObsNormaliser:
    """Mean and variance of the observations of every task, entry by entry.

    Padding, always 0, stays 0. A task without data has mean 0 and variance 1.

    Args:
        num_tasks: K.
        obs_dim: O.
        device: Where the numbers are kept.
    """

    def __init__(self, num_tasks: int, obs_dim: int, device: torch.device | str = "cpu") -> None:
        self._moments = _Moments(num_tasks, obs_dim, device)

    def update(self, obs: Tensor, task: Tensor) -> None:
        """Take in fresh observations `(N, O)` of tasks `(N,)`."""
        self._moments.update(obs, task)

    def __call__(self, obs: Tensor, task: Tensor) -> Tensor:
        """Return normalised observations, float32, shape `(..., O)`.

        Args:
            obs: Observations, shape `(..., O)`.
            task: Their tasks, of a shape that broadcasts to `(...)`.
        """
        mean, std = self._moments.mean[task], self._moments.std[task]
        normalised = (obs - mean) / (std + _OBS_EPSILON)
        return normalised.clamp(-OBS_LIMIT, OBS_LIMIT).float()

    def state(self) -> dict[str, Tensor]:
        """Return all there is to remember, as `restore` takes it."""
        return self._moments.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` returned."""
        self._moments.restore(state)


class RewardNormaliser:
    """Scales rewards of every task by its discounted returns.

    Args:
        slot_task: Task of every environment, shape `(E,)`.
        discounts: Of the tasks, shape `(K,)`.
        device: Where the numbers are kept.
    """

    def __init__(
        self, slot_task: Tensor, discounts: Tensor, device: torch.device | str = "cpu"
    ) -> None:
        self._slot_task = slot_task.to(device)
        self._discount = discounts.double().to(device)[self._slot_task]
        self._moments = _Moments(len(discounts), 1, device)
        self._return = torch.zeros(len(slot_task), dtype=torch.float64, device=device)
        self._largest = torch.zeros(len(discounts), dtype=torch.float64, device=device)

    def update(self, reward: Tensor, first: Tensor) -> None:
        """Take in what an env step of every environment has brought.

        Args:
            reward: Raw rewards, shape `(E,)`.
            first: Whether the step was the first of an episode, shape `(E,)`.
        """
        self._return = torch.where(first, 0.0, self._discount * self._return) + reward
        self.update_returns(self._return, self._slot_task)

    def update_returns(self, returns: Tensor, task: Tensor) -> None:
        """Take in what `running_returns` tells of episodes, `(N,)`, of tasks `(N,)`."""
        self._moments.update(returns[:, None], task)
        self._largest.scatter_reduce_(0, task, returns.double().abs(), "amax")

    def __call__(self, reward: Tensor, task: Tensor) -> Tensor:
        """Return scaled rewards, float32, of rewards and tasks of shapes that broadcast."""
        std = self._moments.std[:, 0] + _REWARD_EPSILON
        scale = torch.maximum(std, self._largest / RETURN_LIMIT)
        return (reward / scale[task]).float()

    def state(self) -> dict[str, Tensor]:
        """Return all there is to remember, as `restore` takes it."""
        return {**self._moments.state(), "return": self._return, "largest": self._largest}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` returned."""
        self._moments.restore(state)
        self._return.copy_(state["return"])
        self._largest.copy_(state["largest"])


def running_returns(rewards: FloatArray, discount: float) -> FloatArray:
    """Return the discounted sum of an episode's rewards up to every step, shape `(T,)`."""
    total, sums = 0.0, np.empty_like(rewards)
    for step, reward in enumerate(rewards.tolist()):
        total = discount * total + reward
        sums[step] = total
    return sums


class _Moments:
    """Count, mean and population variance per task, joined batch by batch (Chan et al., 1979)."""

    def __init__(self, num_tasks: int, dim: int, device: torch.device | str) -> None:
        self._count = torch.zeros(num_tasks, 1, dtype=torch.float64, device=device)
        self.mean = torch.zeros(num_tasks, dim, dtype=torch.float64, device=device)
        self.std = torch.ones_like(self.mean)

    def update(self, values: Tensor, task: Tensor) -> None:
        """Take in values `(N, D)` of tasks `(N,)`."""
        values = values.double()
        # Sums as a product: the same bits every time, on a GPU too.
        member = torch.nn.functional.one_hot(task, len(self.mean)).double().T
        count = member.sum(1, keepdim=True)
        mean = member @ values / count.clamp(min=1)
        squares = member @ (values - mean[task]).square()
        total = self._count + count
        share = count / total.clamp(min=1)
        apart = mean - self.mean
        squares += self._count * (self.std.square() + share * apart.square())
        is_new = count > 0
        self.std = torch.where(is_new, (squares / total.clamp(min=1)).sqrt(), self.std)
        self.mean = self.mean + share * apart
        self._count = total

    def state(self) -> dict[str, Tensor]:
        """Return the numbers."""
        return {"count": self._count, "mean": self.mean, "std": self.std}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` returned."""
        self._count.copy_(state["count"])
        self.mean.copy_(state["mean"])
        self.std.copy_(state["std"])
