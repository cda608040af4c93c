"""The spread of values, which the policy's loss is divided by."""

from collections.abc import Mapping

import torch
from torch import Tensor

_PERCENTILES = (0.05, 0.95)
_WINDOW = 128
"""Values of a task that its percentiles are taken of: a batch holds one or two."""


class RunningScale:
    """The distance of the 5th and the 95th percentile of values, at least 1, slowly followed.

    With one group it is followed from batch to batch, as in the original; with several, each has
    the percentiles of its own last values.

    Args:
        num_groups: 1 for one scale over all tasks, or the number of tasks.
        rate: Share of the way to the newest spread that an update goes.
        device: Where the numbers are kept.

    Attributes:
        value: Of the groups, shape `(num_groups,)`.
    """

    def __init__(self, num_groups: int, rate: float, device: torch.device) -> None:
        self.value = torch.ones(num_groups, device=device)
        self._rate = rate
        self._percentiles = torch.tensor(_PERCENTILES, device=device)
        shape = (num_groups, _WINDOW if num_groups > 1 else 0)
        self._recent = torch.full(shape, torch.nan, device=device)
        self._num_seen = torch.zeros(num_groups, dtype=torch.long, device=device)

    def of(self, task: Tensor) -> Tensor:
        """Return the scale of each row, shape `(B,)`."""
        return self.value[task if len(self.value) > 1 else torch.zeros_like(task)]

    def update(self, q: Tensor, task: Tensor) -> None:
        """Take in values of tasks, each `(B,)`."""
        if len(self.value) == 1:
            low, high = torch.quantile(q.float(), self._percentiles)
            self.value += self._rate * (torch.clamp(high - low, min=1.0) - self.value)
            return
        self._remember(q.float(), task)
        low, high = torch.nanquantile(self._recent, self._percentiles, dim=1)
        spread = torch.where(self._num_seen > 0, torch.clamp(high - low, min=1.0), self.value)
        self.value += self._rate * (spread - self.value)

    def tensors(self) -> dict[str, Tensor]:
        """Return all there is to remember, as `restore` takes it."""
        found = {"scale": self.value}
        if len(self.value) > 1:
            found |= {"scale_recent": self._recent, "scale_num_seen": self._num_seen}
        return found

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` returned; before windows there was the value alone."""
        self.value = tensors["scale"]
        self._recent = tensors.get("scale_recent", self._recent)
        self._num_seen = tensors.get("scale_num_seen", self._num_seen)

    def _remember(self, q: Tensor, task: Tensor) -> None:
        """Put every value in its task's window, in the place of the oldest."""
        task, order = torch.sort(task, stable=True)
        count = torch.bincount(task, minlength=len(self.value))
        begin = torch.cumsum(count, 0) - count
        rank = torch.arange(len(task), device=task.device) - begin[task]
        is_kept = rank >= count[task] - _WINDOW
        place = (self._num_seen[task] + rank) % _WINDOW
        self._recent[task[is_kept], place[is_kept]] = q[order][is_kept]
        self._num_seen += count
