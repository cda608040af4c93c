"""The last env steps of every environment, on the device that learns, and n-step sums of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mmbench.simulator import FloatArray
from mmbench.spec import MAX_ACTION_DIM, MAX_OBS_DIM


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """Steps to learn a value from, `B` of each of `L` lanes.

    Attributes:
        obs: Shape `(L, B, O)`.
        action: Shape `(L, B, A)`.
        total: Discounted sum of up to `n` rewards, shape `(L, B)`.
        factor: Discount of what follows `next_obs`, shape `(L, B)`.
        next_obs: Shape `(L, B, O)`.
    """

    obs: Tensor
    action: Tensor
    total: Tensor
    factor: Tensor
    next_obs: Tensor

    def grouped(self, num_groups: int) -> "Transitions":
        """Return the rows of neighbouring lanes side by side, so that `num_groups` are left."""
        return Transitions(
            **{
                name: rows.reshape(num_groups, -1, *rows.shape[2:])
                for name, rows in vars(self).items()
            }
        )

    def joined(self, other: "Transitions") -> "Transitions":
        """Return these rows and then those of another, lane by lane."""
        pairs = {name: (rows, getattr(other, name)) for name, rows in vars(self).items()}
        return Transitions(**{name: torch.cat(pair, dim=1) for name, pair in pairs.items()})


class Ring:
    """The last rows of every lane: an environment, or the demonstrations of a task.

    An episode of `T` steps takes `T + 1` rows: row `t` holds observation `t`, and the action and
    reward that follow it; the last row holds an observation alone. Every end is a truncation.

    Args:
        num_lanes: L.
        capacity: Rows per lane.
        device: Where they are kept.
    """

    def __init__(self, num_lanes: int, capacity: int, device: torch.device | str = "cpu") -> None:
        self._capacity = capacity
        self._device = device
        self._lanes = torch.arange(num_lanes, device=device)
        self._rows = {
            "obs": torch.zeros(num_lanes, capacity, MAX_OBS_DIM, device=device),
            "action": torch.zeros(num_lanes, capacity, MAX_ACTION_DIM, device=device),
            "reward": torch.zeros(num_lanes, capacity, device=device),
            "is_last": torch.zeros(num_lanes, capacity, dtype=torch.bool, device=device),
            # Where the row of a lane's k-th step is: steps are drawn, not rows.
            "of_step": torch.zeros(num_lanes, capacity, dtype=torch.int64, device=device),
        }
        # How many rows and steps were ever written, and how many steps were written over.
        self._counts = {
            name: torch.zeros(num_lanes, dtype=torch.int64, device=device)
            for name in ("num_rows", "num_steps", "num_lost")
        }

    def add(
        self, lanes: Tensor, obs: Tensor, action: Tensor, reward: Tensor, is_last: Tensor
    ) -> None:
        """Write a row of some lanes.

        Args:
            lanes: Which, each once, shape `(n,)`.
            obs: Shape `(n, O)`.
            action: Shape `(n, A)`; ignored in last rows, as are rewards.
            reward: Shape `(n,)`.
            is_last: Whether the episode ends with this observation, shape `(n,)`.
        """
        rows, counts = self._rows, self._counts
        number, step = counts["num_rows"][lanes], counts["num_steps"][lanes]
        place = number % self._capacity
        is_full = number >= self._capacity
        counts["num_lost"][lanes] += is_full & ~rows["is_last"][lanes, place]
        rows["obs"][lanes, place] = obs
        rows["action"][lanes, place] = action.masked_fill(is_last[:, None], 0)
        rows["reward"][lanes, place] = reward.masked_fill(is_last, 0)
        rows["is_last"][lanes, place] = is_last
        rows["of_step"][lanes, step % self._capacity] = number
        counts["num_steps"][lanes] += ~is_last
        counts["num_rows"][lanes] += 1

    def end(self, lanes: Tensor, obs: Tensor) -> None:
        """Write the last rows of episodes in some lanes, shapes `(n,)` and `(n, O)`."""
        nothing = torch.zeros(len(lanes), MAX_ACTION_DIM, device=self._device)
        is_last = torch.ones(len(lanes), dtype=torch.bool, device=self._device)
        self.add(lanes, obs, nothing, nothing[:, 0], is_last)

    def add_episode(
        self, lane: int, obs: FloatArray, actions: FloatArray, rewards: FloatArray
    ) -> None:
        """Write a whole episode of `T` steps, narrower rows padded.

        Args:
            lane: Which.
            obs: Shape `(T + 1, O)`.
            actions: Shape `(T, A)`.
            rewards: Shape `(T,)`.

        Raises:
            ValueError: If the lane has no room that is empty for it.
        """
        counts, length = self._counts, len(rewards)
        start, step = int(counts["num_rows"][lane]), int(counts["num_steps"][lane])
        if start + length + 1 > self._capacity:
            raise ValueError(
                f"lane {lane} holds {start} of {self._capacity} rows; {length + 1} are too many"
            )
        written = slice(start, start + length)
        for name, values in (("obs", obs), ("action", actions)):
            rows = torch.from_numpy(values)
            self._rows[name][lane, start : start + len(rows), : rows.shape[1]] = rows
        self._rows["reward"][lane, written] = torch.from_numpy(rewards)
        self._rows["is_last"][lane, start + length] = True
        self._rows["of_step"][lane, step : step + length] = torch.arange(start, start + length)
        counts["num_steps"][lane] += length
        counts["num_rows"][lane] += length + 1

    def num_starts(self) -> Tensor:
        """Return how many steps of every lane can be drawn: all whose outcome is known."""
        counts = self._counts
        # What the newest row leads to is not known yet, unless it is a last one.
        is_open = ~self._at("is_last", counts["num_rows"][:, None] - 1)[:, 0]
        return counts["num_steps"] - counts["num_lost"] - is_open.long()

    def sample(
        self, num_steps: int, discount: Tensor, n_step: int, generator: torch.Generator
    ) -> Transitions:
        """Draw steps of every lane, all with the same chance.

        Sums of rewards stop where an episode ends, and at the newest row.

        Args:
            num_steps: Per lane, `B`; every lane needs one that can be drawn.
            discount: Of the lanes, shape `(L,)`.
            n_step: Rewards to sum at most.
            generator: Of the draws.
        """
        shape = len(self._lanes), num_steps
        drawn = torch.rand(shape, generator=generator, device=self._device)
        step = self._counts["num_lost"][:, None] + (drawn * self.num_starts()[:, None]).long()
        start = self._at("of_step", step)
        offset = torch.arange(n_step, device=self._device)
        window = start[..., None] + offset
        newest = self._counts["num_rows"][:, None, None] - 1
        is_within = (~self._at("is_last", window) & (window < newest)).long().cumprod(-1)
        weight = is_within * discount[:, None, None] ** offset
        taken = is_within.sum(-1)
        return Transitions(
            obs=self._at("obs", start),
            action=self._at("action", start),
            total=(weight * self._at("reward", window)).sum(-1),
            factor=discount[:, None] ** taken,
            next_obs=self._at("obs", start + taken),
        )

    def state(self) -> dict[str, Tensor]:
        """Return all there is to remember, as `restore` takes it."""
        filled = int(self._counts["num_rows"].clamp(max=self._capacity).max())
        return {name: rows[:, :filled] for name, rows in self._rows.items()} | self._counts

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` of a ring of the same size returned."""
        for name, rows in self._rows.items():
            rows[:, : state[name].shape[1]] = state[name]
        for name, count in self._counts.items():
            count.copy_(state[name])

    def _at(self, name: str, number: Tensor) -> Tensor:
        """Return entries of rows by their numbers, shape `(L, ...)`."""
        lanes = self._lanes.view(-1, *[1] * (number.ndim - 1))
        return self._rows[name][lanes, number % self._capacity]
