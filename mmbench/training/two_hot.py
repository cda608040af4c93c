"""Scalars as distributions over bins: how rewards and values are regressed.

101 bins lie evenly between -10 and 10 in symlog space.

Source:
    arXiv:2310.16828 (TD-MPC2), section 3.1, after arXiv:2301.04104 (DreamerV3).
"""

import torch
from torch import Tensor
from torch.nn import functional

NUM_BINS = 101
LIMIT = 10.0
_SPACING = 2 * LIMIT / (NUM_BINS - 1)


def symlog(x: Tensor) -> Tensor:
    """Return sign(x) ln(1 + |x|)."""
    return torch.sign(x) * torch.log1p(torch.abs(x))


def symexp(x: Tensor) -> Tensor:
    """Return the inverse of `symlog`."""
    return torch.sign(x) * torch.expm1(torch.abs(x))


def two_hot(x: Tensor) -> Tensor:
    """Return the distribution that stands for a scalar: shape `(...)` to `(..., NUM_BINS)`."""
    lower, share = _place(x)
    hot = torch.zeros((*x.shape, NUM_BINS), dtype=share.dtype, device=x.device)
    hot.scatter_(-1, lower[..., None], (1 - share)[..., None])
    upper = torch.clamp(lower + 1, max=NUM_BINS - 1)
    hot.scatter_add_(-1, upper[..., None], share[..., None])
    return hot


def cross_entropy(logits: Tensor, x: Tensor) -> Tensor:
    """Return the cross entropy of logits `(..., NUM_BINS)` and the two-hot of `x` `(...)`."""
    lower, share = _place(x)
    log_p = functional.log_softmax(logits.float(), dim=-1)
    upper = torch.clamp(lower + 1, max=NUM_BINS - 1)
    lower, upper = lower[..., None], upper[..., None]
    if logits.dim() > lower.dim():
        raise ValueError(f"logits {tuple(logits.shape)} and x {tuple(x.shape)} do not fit")
    at_lower = torch.gather(log_p, -1, lower)[..., 0]
    at_upper = torch.gather(log_p, -1, upper)[..., 0]
    return -((1 - share) * at_lower + share * at_upper)


def decode(logits: Tensor) -> Tensor:
    """Return the scalar that logits `(..., NUM_BINS)` stand for: symexp of the mean bin."""
    bins = torch.linspace(-LIMIT, LIMIT, NUM_BINS, device=logits.device)
    return symexp((functional.softmax(logits.float(), dim=-1) * bins).sum(-1))


def _place(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the bin at or below each scalar, and how far it is on the way to the next."""
    position = (torch.clamp(symlog(x), -LIMIT, LIMIT) + LIMIT) / _SPACING
    lower = torch.floor(position)
    return lower.long(), position - lower
