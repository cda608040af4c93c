from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from newt_agent.activations import mish, simnorm

X = torch.cat((torch.linspace(-30, 30, 61), torch.tensor([-1e4, -90.0, 90.0])), 0).double()


def test_mish_is_that_of_pytorch() -> None:
    for dtype in (torch.float32, torch.float64):
        torch.testing.assert_close(mish(X.to(dtype)), functional.mish(X.to(dtype)))


def test_mish_in_16_bits_is_rounded_once() -> None:
    x = torch.linspace(-8, 8, 401).bfloat16()
    torch.testing.assert_close(mish(x), functional.mish(x.float()).bfloat16(), rtol=2**-7, atol=0)


def test_mish_has_the_gradient_of_pytorchs() -> None:
    x, y = X.float().requires_grad_(), X.float().requires_grad_()
    (mish(x) ** 2).sum().backward()  # type: ignore[no-untyped-call]
    (functional.mish(y) ** 2).sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(x.grad, y.grad)


@pytest.mark.parametrize("function", [mish, simnorm])
def test_gradients_are_those_of_finite_differences(function: Callable[..., Tensor]) -> None:
    x = torch.randn(3, 16, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (x,))
