"""Newt's equations written down plainly: what the fast ones are compared with, and tested against.

Every network is a list of layers; every member of the Q ensemble is evaluated, a layer of all as
one batched product, which is how the original has it; the embedding is concatenated to every row;
time steps are looped over; nothing is computed ahead.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

from mmbench.training import two_hot
from mmbench.training.replay import Batch
from newt_agent.config import PlannerConfig
from newt_agent.losses import Constants, Losses, Metrics
from newt_agent.networks import StackedMLP
from newt_agent.planner import Plan
from newt_agent.world_model import WorldModel

_EPS = 1e-9


class PlainMLP:
    """A network of one member, layer by layer; it shares the member's weights."""

    def __init__(self, stacked: StackedMLP) -> None:
        def own(tensors: Iterable[Tensor]) -> list[Tensor]:
            return [tensor[0] for tensor in tensors]

        self._layers = list(zip(own(stacked.matrices), own(stacked.biases), strict=True))
        self._norms = list(zip(own(stacked.gains), own(stacked.shifts), strict=True))
        self._has_simnorm = len(self._norms) == len(self._layers)

    def __call__(self, *parts: Tensor) -> Tensor:
        """Return the output of the parts, concatenated."""
        h = torch.cat(parts, dim=-1)
        for index, (matrix, bias) in enumerate(self._layers):
            h = functional.linear(h, matrix, bias)
            if index < len(self._norms):
                gain, shift = self._norms[index]
                h = functional.layer_norm(h, h.shape[-1:], gain, shift)
            if index < len(self._layers) - 1:
                h = functional.mish(h)
            elif self._has_simnorm:
                groups = h.view(*h.shape[:-1], 8, -1).transpose(-1, -2).contiguous()
                h = functional.softmax(groups, dim=-1).transpose(-1, -2).reshape(h.shape)
        return h


class PlainEnsemble:
    """All members of a `StackedMLP` without a norm at its end, a batched product per layer."""

    def __init__(self, stacked: StackedMLP, *, frozen: bool) -> None:
        def own(tensors: Iterable[Tensor]) -> list[Tensor]:
            return [tensor.detach() if frozen else tensor for tensor in tensors]

        self._layers = list(zip(own(stacked.matrices), own(stacked.biases), strict=True))
        self._norms = list(zip(own(stacked.gains), own(stacked.shifts), strict=True))
        self._num_members = stacked.num_members

    def __call__(self, *parts: Tensor) -> Tensor:
        """Return the outputs of the parts, concatenated; members come first."""
        joined = torch.cat(parts, dim=-1)
        rows = joined.reshape(-1, joined.shape[-1])
        h = rows.expand(self._num_members, *rows.shape)
        for index, (matrix, bias) in enumerate(self._layers):
            h = torch.baddbmm(bias[:, None], h, matrix.transpose(1, 2))
            if index < len(self._norms):
                gain, shift = self._norms[index]
                h = functional.layer_norm(h, h.shape[-1:]) * gain[:, None] + shift[:, None]
                h = functional.mish(h)
        return h.view(self._num_members, *joined.shape[:-1], -1)


class PlainModel:
    """The world model's equations over its own weights, row by row with its embedding.

    Args:
        model: Whose weights are used.
        q: Other Q networks than the model's; constants.
    """

    def __init__(self, model: WorldModel, q: StackedMLP | None = None) -> None:
        frozen, q = q is not None, q or model.q
        self._model = model
        self.encoder, self.dynamics, self.reward, self.policy = map(
            PlainMLP, (model.encoder, model.dynamics, model.reward, model.policy)
        )
        self.q = PlainEnsemble(q, frozen=frozen)

    def act(self, z: Tensor, task: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions and entropies, scaled by the action's size."""
        mask = self._model.action_masks[task]
        mean, raw = self.policy(z, self._model.embeddings[task]).chunk(2, dim=-1)
        log_std = -10 + 6 * (torch.tanh(raw) + 1)
        mean, log_std, noise = mask * mean, mask * log_std, mask * noise
        log_p = (mask * (-0.5 * noise**2 - log_std - 0.9189385332046727)).sum(-1)
        return torch.tanh(mean + noise * log_std.exp()), -mask.sum(-1) * log_p

    def values(self, z: Tensor, task: Tensor, action: Tensor) -> Tensor:
        """Return the logits of all Q networks, which come first."""
        return self.q(z, self._model.embeddings[task], action)


@torch.no_grad()
def plain_plan(
    model: WorldModel,
    obs: Tensor,
    task: Tensor,
    *,
    discount: Tensor,
    start: Tensor,
    config: PlannerConfig,
    generator: torch.Generator,
) -> Plan:
    """Plan as `newt_agent.planner.plan` does, for observations `(E, obs_dim)`."""
    plain = PlainModel(model)
    num_slots, horizon, action_dim = start.shape
    num_samples, num_policy = config.num_samples, config.num_policy_samples
    z = plain.encoder(obs, model.embeddings[task])
    rows = task[:, None].expand(-1, num_samples)
    mask = model.action_masks[task][:, None, None]

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=z.device)

    policy_actions = []
    policy_z = z[:, None].expand(-1, num_policy, -1)
    for step_noise in noise(horizon, num_slots, num_policy, action_dim):
        action, _ = plain.act(policy_z, rows[:, :num_policy], step_noise)
        embedding = model.embeddings[rows[:, :num_policy]]
        policy_z = plain.dynamics(policy_z, embedding, action)
        policy_actions.append(action)
    mean, std = start, torch.full_like(start, config.max_std)
    for _ in range(config.num_iterations):
        drawn_noise = noise(num_slots, num_samples - num_policy, horizon, action_dim)
        drawn = mask * torch.clamp(mean[:, None] + std[:, None] * drawn_noise, -1, 1)
        actions = torch.cat((torch.stack(policy_actions, dim=2), drawn), dim=1)
        last_noise = noise(num_slots, num_samples, action_dim)
        pair = model.draw_q_pair(generator)
        value, factor = z.new_zeros(num_slots, 1), z.new_ones(num_slots, 1)
        sample_z = z[:, None].expand(-1, num_samples, -1)
        embedding = model.embeddings[rows]
        for step in range(horizon):
            logits = plain.reward(sample_z, embedding, actions[:, :, step])
            value = value + factor * two_hot.decode(logits)
            factor = factor * discount[:, None]
            sample_z = plain.dynamics(sample_z, embedding, actions[:, :, step])
        last, _ = plain.act(sample_z, rows, last_noise)
        q = plain.values(sample_z, rows, last)[pair]
        value = torch.nan_to_num(value + factor * two_hot.decode(q).mean(0), nan=0.0)
        best = torch.topk(value, config.num_elites, dim=1)
        elites = torch.stack(
            [slot[index] for slot, index in zip(actions, best.indices, strict=True)]
        )
        score = torch.exp(config.temperature * (best.values - best.values[:, :1]))
        score = score / (score.sum(1, keepdim=True) + _EPS)
        weight = (score / (score.sum(1, keepdim=True) + _EPS))[..., None, None]
        mean = (weight * elites).sum(1)
        std = (weight * (elites - mean[:, None]) ** 2).sum(1).sqrt()
        std = mask[:, 0] * std.clamp(config.min_std, config.max_std)
        mean = mask[:, 0] * mean
    index = torch.multinomial(score + _EPS, 1, generator=generator)[:, 0]
    chosen = elites[torch.arange(num_slots, device=z.device), index, 0]
    return Plan(chosen, mean, std[:, 0], best.values[:, 0])


