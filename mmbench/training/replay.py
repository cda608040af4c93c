"""Episodes to learn from: a ring of rows, and an index of where sub-sequences may begin.

An episode of `T` steps takes `T + 1` rows: row `t` holds observation `t`, and the action and reward
that led to it (none in row 0).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmbench import FloatArray
from mmbench.errors import ReplayDataError

Sampling = Literal["task", "episode"]
"""`task`: a task, then one of its sub-sequences, each uniformly; `episode`: an episode, then a
sub-sequence, which is what the original does and starves tasks with long episodes."""

MEMORY_LIMIT_BYTES = 4 * 2**30
"""Larger buffers are kept in files, if there is a folder for them."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Sub-sequences of `T` steps (the horizon).

    Attributes:
        obs: Shape `(T + 1, B, obs_dim)`.
        action: `action[t]` leads from `obs[t]` to `obs[t + 1]`, shape `(T, B, A)`.
        reward: Shape `(T, B)`, task units.
        task: Rows of the model's tables, shape `(B,)`.
        feature: Image features, shape `(T + 1, B, feature_dim)`, or `None`.
        label: What to imitate, shape `(T, B, A)`; `None` for the actions.
        weight: How much to imitate it, shape `(T, B)`; `None` for 1.
        present: 1 at the steps before the episode's end, 0 past it, where the last row is repeated,
            shape `(T, B)`; `None` for 1.
        row: The buffer's rows that the sub-sequences begin at, shape `(B,)`; `None` in a joined
            batch.
    """

    obs: Tensor
    action: Tensor
    reward: Tensor
    task: Tensor
    feature: Tensor | None = None
    label: Tensor | None = None
    weight: Tensor | None = None
    present: Tensor | None = None
    row: NDArray[np.int64] | None = None

    def labels_and_weights(self) -> tuple[Tensor, Tensor]:
        """Return what to imitate, `(T, B, A)`, and how much, `(T, B)`."""
        label = self.action if self.label is None else self.label
        return label, torch.ones_like(self.reward) if self.weight is None else self.weight


class _Run(NamedTuple):
    """Rows of an episode: `start` to `end`, and its task."""

    start: int
    end: int
    task: int


class Replay:
    """A ring buffer of episodes of several tasks; new episodes take the place of the oldest.

    Args:
        capacity: Rows.
        obs_dim: Entries of an observation.
        action_dim: Entries of an action.
        num_tasks: Tasks are numbered from 0.
        horizon: Steps of a sub-sequence.
        least_steps: Steps of a sub-sequence before its episode's end; by default all.
        feature_dim: Entries of an image feature; 0 for none.
        has_labels: Whether episodes carry what to imitate, and how much.
        has_priorities: Whether sub-sequences of a task are drawn in proportion to a priority of
            their first row, see `prioritise`; else all alike.
        sampling: How sub-sequences are drawn.
        folder: For the rows of a buffer that is larger than `MEMORY_LIMIT_BYTES`.
    """

    def __init__(
        self,
        capacity: int,
        *,
        obs_dim: int,
        action_dim: int,
        num_tasks: int,
        horizon: int,
        least_steps: int | None = None,
        feature_dim: int = 0,
        has_labels: bool = False,
        has_priorities: bool = False,
        sampling: Sampling = "task",
        folder: Path | None = None,
    ) -> None:
        self.capacity = capacity
        self._horizon = horizon
        self._least_steps = horizon if least_steps is None else least_steps
        self._sampling = sampling
        self._has_labels = has_labels
        widths = {"obs": obs_dim, "action": action_dim, "reward": 1, "feature": feature_dim}
        widths |= {"label": has_labels * action_dim, "weight": int(has_labels)}
        num_bytes = capacity * 4 * sum(widths.values())
        in_files = folder is not None and num_bytes > MEMORY_LIMIT_BYTES
        self._rows: dict[str, FloatArray] = {
            name: _allocate(
                capacity, width, folder / f"{name}.f32" if in_files and folder else None
            )
            for name, width in widths.items()
        }
        self._runs: deque[_Run] = deque()
        self._on_device: dict[str, Tensor] | None = None
        self._task_weights: NDArray[np.float64] | None = None
        self._cursor = 0
        self._starts = [_StartIndex() for _ in range(num_tasks)]
        self._table: _Table | None = None
        self._priorities = np.ones(capacity if has_priorities else 0, np.float32)
        self._max_priority = np.float32(1)

    @property
    def num_episodes(self) -> int:
        """Episodes that are there."""
        return len(self._runs)

    @property
    def num_rows(self) -> int:
        """Rows that are taken."""
        return sum(run.end - run.start for run in self._runs)

    def add(
        self,
        task: int,
        obs: FloatArray,
        action: FloatArray,
        reward: FloatArray,
        feature: FloatArray | None = None,
        label: FloatArray | None = None,
        weight: float = 1.0,
    ) -> None:
        """Add an episode of `T` steps.

        Args:
            task: Number of its task.
            obs: Shape `(T + 1, O)`; narrower ones are padded with zeros.
            action: Shape `(T, A)`; narrower ones are padded with zeros.
            reward: Shape `(T,)`.
            feature: Image features, shape `(T + 1, F)`.
            label: What to imitate, shape `(T, A)`; default the actions. Only with `has_labels`.
            weight: How much to imitate it.

        Raises:
            ReplayDataError: If shapes do not fit, numbers are not finite, or the episode is longer
                than the buffer.
        """
        assert self._on_device is None, "rows that were copied cannot change"
        num_rows = len(obs)
        if len(action) != num_rows - 1 or len(reward) != num_rows - 1:
            raise ReplayDataError(
                f"an episode has {num_rows} observations, {len(action)} actions and "
                f"{len(reward)} rewards; expected one action and reward less than observations"
            )
        if num_rows > self.capacity:
            raise ReplayDataError(
                f"an episode of {num_rows} rows does not fit into {self.capacity}"
            )
        for name, values in (("obs", obs), ("action", action), ("reward", reward)):
            if not np.isfinite(values).all():
                raise ReplayDataError(f"{name} of an episode of task {task} must be finite numbers")
        if num_rows <= self._least_steps:
            return  # too short for a sub-sequence
        if self._cursor + num_rows > self.capacity:
            self._make_room(self._cursor, self.capacity)
            self._cursor = 0
        start, end = self._cursor, self._cursor + num_rows
        self._make_room(start, end)
        self._put("obs", start, obs)
        self._put("action", start + 1, action)
        self._put("reward", start + 1, reward[:, None])
        if feature is not None:
            self._put("feature", start, feature)
        if self._has_labels:
            self._put("label", start + 1, action if label is None else label)
            self._put("weight", start + 1, np.full((num_rows - 1, 1), weight, np.float32))
        self._runs.append(_Run(start, end, task))
        self._priorities[start:end] = self._max_priority
        self._starts[task].append(start, num_rows - self._least_steps)
        self._table = None
        self._cursor = end

    def sample(self, batch_size: int, rng: np.random.Generator, device: torch.device) -> Batch:
        """Draw sub-sequences.

        Raises:
            ReplayDataError: If the buffer is empty.
        """
        if not self._runs:
            raise ReplayDataError("there is no episode to learn from yet")
        task, start, num_left = self._draw(batch_size, rng)
        step = np.arange(self._horizon + 1)[:, None]
        rows = start + np.minimum(step, num_left)  # (T + 1, B)
        can_end = self._least_steps < self._horizon

        moved = {} if self._on_device is None else self._on_device
        places = torch.from_numpy(rows).to(device)

        def gathered(name: str, first: int = 0) -> torch.Tensor:
            if name in moved:
                return moved[name][places[first:]]
            return torch.from_numpy(self._rows[name].take(rows[first:], axis=0)).to(device)

        has_feature = self._rows["feature"].shape[1] > 0
        return Batch(
            obs=gathered("obs"),
            action=gathered("action", 1),
            reward=gathered("reward", 1)[..., 0],
            task=torch.from_numpy(task).to(device),
            feature=gathered("feature") if has_feature else None,
            label=gathered("label", 1) if self._has_labels else None,
            weight=gathered("weight", 1)[..., 0] if self._has_labels else None,
            present=torch.from_numpy(step[:-1] < num_left).float().to(device) if can_end else None,
            row=start,
        )

    def weigh_tasks(self, weights: NDArray[np.float64]) -> None:
        """Draw tasks in proportion to weights, shape `(num_tasks,)`, with sampling by `task`."""
        self._task_weights = weights

    def prioritise(self, row: NDArray[np.int64], priority: FloatArray) -> None:
        """Set the priorities of the sub-sequences that begin at rows, both of shape `(B,)`.

        New episodes get the largest that was ever set, at first 1.
        """
        self._priorities[row] = priority
        self._max_priority = max(self._max_priority, priority.max())

    @property
    def priorities(self) -> FloatArray:
        """The largest priority and those of all rows, to `restore_priorities`."""
        return np.append(self._max_priority, self._priorities)

    def restore_priorities(self, priorities: FloatArray) -> None:
        """Set all priorities, as they were when the buffer held what it holds now."""
        self._max_priority = priorities[0]
        self._priorities = priorities[1:].copy()

    def mean_abs_rewards(self) -> FloatArray:
        """Return the mean absolute reward of every task, shape `(num_tasks,)`; 0 without any."""
        sums, counts = np.zeros((2, len(self._starts)))
        for run in self._runs:
            sums[run.task] += np.abs(self._rows["reward"][run.start + 1 : run.end]).sum()
            counts[run.task] += run.end - run.start - 1
        return (sums / np.maximum(counts, 1)).astype(np.float32)

    def copy_to(self, device: torch.device) -> None:
        """Copy the rows to a device, which gathers batches faster; nothing can be added then."""
        self._on_device = {
            name: torch.from_numpy(rows).to(device) for name, rows in self._rows.items()
        }

    def observations(self, task: int) -> FloatArray:
        """Return all observations of a task, shape `(N, O)`.

        Raises:
            ReplayDataError: If there are none.
        """
        runs = [run for run in self._runs if run.task == task]
        if not runs:
            raise ReplayDataError(f"there is no episode of task {task}")
        return np.concatenate([self._rows["obs"][run.start : run.end] for run in runs])

    def has_episodes(self, task: int) -> bool:
        """Return whether there is an episode of a task."""
        return any(run.task == task for run in self._runs)

    def add_all(self, other: "Replay") -> None:
        """Add the episodes of another buffer, as they were played."""
        for start, end, task in other._runs:
            rows = {name: values[start:end] for name, values in other._rows.items()}
            feature = rows["feature"] if rows["feature"].shape[1] else None
            self.add(task, rows["obs"], rows["action"][1:], rows["reward"][1:, 0], feature)

    def _draw(
        self, batch_size: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return tasks, first rows and steps to the episode's end, each of shape `(B,)`."""
        if self._table is None:
            self._table = _table(self._starts)
        table = self._table
        if self._sampling == "task":
            if self._task_weights is None:
                slot = rng.integers(len(table.task), size=batch_size)
            else:
                weights = self._task_weights[table.task]
                slot = rng.choice(len(weights), size=batch_size, p=weights / weights.sum())
            episode, offset = table.draw(slot, rng)
        else:
            episode = rng.integers(len(table.first), size=batch_size)
            offset = rng.integers(table.num_starts[episode])
            slot = np.searchsorted(table.bounds, table.ends[episode], side="left") - 1
        if len(self._priorities):
            drawn = np.arange(batch_size)
            while len(drawn):  # what is refused is drawn again
                threshold = self._max_priority * rng.random(len(drawn))
                row = table.first[episode[drawn]] + offset[drawn]
                drawn = drawn[threshold >= self._priorities[row]]
                episode[drawn], offset[drawn] = table.draw(slot[drawn], rng)
        num_left = table.num_starts[episode] - offset + self._least_steps - 1
        return table.task[slot], table.first[episode] + offset, num_left

    def _make_room(self, start: int, end: int) -> None:
        """Forget the oldest episodes that have rows in `start` to `end`."""
        while self._runs and self._runs[0].start < end and self._runs[0].end > start:
            self._starts[self._runs.popleft().task].drop_oldest()
            self._table = None

    def _put(self, name: str, start: int, values: FloatArray) -> None:
        rows = self._rows[name]
        if values.shape[1] > rows.shape[1]:
            raise ReplayDataError(
                f"{name} has {values.shape[1]} entries, the buffer holds {rows.shape[1]}"
            )
        rows[start : start + len(values), : values.shape[1]] = values
        rows[start : start + len(values), values.shape[1] :] = 0


