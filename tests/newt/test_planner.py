"""Planning, on a problem whose answer is known."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mmbench.training import two_hot
from newt_agent.config import PlannerConfig
from newt_agent.planner import plan, shifted
from newt_agent.world_model import Contexts, WorldModel
from tests.newt.test_world_model import made

GAIN = 0.5


class LinearQuadratic(WorldModel):
    """z' = z + a and reward -(z'^2) - GAIN a^2 in the first entry; no value at the end."""

    def next_latent(self, z: Tensor, action: Tensor, context: Contexts) -> Tensor:
        return z + functional.pad(action, (0, z.shape[-1] - action.shape[-1]))

    def reward_logits(self, z: Tensor, action: Tensor, context: Contexts) -> Tensor:
        after = z[..., 0] + action[..., 0]
        reward = -(after**2) - GAIN * action[..., 0] ** 2
        return 1e4 * two_hot.two_hot(reward).log().clamp(min=-50) / 1e4

    def q_logits(self, z: Tensor, action: Tensor, context: Contexts, **options: object) -> Tensor:
        return torch.zeros(2, *z.shape[:-1], two_hot.NUM_BINS)


def linear_quadratic() -> LinearQuadratic:
    model = made()
    model.__class__ = LinearQuadratic
    return model  # type: ignore[return-value]


def riccati(z: float, horizon: int) -> float:
    """Return the first action that minimises the sum of z'^2 + GAIN a^2 over the horizon."""
    p = 0.0
    for _ in range(horizon):
        k = (1 + p) / (1 + p + GAIN)
        p = (1 + p) * (1 - k) ** 2 + GAIN * k**2
    return -k * z


def planned(z: float, task: int = 2, **options: object) -> Tensor:
    latent = torch.zeros(1, 384)
    latent[0, 0] = z
    model, slots = linear_quadratic(), torch.tensor([task])
    found = plan(
        model,
        latent,
        slots,
        context=model.contexts(frozen=True).of(slots),
        discount=torch.tensor([1.0]),
        start=torch.zeros(1, 3, 16),
        config=PlannerConfig(num_iterations=10, temperature=5.0),
        generator=torch.Generator().manual_seed(0),
        **options,  # type: ignore[arg-type]
    )
    return found.mean


@pytest.mark.parametrize("z", [-0.8, 0.3, 0.9])
def test_the_plan_is_that_of_the_riccati_equation(z: float) -> None:
    assert planned(z)[0, 0, 0].item() == pytest.approx(riccati(z, horizon=3), abs=0.05)


def test_actions_stay_in_bounds() -> None:
    assert planned(5.0)[0, 0, 0].item() == pytest.approx(-1.0, abs=0.05)


def options(num_slots: int = 2) -> dict[str, object]:
    return {
        "discount": torch.full((num_slots,), 0.95),
        "start": torch.zeros(num_slots, 3, 16),
        "config": PlannerConfig(num_samples=64, num_elites=8, num_iterations=2),
    }


def test_padding_is_neither_planned_nor_explored() -> None:
    model = made()
    found = plan(
        model,
        torch.rand(2, 384),
        torch.tensor([0, 1]),
        context=model.contexts(frozen=True).of(torch.tensor([0, 1])),
        generator=torch.Generator().manual_seed(0),
        **options(),  # type: ignore[arg-type]
    )
    for field in (found.action, found.mean[:, 0], found.std):
        assert not field[0, 1:].any()
        assert not field[1, 3:].any()
    assert found.std[0, 0] >= 0.05


def test_a_plan_is_a_function_of_its_generator() -> None:
    model, z = made(), torch.rand(2, 384)
    actions = []
    for seed in (1, 1, 2):
        torch.manual_seed(0)
        found = plan(
            model,
            z,
            torch.tensor([0, 1]),
            context=model.contexts(frozen=True).of(torch.tensor([0, 1])),
            generator=torch.Generator().manual_seed(seed),
            **options(),  # type: ignore[arg-type]
        )
        actions.append(found.action)
    torch.testing.assert_close(actions[0], actions[1], rtol=0, atol=0)
    assert not torch.equal(actions[0], actions[2])


def test_the_policy_prior_sets_where_to_start() -> None:
    """With full weight the start is the policy's, whatever the last plan was."""
    model, z = made(), torch.rand(1, 384)
    found = []
    for start in (0.0, 0.9):
        found.append(
            plan(
                model,
                z,
                torch.tensor([2]),
                context=model.contexts(frozen=True).of(torch.tensor([2])),
                discount=torch.tensor([0.95]),
                start=torch.full((1, 3, 16), start),
                config=PlannerConfig(num_samples=64, num_elites=8, num_iterations=1),
                generator=torch.Generator().manual_seed(0),
                prior_weight=1.0,
            ).mean
        )
    torch.testing.assert_close(found[0], found[1])


def test_shifting_moves_the_plan_on() -> None:
    mean = torch.arange(3.0)[None, :, None].expand(1, 3, 2)
    assert shifted(mean)[0, :, 0].tolist() == [1.0, 2.0, 0.0]
