"""The fast implementation against the plain one: the same numbers, sooner."""

import pytest
import torch

from newt_agent.config import LearningConfig, PlannerConfig
from newt_agent.learner import Learner
from newt_agent.planner import plan
from newt_agent.precision import Acceleration
from newt_agent.reference.bench import time_newt
from newt_agent.reference.plain import PLAIN_LOSSES, plain_plan
from tests.newt.test_learner import DISCOUNTS, batch, trained_model


def test_plans_are_those_of_the_plain_implementation() -> None:
    model = trained_model()
    task = torch.tensor([0, 1, 2])
    obs = torch.randn(3, 128, generator=torch.Generator().manual_seed(1))
    discount = DISCOUNTS[task]
    start = torch.zeros(3, 3, 16)
    config = PlannerConfig(num_samples=64, num_elites=8, num_iterations=3)
    context = model.contexts(frozen=True).of(task)
    found = plan(
        *(model, model.encode(obs, context).detach(), task),
        context=context,
        discount=discount,
        start=start,
        config=config,
        generator=torch.Generator().manual_seed(0),
    )
    expected = plain_plan(
        *(model, obs, task),
        discount=discount,
        start=start,
        config=config,
        generator=torch.Generator().manual_seed(0),
    )
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler has some of its own
@pytest.mark.parametrize("compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_updates_are_those_of_the_plain_implementation(compile: bool) -> None:
    fast, plain = trained_model(), trained_model()
    acceleration = Acceleration(is_compiled=compile)
    learners = (
        Learner(fast, DISCOUNTS, LearningConfig(), 0, acceleration),
        Learner(plain, DISCOUNTS, LearningConfig(), 0, losses=PLAIN_LOSSES),
    )
    for _ in range(3):
        ours, theirs = (learner.update(batch()) for learner in learners)
        for name in ("loss", "policy_loss", "consistency", "reward", "value"):
            torch.testing.assert_close(ours[name], theirs[name], rtol=1e-3, atol=1e-5)


BFLOAT16 = Acceleration(update_dtype=torch.bfloat16)


def test_updates_in_bfloat16_differ_from_float32_by_its_rounding() -> None:
    learners = [
        Learner(trained_model(), DISCOUNTS, LearningConfig(), 0, how)
        for how in (BFLOAT16, Acceleration())
    ]
    ours, theirs = (learner.update(batch()) for learner in learners)
    for name in ("loss", "policy_loss", "consistency", "reward", "value", "grad_norm"):
        assert ours[name].dtype == torch.float32
        assert ours[name] != theirs[name]
        torch.testing.assert_close(ours[name], theirs[name], rtol=0.03, atol=1e-3)


def test_updates_in_bfloat16_go_on_where_they_were_saved() -> None:
    first, second = (
        Learner(trained_model(), DISCOUNTS, LearningConfig(), seed, BFLOAT16) for seed in (0, 1)
    )
    first.update(batch())
    saved = {name: tensor.clone() for name, tensor in first.tensors().items()}
    second.restore(saved, first.warmup_counts())
    for learner in (first, second):
        learner.update(batch())
    for name, tensor in first.tensors().items():
        torch.testing.assert_close(second.tensors()[name], tensor, rtol=0, atol=0)


def test_what_is_measured_is_plausible() -> None:
    timing = time_newt(
        "XS",
        num_slots=2,
        batch_size=8,
        device=torch.device("cpu"),
        acceleration=Acceleration(),
        repeats=1,
    )
    assert 0 < timing.plan_share < 1
    assert 0 < timing.update_share < 1
    assert timing.plan_ms_per_slot > 0.1
    assert timing.product_rate > 1e9