class _StartIndex:
    """Where sub-sequences of one task may begin: first rows of episodes and how many follow.

    The oldest and the newest episode come and go in constant time.
    """

    def __init__(self) -> None:
        self._entries = np.empty((2, 16), np.int64)
        self._head = self._size = 0

    @property
    def entries(self) -> NDArray[np.int64]:
        """First rows and counts, shape `(2, episodes)`."""
        return self._entries[:, self._head : self._size]

    def append(self, first: int, count: int) -> None:
        if self._size == self._entries.shape[1]:
            kept = self.entries
            num_kept = kept.shape[1]
            self._entries = np.empty((2, max(16, 2 * num_kept)), np.int64)
            self._entries[:, :num_kept] = kept
            self._head, self._size = 0, num_kept
        self._entries[:, self._size] = first, count
        self._size += 1

    def drop_oldest(self) -> None:
        self._head += 1


class _Table(NamedTuple):
    """Where sub-sequences may begin, task after task; made anew when episodes come or go.

    Attributes:
        task: Tasks with episodes, shape `(K,)`.
        bounds: Sub-sequences before each of these tasks and in all, shape `(K + 1,)`.
        first: First rows of episodes, shape `(E,)`.
        num_starts: How many sub-sequences begin in each, shape `(E,)`.
        ends: Running sum of `num_starts`, shape `(E,)`.
    """

    task: NDArray[np.int64]
    bounds: NDArray[np.int64]
    first: NDArray[np.int64]
    num_starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def draw(
        self, slot: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return an episode of each of `task[slot]`, and where in it a sub-sequence begins."""
        # In the order of the tasks, so that the draws are those of a loop over them.
        order = np.argsort(slot, kind="stable")
        place = np.empty(len(slot), np.int64)
        place[order] = rng.integers(self.bounds[slot[order]], self.bounds[slot[order] + 1])
        episode = np.searchsorted(self.ends, place, side="right")
        return episode, place - (self.ends[episode] - self.num_starts[episode])


def _table(starts: Sequence[_StartIndex]) -> _Table:
    entries = [index.entries for index in starts]
    num_episodes = np.array([part.shape[1] for part in entries])
    task = np.flatnonzero(num_episodes)
    first, num_starts = np.concatenate(entries, axis=1)
    ends = np.cumsum(num_starts)
    bounds = np.concatenate(([0], ends[np.cumsum(num_episodes[task]) - 1]))
    return _Table(task, bounds, first, num_starts, ends)


def join(batches: Sequence[Batch]) -> Batch:
    """Return the rows of several batches as one."""
    features = [batch.feature for batch in batches if batch.feature is not None]
    labels, weights = zip(*(batch.labels_and_weights() for batch in batches), strict=True)
    return Batch(
        obs=torch.cat([batch.obs for batch in batches], dim=1),
        action=torch.cat([batch.action for batch in batches], dim=1),
        reward=torch.cat([batch.reward for batch in batches], dim=1),
        task=torch.cat([batch.task for batch in batches]),
        feature=torch.cat(features, dim=1) if features else None,
        label=torch.cat(labels, dim=1),
        weight=torch.cat(weights, dim=1),
    )


def _allocate(capacity: int, width: int, file: Path | None) -> FloatArray:
    if file is None or width == 0:
        return np.zeros((capacity, width), np.float32)
    file.parent.mkdir(parents=True, exist_ok=True)
    return np.memmap(file, np.float32, "w+", shape=(capacity, width))
