"""Regression by bins, against values worked out by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmbench.training.two_hot import NUM_BINS, cross_entropy, decode, symexp, symlog, two_hot

EXPECTED = {
    0.0: {50: 1.0},
    1.0: {53: 0.534264, 54: 0.465736},
    3.7: {57: 0.262188, 58: 0.737812},
    -12.3: {37: 0.938820, 38: 0.061180},
    0.05: {50: 0.756050, 51: 0.243950},
    1e6: {100: 1.0},
    -1e6: {0: 1.0},
}


@pytest.mark.parametrize("x", EXPECTED)
def test_a_scalar_falls_on_two_bins(x: float) -> None:
    hot = two_hot(torch.tensor([x], dtype=torch.float64))[0]
    expected = torch.zeros(NUM_BINS, dtype=torch.float64)
    for index, weight in EXPECTED[x].items():
        expected[index] = weight
    torch.testing.assert_close(hot, expected, atol=1e-6, rtol=0)


def peaked() -> torch.Tensor:
    logits = torch.zeros(1, NUM_BINS)
    logits[0, 60], logits[0, 61] = 5.0, 4.0
    return logits


def test_decoding_takes_the_mean_in_symlog_space() -> None:
    # 99 bins of weight 1 (their symlog values sum to -(2.0 + 2.2)), one of e^5, one of e^4.
    total = 99 + math.e**5 + math.e**4
    mean = (-4.2 + 2.0 * math.e**5 + 2.2 * math.e**4) / total
    assert decode(peaked()).item() == pytest.approx(math.exp(mean) - 1, rel=1e-5)
    assert decode(peaked()).item() == pytest.approx(2.92217, abs=1e-5)


def test_cross_entropy() -> None:
    assert cross_entropy(peaked(), torch.tensor([3.7])).item() == pytest.approx(5.71046, abs=1e-5)
    at_zero = cross_entropy(torch.zeros(1, NUM_BINS), torch.tensor([123.0]))
    assert at_zero.item() == pytest.approx(math.log(101), abs=1e-6)


def test_cross_entropy_is_that_of_the_two_hot() -> None:
    torch.manual_seed(0)
    logits, x = torch.randn(7, NUM_BINS), torch.randn(7) * 50
    expected = -(two_hot(x) * torch.log_softmax(logits, -1)).sum(-1)
    torch.testing.assert_close(cross_entropy(logits, x), expected)


@given(st.floats(-20000, 20000))
def test_a_two_hot_decodes_to_its_scalar(x: float) -> None:
    scalar = torch.tensor([x], dtype=torch.float64)
    logits = torch.log(two_hot(scalar) + 1e-30)
    assert decode(logits).item() == pytest.approx(x, rel=1e-3, abs=1e-4)


@given(st.floats(-1e6, 1e6))
def test_symexp_undoes_symlog(x: float) -> None:
    scalar = torch.tensor(x, dtype=torch.float64)
    assert symexp(symlog(scalar)).item() == pytest.approx(x, rel=1e-9, abs=1e-12)