def plain_model_losses(
    model: WorldModel,
    target_q: StackedMLP,
    batch: Batch,
    constants: Constants,
    *,
    noise: Tensor,
    pair: Tensor,
    prior_noise: Tensor | None,
) -> tuple[Metrics, Tensor]:
    """Return what `newt_agent.losses.model_losses` does, without imitation."""
    assert prior_noise is None
    online, target = PlainModel(model), PlainModel(model, target_q)
    embedding = model.embeddings[batch.task]
    num_steps, num_rows = batch.reward.shape
    noises = noise.view(num_steps, num_rows, -1)
    next_z, targets = [], []
    with torch.no_grad():
        for step in range(num_steps):
            next_z.append(online.encoder(batch.obs[step + 1], embedding))
            action, _ = online.act(next_z[-1], batch.task, noises[step])
            q = target.values(next_z[-1], batch.task, action)[pair]
            value = two_hot.decode(q).amin(0)
            targets.append(batch.reward[step] + constants.discounts[batch.task] * value)
    z = online.encoder(batch.obs[0], embedding)
    latents = [z]
    losses = {name: torch.zeros(()) for name in ("consistency", "reward", "value")}
    for step in range(num_steps):
        rho, action = constants.rho[step], batch.action[step]
        logits = online.reward(z, embedding, action)
        losses["reward"] = losses["reward"] + rho * _cross_entropy(logits, batch.reward[step])
        members = online.values(z, batch.task, action)
        for logits in members:
            error = _cross_entropy(logits, targets[step])
            losses["value"] = losses["value"] + rho * error / len(members)
        z = online.dynamics(z, embedding, action)
        error = functional.mse_loss(z, next_z[step])
        losses["consistency"] = losses["consistency"] + rho * error
        latents.append(z)
    config = constants.config
    losses["loss"] = (
        config.consistency_coef * losses["consistency"]
        + config.reward_coef * losses["reward"]
        + config.value_coef * losses["value"]
    )
    return losses, torch.stack(latents)


def plain_policy_losses(
    model: WorldModel,
    batch: Batch,
    z: Tensor,
    constants: Constants,
    *,
    noise: Tensor,
    pair: Tensor,
    scale: Tensor,
) -> tuple[Metrics, Tensor]:
    """Return what `newt_agent.losses.policy_losses` does."""
    plain = PlainModel(model, model.q)
    mask = model.action_masks[batch.task]
    num_steps = len(batch.action)
    label, weight = batch.labels_and_weights()
    loss, qs = torch.zeros(()), []
    for step, step_noise in enumerate(noise.view(len(z), z.shape[1], -1)):
        action, entropy = plain.act(z[step], batch.task, step_noise)
        logits = plain.values(z[step], batch.task, action)[pair]
        qs.append(two_hot.decode(logits).mean(0))
        gain = qs[-1] / scale + constants.config.entropy_coef * entropy
        loss = loss - constants.rho[step] * gain.mean()
        if step < num_steps:
            error = (mask * (action - label[step]) ** 2).sum(-1) / mask.sum(-1)
            loss = (
                loss
                + constants.config.prior_coef * constants.rho[step] * (weight[step] * error).mean()
            )
    return {"policy_loss": loss}, qs[0]


PLAIN_LOSSES = Losses(plain_model_losses, plain_policy_losses)
"""The same losses, time step by time step."""


def _cross_entropy(logits: Tensor, x: Tensor) -> Tensor:
    return -(two_hot.two_hot(x) * functional.log_softmax(logits, dim=-1)).sum(-1).mean()
