"""The fast implementation against the plain one: the same numbers, sooner."""

import pytest
import torch
from torch import Tensor

from mmbench.training.replay import Batch
from newt_agent.config import LearningConfig, PlannerConfig
from newt_agent.learner import Learner
from newt_agent.planner import plan
from newt_agent.precision import Acceleration
from newt_agent.reference.bench import time_newt
from newt_agent.reference.plain import PLAIN_LOSSES, plain_plan
from tests.newt.test_learner import DISCOUNTS, batch, trained_model
from tests.newt.test_world_model import made


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


def drawn_batch(generator: torch.Generator) -> Batch:
    """Three tasks in which actions push a point, and rewards say how near to the middle it is."""
    task = torch.randint(3, (16,), generator=generator)
    mask = made(size="XS").action_masks[task]
    action = mask * (2 * torch.rand(3, 16, 16, generator=generator) - 1)
    states = [torch.randn(16, 128, generator=generator)]
    for push in action:
        states.append(0.9 * states[-1] + 0.3 * push.repeat(1, 8))
    obs = torch.stack(states)
    return Batch(obs=obs, action=action, reward=torch.exp(-obs[1:, :, 0].square()), task=task)


@pytest.mark.slow
def test_losses_in_bfloat16_follow_those_in_float32_over_a_thousand_updates() -> None:
    last: dict[torch.dtype, dict[str, Tensor]] = {}
    for how in (BFLOAT16, Acceleration()):
        learner = Learner(made(size="XS"), DISCOUNTS, LearningConfig(), 0, how)
        generator = torch.Generator().manual_seed(5)
        metrics = [learner.update(drawn_batch(generator)) for _ in range(1000)]
        last[how.update_dtype] = {
            name: torch.stack([row[name] for row in metrics[-100:]]).mean() for name in metrics[0]
        }
        assert metrics[-1]["loss"] < 0.6 * metrics[0]["loss"]
    print(f"\n{last}")
    for name in ("consistency", "reward", "value"):
        ours, theirs = last[torch.bfloat16][name], last[torch.float32][name]
        torch.testing.assert_close(ours, theirs, rtol=0.05, atol=0)


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
