"""The tables of the tasks, as tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmbench.language import EncoderName, task_embeddings
from mmbench.registry import get_task
from mmbench.spec import MAX_ACTION_DIM, MAX_OBS_DIM

_EMBEDDING_NORM = 1.13


def action_masks(tasks: Sequence[str]) -> Tensor:
    """Return 1 at the true action entries of tasks, shape `(K, MAX_ACTION_DIM)`."""
    dims = torch.tensor([get_task(name).action_dim for name in tasks])
    return (torch.arange(MAX_ACTION_DIM) < dims[:, None]).float()


def obs_masks(tasks: Sequence[str]) -> Tensor:
    """Return 1 at the true entries of tasks' observations, shape `(K, MAX_OBS_DIM)`."""
    dims = torch.tensor([get_task(name).obs_dim for name in tasks])
    return (torch.arange(MAX_OBS_DIM) < dims[:, None]).float()


def discounts(tasks: Sequence[str]) -> Tensor:
    """Return the discounts of tasks, shape `(K,)`."""
    return torch.tensor([get_task(name).effective_discount for name in tasks])


def embeddings(tasks: Sequence[str], encoder: EncoderName) -> Tensor:
    """Return the vectors of tasks for networks that do not normalise their input, shape `(K, E)`.

    Their length is 1.13, so that entries are of the order of 0.05: some are above 10 else.
    """
    vectors = torch.from_numpy(task_embeddings(tasks, encoder))
    return _EMBEDDING_NORM * torch.nn.functional.normalize(vectors, dim=-1)
