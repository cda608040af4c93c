"""Model-predictive path integral control in latent space, for all slots at once.

Letters in shapes: `E` slots, `N` action sequences, `H` horizon, `A` action entries, `D` latent.

Source:
    arXiv:2511.19584, arXiv:2310.16828 section 3.2.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from newt_agent import two_hot
from newt_agent.config import PlannerConfig
from newt_agent.world_model import Contexts, WorldModel

_EPS = 1e-9


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


@torch.no_grad()
def plan(
    model: WorldModel,
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
) -> Plan:
    """Plan an action for every slot.

    Args:
        model: The world model.
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
    """
    num_slots, horizon, action_dim = start.shape
    context = Contexts(*(rows[:, :, None] for rows in context))
    mask = model.action_masks[task][:, None]
    z = z[:, None]

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=z.device)

    policy_actions = _policy_sequences(model, z, context, mask, horizon, config, noise)
    mean = start
    std = torch.full_like(mean, config.max_std)
    if prior_weight > 0:
        policy_std = policy_actions.std(1).clamp(config.min_std, config.max_std)
        mean = prior_weight * policy_actions.mean(1) + (1 - prior_weight) * mean
        std = prior_weight * policy_std + (1 - prior_weight) * std
    num_drawn = config.num_samples - config.num_policy_samples
    for _ in range(config.num_iterations):
        drawn = mean[:, None] + std[:, None] * noise(num_slots, num_drawn, horizon, action_dim)
        drawn = drawn.clamp_(-1, 1).mul_(mask[:, None])
        actions = torch.cat((policy_actions, drawn), dim=1)
        last_noise = noise(num_slots, config.num_samples, action_dim)
        pair = model.draw_q_pair(generator)
        value = _value(model, z, actions, context, mask, discount, last_noise, pair)
        best = torch.topk(value, config.num_elites, dim=1)
        elites = torch.gather(
            actions, 1, best.indices[..., None, None].expand(-1, -1, horizon, action_dim)
        )
        score = torch.exp(config.temperature * (best.values - best.values[:, :1]))
        score = score / (score.sum(1, keepdim=True) + _EPS)
        weight = (score / (score.sum(1, keepdim=True) + _EPS))[..., None, None]
        mean = (weight * elites).sum(1)
        std = (weight * (elites - mean[:, None]).square()).sum(1).sqrt()
        std = std.clamp(config.min_std, config.max_std) * mask
        mean = mean * mask
    if is_deterministic:
        chosen = elites[:, 0, 0]
    else:
        index = torch.multinomial(score + _EPS, 1, generator=generator)[:, 0]
        chosen = elites[torch.arange(num_slots, device=z.device), index, 0]
    return Plan(chosen.clamp(-1, 1), mean, std[:, 0], best.values[:, 0])


def shifted(mean: Tensor) -> Tensor:
    """Return the mean of a plan moved on by one step, zeros at its end."""
    return torch.cat((mean[:, 1:], torch.zeros_like(mean[:, :1])), dim=1)


def _policy_sequences(
    model: WorldModel,
    z: Tensor,
    context: Contexts,
    mask: Tensor,
    horizon: int,
    config: PlannerConfig,
    noise: Callable[..., Tensor],
) -> Tensor:
    """Return actions that follow the policy, shape `(E, P, H, A)`."""
    num_slots, _, action_dim = mask.shape
    z = z.expand(-1, config.num_policy_samples, -1)
    actions = []
    for step in range(horizon):
        drawn = noise(num_slots, config.num_policy_samples, action_dim)
        actions.append(model.act(z, context, mask, drawn).action)
        if step < horizon - 1:
            z = model.next_latent(z, actions[-1], context)
    return torch.stack(actions, dim=2)


def _value(
    model: WorldModel,
    z: Tensor,
    actions: Tensor,
    context: Contexts,
    mask: Tensor,
    discount: Tensor,
    last_noise: Tensor,
    pair: Tensor,
) -> Tensor:
    """Return the value of action sequences `(E, N, H, A)` from `z` `(E, 1, D)`: shape `(E, N)`."""
    value = torch.zeros(actions.shape[:2], device=z.device)
    factor = torch.ones_like(discount)[:, None]
    for step in range(actions.shape[2]):
        action = actions[:, :, step]
        reward = two_hot.decode(model.reward_logits(z, action, context))
        value += factor * reward
        factor = factor * discount[:, None]
        z = model.next_latent(z, action, context)
    last = model.act(z, context, mask, last_noise).action
    q = two_hot.decode(model.q_logits(z, last, context, members=pair)).mean(0)
    return torch.nan_to_num(value + factor * q, nan=0.0)
