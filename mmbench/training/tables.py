"""The tables of the tasks, as tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmbench.registry import get_task
from mmbench.spec import MAX_ACTION_DIM


def action_masks(tasks: Sequence[str]) -> Tensor:
    """Return 1 at the true action entries of tasks, shape `(K, MAX_ACTION_DIM)`."""
    dims = torch.tensor([get_task(name).action_dim for name in tasks])
    return (torch.arange(MAX_ACTION_DIM) < dims[:, None]).float()


def discounts(tasks: Sequence[str]) -> Tensor:
    """Return the discounts of tasks, shape `(K,)`."""
    return torch.tensor([get_task(name).effective_discount for name in tasks])
