"""The element-wise parts of the networks, written to be fast where nothing fuses them.

PyTorch's own Mish and its softmax over eight consecutive entries are not vectorised on CPUs, and
take as long as the matrix products beside them.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

SIMNORM_GROUP = 8
_LARGE = 20.0  # Mish is the identity from here on, in float32


def mish(x: Tensor) -> Tensor:
    """Return x tanh(softplus(x)).

    On a GPU it is PyTorch's own: compiled for an H200 by PyTorch 2.11, ours lost all gradients.
    """
    if x.is_cuda:
        return functional.mish(x)
    return _Mish.apply(x)  # type: ignore[no-untyped-call]  # torch has no types here


def simnorm(x: Tensor) -> Tensor:
    """Apply a softmax to groups of eight entries of the last axis.

    Entries `i`, `i + D / 8`, `i + 2 D / 8` and so on are a group: a softmax over a strided axis is
    vectorised. The original groups consecutive entries; its checkpoints are reordered when read.
    """
    grouped = x.view(*x.shape[:-1], SIMNORM_GROUP, -1)
    return functional.softmax(grouped, dim=-2).flatten(-2)


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


class _Mish(torch.autograd.Function):
    """With q = (1 + exp x)^2, tanh(softplus x) is 1 - 2 / (q + 1).

    In 16 bits that difference is nothing for negative x: in between, all is float32.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        wide = _wide(x)
        q = wide.clamp(max=_LARGE).exp_().add_(1).square_()
        return torch.addcmul(wide, wide, q.add_(1).reciprocal_(), value=-2).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (saved,) = ctx.saved_tensors
        x = _wide(saved)
        e = x.clamp(max=_LARGE).exp_()
        root = e + 1
        r = root.square().add_(1).reciprocal_()
        slope = e.mul_(root).mul_(r).mul_(r).mul_(x).mul_(4)
        return slope.sub_(r, alpha=2).add_(1).mul_(grad).to(saved.dtype)
