"""Several processes that train one model: started by torchrun, one per GPU."""

import atexit
import os
from collections.abc import Iterable
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

_PATIENCE = timedelta(hours=6)
"""The first process evaluates while the others wait."""


class Group:
    """The processes of a run; one alone unless torchrun started this one.

    Attributes:
        rank: Number of this process.
        size: How many there are.
    """

    def __init__(self, device: torch.device) -> None:
        self.rank = int(os.environ.get("RANK", 0))
        self.size = int(os.environ.get("WORLD_SIZE", 1))
        if self.size > 1 and not distributed.is_initialized():
            backend = "nccl" if device.type == "cuda" else "gloo"
            distributed.init_process_group(backend, timeout=_PATIENCE)
            # Threads of a group that outlive the interpreter abort the process at exit.
            atexit.register(distributed.destroy_process_group)

    @property
    def is_first(self) -> bool:
        """Whether this process evaluates, logs and saves."""
        return self.rank == 0

    def device(self, device: torch.device) -> torch.device:
        """Return this process's own GPU where GPUs are used."""
        if device.type == "cuda" and self.size > 1:
            return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        return device

    def share(self, module: nn.Module) -> None:
        """Give every process the first one's weights and tables."""
        if self.size > 1:
            for tensor in module.state_dict().values():
                distributed.broadcast(tensor, src=0)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their mean over the processes, in one exchange."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        self.average(flat)
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, mean in zip(gradients, torch.split(flat, sizes), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def average(self, tensor: Tensor) -> None:
        """Replace a tensor by its mean over the processes."""
        if self.size > 1:
            distributed.all_reduce(tensor)
            tensor /= self.size

    def agree(self, flag: bool, device: torch.device) -> bool:
        """Return whether all processes say yes."""
        if self.size == 1:
            return flag
        votes = torch.tensor(int(flag), device=device)
        distributed.all_reduce(votes, distributed.ReduceOp.MIN)
        return bool(votes)
