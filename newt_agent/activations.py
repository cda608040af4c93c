"""The element-wise parts of the networks, written to be fast where nothing fuses them.

PyTorch's own Mish and its softmax over eight entries are not vectorised on CPUs, and take as long
as the matrix products beside them.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SIMNORM_GROUP = 8
_LARGE = 20.0  # Mish is the identity from here on, in float32
_CLAMP = 60.0  # keeps exp finite; what layer norm returns stays far below


def mish(x: Tensor) -> Tensor:
    """Return x tanh(softplus(x))."""
    return _Mish.apply(x)  # type: ignore[no-untyped-call]  # torch has no types here


def simnorm(x: Tensor) -> Tensor:
    """Apply a softmax to every group of eight consecutive entries of the last axis."""
    return _SimNorm.apply(x)  # type: ignore[no-untyped-call]  # torch has no types here


class _Mish(torch.autograd.Function):
    """With q = (1 + exp x)^2, tanh(softplus x) is 1 - 2 / (q + 1)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        q = x.clamp(max=_LARGE).exp_().add_(1).square_()
        return torch.addcmul(x, x, q.add_(1).reciprocal_(), value=-2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        e = x.clamp(max=_LARGE).exp_()
        root = e + 1
        r = root.square().add_(1).reciprocal_()
        slope = e.mul_(root).mul_(r).mul_(r).mul_(x).mul_(4)
        return slope.sub_(r, alpha=2).add_(1).mul_(grad)


class _SimNorm(torch.autograd.Function):
    """Sums over groups are products with a matrix of ones and zeros."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        groups = _groups(x.shape[-1], x.dtype, x.device)
        e = x.clamp(-_CLAMP, _CLAMP).exp_()
        y = e.mul_((e @ groups).reciprocal_() @ groups.T)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        groups = _groups(y.shape[-1], y.dtype, y.device)
        weighted = y * grad
        return weighted.addcmul_(y, (weighted @ groups) @ groups.T, value=-1)


def _groups(width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return which group an entry is in, shape `(width, width / 8)`."""
    num_groups = width // SIMNORM_GROUP
    return torch.eye(num_groups, dtype=dtype, device=device).repeat_interleave(SIMNORM_GROUP, dim=0)
