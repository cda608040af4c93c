"""What Newt minimises, as functions of a model and a batch.

Letters in shapes: `B` sub-sequences, `T` steps of each, `D` latent entries, `A` action entries.

Source:
    arXiv:2511.19584, arXiv:2310.16828 section 3.1.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from mmbench.training import two_hot
from mmbench.training.replay import Batch
from newt_agent.config import LearningConfig
from newt_agent.networks import StackedMLP
from newt_agent.world_model import Contexts, PolicySample, WorldModel

Metrics = dict[str, Tensor]


class Constants(NamedTuple):
    """What stays the same while learning.

    Attributes:
        config: Coefficients.
        discounts: Of the tasks, shape `(K,)`.
        rho: Weights of time steps, shape `(T + 1,)`; their sum is 1.
    """

    config: LearningConfig
    discounts: Tensor
    rho: Tensor


class Losses(NamedTuple):
    """The two functions that a learner minimises; `newt_agent.reference` has others.

    Attributes:
        of_model: See `model_losses`.
        of_policy: See `policy_losses`.
    """

    of_model: Callable[..., tuple[Metrics, Tensor]]
    of_policy: Callable[..., tuple[Metrics, Tensor]]


def time_weights(rho: float, horizon: int, device: torch.device) -> Tensor:
    """Return the weights of time steps, shape `(T + 1,)`, each `rho` times the one before."""
    weights = rho ** torch.arange(horizon + 1, device=device)
    return weights / weights.sum()


def model_losses(
    model: WorldModel,
    target_q: StackedMLP,
    batch: Batch,
    constants: Constants,
    *,
    noise: Tensor,
    pair: Tensor,
    prior_noise: Tensor | None,
) -> tuple[Metrics, Tensor]:
    """Return the losses and the rolled-out latents `(T + 1, B, D)`.

    Args:
        model: The world model.
        target_q: Q networks of the target.
        batch: The sub-sequences.
        constants: Coefficients and discounts.
        noise: Of the target's actions, shape `(T, B, A)`.
        pair: Which Q networks of the target.
        prior_noise: Of the actions that imitate the batch's, shape `(T, B, A)`; `None` leaves
            imitation out.
    """
    config = constants.config
    num_steps = len(batch.reward)
    context = model.contexts().of(batch.task)
    over_time = _over_time(context)
    with torch.no_grad():
        feature = None if batch.feature is None else batch.feature[1:]
        next_z = model.encode(batch.obs[1:], over_time, feature)
        target = td_target(
            *(model, target_q, batch, next_z, over_time, constants), noise=noise, pair=pair
        )
    feature = None if batch.feature is None else batch.feature[0]
    latents = [model.encode(batch.obs[0], context, feature)]
    for action in batch.action.unbind(0):
        latents.append(model.next_latent(latents[-1], action, context))
    z = torch.stack(latents)
    rho = constants.rho[:num_steps]

    consistency = (rho * (z[1:] - next_z).square().mean(dim=(1, 2))).sum()
    reward_logits = model.reward_logits(z[:-1], batch.action, over_time)
    reward = (rho * two_hot.cross_entropy(reward_logits, batch.reward).mean(1)).sum()
    q_logits = model.q_logits(z[:-1], batch.action, over_time)
    targets = target.expand(len(q_logits), -1, -1)
    value = (rho * two_hot.cross_entropy(q_logits, targets).mean((0, 2))).sum()
    loss = (
        config.consistency_coef * consistency
        + config.reward_coef * reward
        + config.value_coef * value
    )
    metrics = {"consistency": consistency, "reward": reward, "value": value}
    if prior_noise is not None:
        sample = _sample(model, z[:-1], over_time, batch.task, prior_noise)
        bonus = config.entropy_coef * _entropy(model, sample, batch.task)
        prior = _imitation(model, sample, batch) - bonus
        # The mean over time, not the sum as elsewhere: so does the original.
        metrics["prior"] = (rho * prior.mean(1)).mean()
        loss = loss + config.pretrain_prior_coef * metrics["prior"]
    metrics["loss"] = loss
    return metrics, z


def td_target(
    model: WorldModel,
    target_q: StackedMLP,
    batch: Batch,
    next_z: Tensor,
    context: Contexts,
    constants: Constants,
    *,
    noise: Tensor,
    pair: Tensor,
) -> Tensor:
    """Return r + discount min(Q, Q') of two target networks, shape `(T, B)`.

    Args:
        model: The world model.
        target_q: Q networks of the target, used unless the configuration says `online`.
        batch: The sub-sequences.
        next_z: Latents of `obs[1:]`, shape `(T, B, D)`.
        context: Of the batch's rows, each `(M, 1, B, W)`.
        constants: Coefficients and discounts.
        noise: Of the policy's actions, shape `(T, B, A)`.
        pair: The two networks.
    """
    action = _sample(model, next_z, context, batch.task, noise).action
    network = model.q
    if constants.config.target == "ema":
        network = target_q
        table = network.contexts(model.task_vectors(frozen=True))
        context = context._replace(q=table[:, None, batch.task])
    logits = model.q_logits(next_z, action, context, members=pair, network=network)
    return batch.reward + constants.discounts[batch.task] * two_hot.decode(logits).amin(0)


def policy_losses(
    model: WorldModel,
    batch: Batch,
    z: Tensor,
    constants: Constants,
    *,
    noise: Tensor,
    pair: Tensor,
    scale: Tensor,
) -> tuple[Metrics, Tensor]:
    """Return the losses and the values of the first step, shape `(B,)`.

    Args:
        model: The world model; gradients flow to its policy alone.
        batch: The sub-sequences.
        z: Latents, shape `(T + 1, B, D)`.
        constants: Coefficients.
        noise: Of the policy's actions, shape `(T + 1, B, A)`.
        pair: The two Q networks that judge them.
        scale: What values are divided by, shape `(B,)`.
    """
    config, rho = constants.config, constants.rho
    num_steps = len(batch.reward)
    frozen = model.contexts(frozen=True, only=("q",))
    policy_table = model.policy.contexts(model.task_vectors(frozen=True))
    context = _over_time(frozen._replace(policy=policy_table).of(batch.task))
    sample = _sample(model, z, context, batch.task, noise)
    logits = model.q_logits(z, sample.action, context, members=pair, frozen=True)
    q = two_hot.decode(logits).mean(0)
    gain = q / scale + config.entropy_coef * _entropy(model, sample, batch.task)
    imitation = _imitation(model, sample, batch)
    loss = (rho[:num_steps] * imitation.mean(1)).sum() * config.prior_coef
    loss = loss - (rho * gain.mean(1)).sum()
    metrics = {
        "policy_loss": loss,
        "imitation": imitation.mean(),
        "q": q.mean(),
        "policy_std": _mean_std(sample, model.action_masks[batch.task]),
    }
    return metrics, q[0]


FAST = Losses(model_losses, policy_losses)
"""What is learned with."""


def _over_time(context: Contexts) -> Contexts:
    """Return the rows of a batch so that they broadcast over time, each `(M, 1, B, W)`."""
    return Contexts(*(rows[:, None] for rows in context))


def _sample(
    model: WorldModel, z: Tensor, context: Contexts, task: Tensor, noise: Tensor
) -> PolicySample:
    return model.act(z, context, model.action_masks[task], noise)


def _entropy(model: WorldModel, sample: PolicySample, task: Tensor) -> Tensor:
    """Return the scaled entropy: the number of true entries times minus the log-likelihood."""
    return -model.action_masks[task].sum(-1) * sample.log_likelihood


def _imitation(model: WorldModel, sample: PolicySample, batch: Batch) -> Tensor:
    """Return the weighted mean squared error to the labels over true entries, `(T, B)`."""
    label, weight = batch.labels_and_weights()
    mask = model.action_masks[batch.task]
    error = (mask * (sample.action[: len(label)] - label).square()).sum(-1)
    return weight * error / mask.sum(-1).clamp(min=1)


def _mean_std(sample: PolicySample, mask: Tensor) -> Tensor:
    """Return the mean over true entries of samples `(T, B, A)`, of the mask `(B, A)`."""
    return (mask * sample.log_std.exp()).sum() / (mask.sum() * len(sample.log_std))
