"""How the world model learns from sub-sequences of episodes."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from mmbench.training import two_hot
from mmbench.training.processes import Group
from mmbench.training.replay import Batch
from newt_agent.acceleration import PLAIN, Acceleration
from newt_agent.config import LearningConfig
from newt_agent.world_model import Contexts, PolicySample, WorldModel

Metrics = dict[str, Tensor]


class RunningScale:
    """The spread of values, which the policy's loss is divided by; at least 1.

    Args:
        num_groups: 1 for one scale over all tasks, or the number of tasks.
        rate: Share of the way to the batch's spread that an update goes.
    """

    def __init__(self, num_groups: int, rate: float, device: torch.device) -> None:
        self.value = torch.ones(num_groups, device=device)
        self._rate = rate

    def of(self, task: Tensor) -> Tensor:
        """Return the scale of each row, shape `(B,)`."""
        return self.value[task if len(self.value) > 1 else torch.zeros_like(task)]

    def update(self, q: Tensor, task: Tensor) -> None:
        """Move toward the distance of the 5th and 95th percentile of values `(B,)`."""
        groups = task if len(self.value) > 1 else torch.zeros_like(task)
        for group in torch.unique(groups).tolist():
            low, high = torch.quantile(
                q[groups == group].float(), torch.tensor([0.05, 0.95], device=q.device)
            )
            spread = torch.clamp(high - low, min=1.0)
            self.value[group] += self._rate * (spread - self.value[group])


class Learner:
    """Owns what changes while learning: the model, its targets, optimisers and scale.

    Args:
        model: The world model.
        discounts: Of the tasks, shape `(K,)`.
        config: Losses and optimisation.
        seed: Of the policy's noise and the choice of Q networks.
        acceleration: Whether losses are compiled.
        group: The processes that learn together; gradients and scales are averaged.
    """

    def __init__(
        self,
        model: WorldModel,
        discounts: Tensor,
        config: LearningConfig,
        seed: int,
        acceleration: Acceleration = PLAIN,
        group: Group | None = None,
    ) -> None:
        self.model = model
        self.config = config
        device = model.action_masks.device
        self._group = group or Group(device)
        self.target_q = copy.deepcopy(model.q).requires_grad_(False)
        self.generator = torch.Generator(device=device).manual_seed(seed)
        num_groups = len(discounts) if config.scale == "per-task" else 1
        self.scale = RunningScale(num_groups, config.target_rate, device)
        self._discounts = discounts.to(device)
        rho = config.rho ** torch.arange(model.config.horizon + 1, device=device)
        self._rho = rho / rho.sum()
        rate = config.learning_rate
        groups: list[dict[str, Any]] = [
            {"params": network.parameters()}
            for network in (model.encoder, model.dynamics, model.reward, model.q, model.policy)
        ]
        groups[0]["lr"] = rate * config.encoder_rate_factor
        self.model_optimizer = torch.optim.Adam(groups, lr=rate, fused=True)
        self.policy_optimizer = torch.optim.Adam(
            model.policy.parameters(), lr=rate, eps=config.policy_eps, fused=True
        )
        self.warmups = [
            torch.optim.lr_scheduler.LambdaLR(optimizer, self.warmup_factor)
            for optimizer in (self.model_optimizer, self.policy_optimizer)
        ]
        self._model_losses = acceleration.applied(self._losses_of_model)
        self._policy_losses = acceleration.applied(self._losses_of_policy)

    def update(self, batch: Batch) -> Metrics:
        """Take one gradient step of the model and one of the policy."""
        metrics, latents = self._step_model(batch, has_prior=False)
        metrics |= self._step_policy(batch, latents)
        return metrics

    def pretrain(self, batch: Batch) -> Metrics:
        """Take one gradient step on demonstrations: the model's losses and behaviour cloning."""
        metrics, _ = self._step_model(batch, has_prior=True)
        return metrics

    def td_target(
        self, batch: Batch, next_z: Tensor, context: Contexts, noise: Tensor, pair: Tensor
    ) -> Tensor:
        """Return r + discount min(Q, Q') of two target networks, shape `(T, B)`.

        Args:
            batch: The sub-sequences.
            next_z: Latents of `obs[1:]`, shape `(T, B, D)`.
            context: Of the batch's rows, repeated over time.
            noise: Of the policy's actions, shape `(T B, A)`.
            pair: The two networks.
        """
        num_steps, num_rows = batch.reward.shape
        z = next_z.flatten(0, 1)
        task = batch.task.repeat(num_steps)
        action = self._sample(z, context, task, noise).action
        target_context = context
        network = self.model.q
        if self.config.target == "ema":
            network = self.target_q
            table = network.contexts(self.model.embeddings)
            target_context = context._replace(q=table[:, task])
        logits = self.model.q_logits(z, action, target_context, members=pair, network=network)
        value = two_hot.decode(logits).amin(0).view(num_steps, num_rows)
        return batch.reward + self._discounts[batch.task] * value

    def _step_model(self, batch: Batch, *, has_prior: bool) -> tuple[Metrics, Tensor]:
        shape = (batch.action.shape[0] * batch.action.shape[1], batch.action.shape[2])
        noise, pair = self._noise(*shape), self.model.draw_q_pair(self.generator)
        prior_noise = self._noise(*shape) if has_prior else None
        metrics, z = self._model_losses(batch, noise, pair, prior_noise)
        grad_norm = self._step(metrics["loss"], self.model_optimizer, self.model)
        self.warmups[0].step()
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.target_q.parameters()),
                list(self.model.q.parameters()),
                self.config.target_rate,
            )
        metrics = {name: metric.detach() for name, metric in metrics.items()}
        return metrics | {"grad_norm": grad_norm}, z.detach()

    def _losses_of_model(
        self, batch: Batch, noise: Tensor, pair: Tensor, prior_noise: Tensor | None
    ) -> tuple[Metrics, Tensor]:
        """Return the losses and the rolled-out latents `(T + 1, B, D)`.

        Args:
            batch: The sub-sequences.
            noise: Of the target's actions, shape `(T B, A)`.
            pair: Q networks of the target.
            prior_noise: Of the actions that imitate the batch's; `None` leaves imitation out.
        """
        model, config = self.model, self.config
        num_steps, num_rows = batch.reward.shape
        context = model.contexts().of(batch.task)
        with torch.no_grad():
            over_time = _repeated(context, num_steps)
            feature = None if batch.feature is None else batch.feature[1:].flatten(0, 1)
            next_z = model.encode(batch.obs[1:].flatten(0, 1), over_time, feature)
            next_z = next_z.view(num_steps, num_rows, -1)
            target = self.td_target(batch, next_z, over_time, noise, pair)
        feature = None if batch.feature is None else batch.feature[0]
        latents = [model.encode(batch.obs[0], context, feature)]
        for action in batch.action.unbind(0):
            latents.append(model.next_latent(latents[-1], action, context))
        z = torch.stack(latents)
        rho = self._rho[:num_steps]
        rows, row_context = z[:-1].flatten(0, 1), _repeated(context, num_steps)
        actions = batch.action.flatten(0, 1)

        consistency = (rho * (z[1:] - next_z).square().mean(dim=(1, 2))).sum()
        reward_logits = model.reward_logits(rows, actions, row_context)
        reward_error = two_hot.cross_entropy(reward_logits, batch.reward.flatten())
        reward = (rho * reward_error.view(num_steps, num_rows).mean(1)).sum()
        q_logits = model.q_logits(rows, actions, row_context)
        targets = target.flatten().expand(len(q_logits), -1)
        value_error = two_hot.cross_entropy(q_logits, targets).mean(0)
        value = (rho * value_error.view(num_steps, num_rows).mean(1)).sum()
        loss = (
            config.consistency_coef * consistency
            + config.reward_coef * reward
            + config.value_coef * value
        )
        metrics = {"consistency": consistency, "reward": reward, "value": value}
        if prior_noise is not None:
            task = batch.task.repeat(num_steps)
            sample = self._sample(rows, row_context, task, prior_noise)
            imitation = self._imitation(sample, batch)
            bonus = config.entropy_coef * self._entropy(sample, task)
            prior = imitation - bonus.view(num_steps, num_rows)
            metrics["prior"] = (rho * prior.mean(1)).mean()
            loss = loss + config.prior_coef * metrics["prior"]
        metrics["loss"] = loss
        return metrics, z

    def _step_policy(self, batch: Batch, z: Tensor) -> Metrics:
        """Step on the latents `(T + 1, B, D)` of before the model's step."""
        noise = self._noise(z.shape[0] * z.shape[1], batch.action.shape[2])
        pair = self.model.draw_q_pair(self.generator)
        metrics, q = self._policy_losses(batch, z, noise, pair, self.scale.of(batch.task))
        grad_norm = self._step(metrics["policy_loss"], self.policy_optimizer, self.model.policy)
        self.warmups[1].step()
        self.scale.update(q.detach(), batch.task)
        self._group.average(self.scale.value)
        metrics = {name: metric.detach() for name, metric in metrics.items()}
        return metrics | {"policy_grad_norm": grad_norm, "scale": self.scale.value.mean()}

    def _losses_of_policy(
        self, batch: Batch, z: Tensor, noise: Tensor, pair: Tensor, scale: Tensor
    ) -> tuple[Metrics, Tensor]:
        """Return the losses and the values of the first step, shape `(B,)`."""
        model, config = self.model, self.config
        num_steps, num_rows = batch.reward.shape
        task = batch.task.repeat(num_steps + 1)
        frozen = _repeated(model.contexts(frozen=True).of(batch.task), num_steps + 1)
        policy_table = model.policy.contexts(model.embeddings)
        context = frozen._replace(policy=policy_table[:, task])
        rows = z.flatten(0, 1)
        sample = self._sample(rows, context, task, noise)
        logits = model.q_logits(rows, sample.action, context, members=pair, frozen=True)
        q = two_hot.decode(logits).mean(0).view(num_steps + 1, num_rows)
        entropy = self._entropy(sample, task).view(num_steps + 1, num_rows)
        gain = q / scale + config.entropy_coef * entropy
        imitation = self._imitation(sample, batch)
        loss = (self._rho[:num_steps] * imitation.mean(1)).sum() * config.prior_coef
        loss = loss - (self._rho * gain.mean(1)).sum()
        metrics = {
            "policy_loss": loss,
            "imitation": imitation.mean(),
            "q": q.mean(),
            "policy_std": _mean_std(sample, model.action_masks[task]),
        }
        return metrics, q[0]

    def _step(self, loss: Tensor, optimizer: torch.optim.Optimizer, module: nn.Module) -> Tensor:
        """Take a gradient step; return the norm of the gradient before it was clipped."""
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        parameters = list(module.parameters())
        self._group.average_gradients(parameters)
        grad_norm = nn.utils.clip_grad_norm_(parameters, self.config.max_grad_norm)
        optimizer.step()
        return grad_norm

    def _sample(self, z: Tensor, context: Contexts, task: Tensor, noise: Tensor) -> PolicySample:
        return self.model.act(z, context, self.model.action_masks[task], noise)

    def _noise(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.generator.device)

    def _entropy(self, sample: PolicySample, task: Tensor) -> Tensor:
        """Return the scaled entropy: the number of true entries times minus the log-likelihood."""
        return -self.model.action_masks[task].sum(-1) * sample.log_likelihood

    def _imitation(self, sample: PolicySample, batch: Batch) -> Tensor:
        """Return the weighted mean squared error to the labels over true entries, `(T, B)`."""
        num_steps, num_rows = batch.reward.shape
        label, weight = batch.labels_and_weights()
        ours = sample.action[: num_steps * num_rows].view_as(label)
        mask = self.model.action_masks[batch.task]
        error = (mask * (ours - label).square()).sum(-1)
        return weight * error / mask.sum(-1).clamp(min=1)

    def warmup_factor(self, num_done: int) -> float:
        """Return the factor on the learning rate of the update after `num_done` others."""
        if self.config.warmup_updates == 0:
            return 1.0
        return min(1.0, (num_done + 2) / self.config.warmup_updates)


def _repeated(context: Contexts, num_times: int) -> Contexts:
    """Repeat the rows of a batch over time."""
    return Contexts(*(rows.repeat(1, num_times, 1) for rows in context))


def _mean_std(sample: PolicySample, mask: Tensor) -> Tensor:
    return (mask * sample.log_std.exp()).sum() / mask.sum()
