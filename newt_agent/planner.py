"""Model-predictive path integral control in latent space, for all slots at once.

Letters in shapes: `E` slots, `N` action sequences, `H` horizon, `A` action entries, `D` latent.

Source:
    arXiv:2511.19584, arXiv:2310.16828 section 3.2.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from newt_agent.config import PlannerConfig
from newt_agent.int8.world_model import Int8WorldModel
from newt_agent.precision import PLAIN, Acceleration
from newt_agent.world_model import Contexts, WorldModel

PlanningModel = WorldModel | Int8WorldModel
_T = TypeVar("_T")
_EPS = 1e-9
_SLOTS_AT_ONCE = 8
"""On a CPU; what they need fits the cache."""


class Plan(NamedTuple):
    """What planning found.

    Attributes:
        action: To play now, shape `(E, A)`.
        mean: Mean of the sequences, shape `(E, H, A)`: the next plan starts from it.
        std: Standard deviation of the first action, shape `(E, A)`.
        value: Of the best sequence, shape `(E,)`.
    """

    action: Tensor
    mean: Tensor
    std: Tensor
    value: Tensor


class _Rollout(NamedTuple):
    """Where action sequences lead.

    Attributes:
        value: Discounted rewards on the way, shape `(E, N)`.
        z: Latents at the end, shape `(E, N, D)`, as the model keeps them.
    """

    value: Tensor
    z: Tensor


class _Slots(NamedTuple):
    """What stays the same while the slots are planned for.

    Attributes:
        z: Shape `(E, 1, D)`.
        context: Of the slots, each `(M, E, 1, W)`.
        mask: Shape `(E, 1, A)`.
        discount: Shape `(E, 1)`.
    """

    z: Tensor
    context: Contexts
    mask: Tensor
    discount: Tensor


@torch.no_grad()
def plan(
    model: PlanningModel,
    z: Tensor,
    task: Tensor,
    *,
    context: Contexts,
    discount: Tensor,
    start: Tensor,
    config: PlannerConfig,
    generator: torch.Generator,
    prior_weight: float = 0.0,
    is_deterministic: bool = False,
    acceleration: Acceleration = PLAIN,
) -> Plan:
    """Plan an action for every slot.

    Args:
        model: What `acceleration.for_planning` returns.
        z: Latents, shape `(E, D)`.
        task: Rows of the model's tables, shape `(E,)`.
        context: The model's, of the slots.
        discount: Of the slots, shape `(E,)`.
        start: Mean to start from, shape `(E, H, A)`: the last plan's, shifted; 0 where an episode
            begins.
        config: Samples and iterations.
        generator: Of all noise.
        prior_weight: 1 starts from the policy's sequences alone, 0 from `start` alone.
        is_deterministic: Play the best sequence instead of one drawn among the elites.
        acceleration: How to compute.
    """
    num_slots = len(z)
    at_once = num_slots if z.is_cuda else _SLOTS_AT_ONCE
    plans = []
    acceleration.begin_step()
    for first in range(0, num_slots, at_once):
        part = slice(first, first + at_once)
        slots = _Slots(
            z=z[part, None],
            context=Contexts(*(rows[:, part, None] for rows in context)),
            mask=model.action_masks[task[part], None],
            discount=discount[part, None],
        )
        with acceleration.autocast(z.device):
            plans.append(
                _plan(
                    *(model, slots, start[part], config, generator),
                    prior_weight=prior_weight,
                    is_deterministic=is_deterministic,
                    acceleration=acceleration,
                )
            )
    return Plan(*(torch.cat(parts) for parts in zip(*plans, strict=True)))


def shifted(mean: Tensor) -> Tensor:
    """Return the mean of a plan moved on by one step, zeros at its end."""
    return torch.cat((mean[:, 1:], torch.zeros_like(mean[:, :1])), dim=1)


def _plan(
    model: PlanningModel,
    slots: _Slots,
    start: Tensor,
    config: PlannerConfig,
    generator: torch.Generator,
    *,
    prior_weight: float,
    is_deterministic: bool,
    acceleration: Acceleration,
) -> Plan:
    num_slots, horizon, action_dim = start.shape

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=start.device)

    num_drawn = config.num_samples - config.num_policy_samples
    policy_noise = noise(horizon, num_slots, config.num_policy_samples, action_dim)
    policy_actions, policy_rollout = _accelerated(_follow_policy, acceleration)(
        model, slots, policy_noise
    )
    mean = start
    std = torch.full_like(mean, config.max_std)
    if prior_weight > 0:
        policy_std = policy_actions.std(1).clamp(config.min_std, config.max_std)
        mean = prior_weight * policy_actions.mean(1) + (1 - prior_weight) * mean
        std = prior_weight * policy_std + (1 - prior_weight) * std
    evaluate = _accelerated(_evaluate, acceleration)
    for _ in range(config.num_iterations):
        drawn = mean[:, None] + std[:, None] * noise(num_slots, num_drawn, horizon, action_dim)
        drawn = drawn.clamp_(-1, 1).mul_(slots.mask[:, None])
        last_noise = noise(num_slots, config.num_samples, action_dim)
        pair = model.draw_q_pair(generator)
        value = evaluate(model, slots, policy_rollout, drawn, last_noise, pair)
        actions = torch.cat((policy_actions, drawn), dim=1)
        best = torch.topk(value, config.num_elites, dim=1)
        elites = torch.gather(
            actions, 1, best.indices[..., None, None].expand(-1, -1, horizon, action_dim)
        )
        score = torch.exp(config.temperature * (best.values - best.values[:, :1]))
        score = score / (score.sum(1, keepdim=True) + _EPS)
        # Divided by their sum once more, as in the original: it is 1 to the last digits.
        weight = (score / (score.sum(1, keepdim=True) + _EPS))[..., None, None]
        mean = (weight * elites).sum(1)
        std = (weight * (elites - mean[:, None]).square()).sum(1).sqrt()
        std = std.clamp(config.min_std, config.max_std) * slots.mask
        mean = mean * slots.mask
    if is_deterministic:
        chosen = elites[:, 0, 0]
    else:
        index = torch.multinomial(score + _EPS, 1, generator=generator)[:, 0]
        chosen = elites[torch.arange(num_slots, device=start.device), index, 0]
    return Plan(chosen.clamp(-1, 1), mean, std[:, 0], best.values[:, 0])


@cache
def _accelerated(function: Callable[..., _T], acceleration: Acceleration) -> Callable[..., _T]:
    return acceleration.applied_to_planning(function)


def _follow_policy(model: PlanningModel, slots: _Slots, noise: Tensor) -> tuple[Tensor, _Rollout]:
    """Return actions of the policy `(E, P, H, A)` and where they lead; noise `(H, E, P, A)`."""
    z = slots.z
    actions = []
    value = torch.zeros(noise.shape[1:3], device=noise.device)
    factor = torch.ones_like(slots.discount)
    for step_noise in noise:
        actions.append(model.act(z, slots.context, slots.mask, step_noise).action)
        value = value + factor * model.reward_of(z, actions[-1], slots.context)
        factor = factor * slots.discount
        z = model.next_latent(z, actions[-1], slots.context)
    return torch.stack(actions, dim=2), _Rollout(value, z)


def _evaluate(
    model: PlanningModel,
    slots: _Slots,
    policy: _Rollout,
    drawn: Tensor,
    last_noise: Tensor,
    pair: Tensor,
) -> Tensor:
    """Return the values of the policy's and the drawn sequences, shape `(E, P + N)`.

    Args:
        model: The world model.
        slots: Where to start.
        policy: Where the policy's sequences lead: they are rolled out once per plan.
        drawn: Actions, shape `(E, N, H, A)`.
        last_noise: Of the policy's actions at the end, shape `(E, P + N, A)`.
        pair: Q networks at the end.
    """
    z = slots.z
    value = torch.zeros(drawn.shape[:2], device=drawn.device)
    factor = torch.ones_like(slots.discount)
    for action in drawn.unbind(2):
        value = value + factor * model.reward_of(z, action, slots.context)
        factor = factor * slots.discount
        z = model.next_latent(z, action, slots.context)
    value = torch.cat((policy.value, value), dim=1)
    z = torch.cat((policy.z, z), dim=1)
    last = model.act(z, slots.context, slots.mask, last_noise).action
    q = model.value_of(z, last, slots.context, pair)
    return torch.nan_to_num(value + factor * q, nan=0.0)
