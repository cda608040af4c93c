"""What changes while Newt learns, and a step of it."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmbench.training.processes import Group
from mmbench.training.replay import Batch
from mmbench.training.run import optimizer_tensors, part, prefixed, restore_optimizer
from newt_agent.config import LearningConfig
from newt_agent.losses import FAST, Constants, Losses, Metrics, time_weights
from newt_agent.precision import PLAIN, Acceleration
from newt_agent.scale import RunningScale
from newt_agent.world_model import WorldModel


class Learner:
    """Owns what changes while learning: the model, its targets, optimisers and scale.

    Args:
        model: The world model.
        discounts: Of the tasks, shape `(K,)`.
        config: Losses and optimisation.
        seed: Of the policy's noise and the choice of Q networks.
        acceleration: How losses are computed.
        group: The processes that learn together; gradients and scales are averaged.
        losses: What is minimised.
    """

    def __init__(
        self,
        model: WorldModel,
        discounts: Tensor,
        config: LearningConfig,
        seed: int,
        acceleration: Acceleration = PLAIN,
        group: Group | None = None,
        losses: Losses = FAST,
    ) -> None:
        self.model = model
        self.config = config
        device = model.action_masks.device
        self._acceleration = acceleration
        self._group = group or Group(device)
        self.target_q = copy.deepcopy(model.q).requires_grad_(False)
        self.generator = torch.Generator(device=device).manual_seed(seed)
        num_groups = len(discounts) if config.scale == "per-task" else 1
        self.scale = RunningScale(num_groups, config.target_rate, device)
        rho = time_weights(config.rho, model.config.horizon, device)
        self.constants = Constants(config, discounts.to(device), rho)
        rate = config.learning_rate
        groups: list[dict[str, Any]] = [
            {"params": network.parameters()}
            for network in (model.encoder, model.dynamics, model.reward, model.q, model.policy)
        ]
        groups[0]["lr"] = rate * config.encoder_rate_factor
        if model.codes is not None:
            groups.append({"params": [model.codes]})
        self.model_optimizer = torch.optim.Adam(groups, lr=rate, fused=True)
        self.policy_optimizer = torch.optim.Adam(
            model.policy.parameters(), lr=rate, eps=config.policy_eps, fused=True
        )
        self._warmups = [
            torch.optim.lr_scheduler.LambdaLR(optimizer, self.warmup_factor)
            for optimizer in (self.model_optimizer, self.policy_optimizer)
        ]
        self._model_losses, self._policy_losses = (
            acceleration.applied_to_losses(function, device) for function in losses
        )

    def update(self, batch: Batch) -> Metrics:
        """Take one gradient step of the model and one of the policy."""
        metrics, latents = self._step_model(batch, has_prior=False)
        metrics |= self._step_policy(batch, latents)
        return metrics

    def pretrain(self, batch: Batch) -> Metrics:
        """Take one gradient step on demonstrations: the model's losses and behaviour cloning."""
        metrics, _ = self._step_model(batch, has_prior=True)
        return metrics

    def warmup_factor(self, num_done: int) -> float:
        """Return the factor on the learning rate of the update after `num_done` others."""
        if self.config.warmup_updates == 0:
            return 1.0
        # The original's first update has factor 2 / warmup_updates, not 1.
        return min(1.0, (num_done + 2) / self.config.warmup_updates)

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that the next updates depend on, but for `warmup_counts`."""
        return {
            **self.scale.tensors(),
            "learner_generator": self.generator.get_state(),
            **prefixed("model", self.model.state_dict()),
            **prefixed("target", self.target_q.state_dict()),
            **prefixed("model_optimizer", optimizer_tensors(self.model_optimizer)),
            **prefixed("policy_optimizer", optimizer_tensors(self.policy_optimizer)),
        }

    def warmup_counts(self) -> list[int]:
        """Return how many updates the model's and the policy's optimiser have taken."""
        return [warmup.last_epoch for warmup in self._warmups]

    def restore(self, tensors: Mapping[str, Tensor], warmup_counts: list[int]) -> None:
        """Put back what `tensors` and `warmup_counts` returned."""
        self.model.load_state_dict(part("model", tensors))
        self.target_q.load_state_dict(part("target", tensors))
        self.scale.restore(tensors)
        self.generator.set_state(tensors["learner_generator"].cpu())
        optimizers = {
            "model_optimizer": self.model_optimizer,
            "policy_optimizer": self.policy_optimizer,
        }
        for (name, optimizer), warmup, count in zip(
            optimizers.items(), self._warmups, warmup_counts, strict=True
        ):
            restore_optimizer(optimizer, warmup, part(name, tensors), count)

    def _step_model(self, batch: Batch, *, has_prior: bool) -> tuple[Metrics, Tensor]:
        shape = batch.action.shape
        self._acceleration.begin_step()
        noise, pair = self._noise(*shape), self.model.draw_q_pair(self.generator)
        prior_noise = self._noise(*shape) if has_prior else None
        metrics, z = self._model_losses(
            *(self.model, self.target_q, batch, self.constants),
            noise=noise,
            pair=pair,
            prior_noise=prior_noise,
        )
        grad_norm = self._step(metrics["loss"], self.model_optimizer, self.model)
        self._warmups[0].step()
        self.model.limit_codes()
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.target_q.parameters()),
                list(self.model.q.parameters()),
                self.config.target_rate,
            )
        return _kept(metrics) | {"grad_norm": grad_norm}, z.detach()

    def _step_policy(self, batch: Batch, z: Tensor) -> Metrics:
        """Step on the latents `(T + 1, B, D)` of before the model's step."""
        noise = self._noise(*z.shape[:2], batch.action.shape[2])
        pair = self.model.draw_q_pair(self.generator)
        metrics, q = self._policy_losses(
            *(self.model, batch, z, self.constants),
            noise=noise,
            pair=pair,
            scale=self.scale.of(batch.task),
        )
        grad_norm = self._step(metrics["policy_loss"], self.policy_optimizer, self.model.policy)
        self._warmups[1].step()
        self.scale.update(q.detach(), batch.task)
        self._group.average(self.scale.value)
        norm_and_scale = {"policy_grad_norm": grad_norm, "scale": self.scale.value.mean()}
        return _kept(metrics) | norm_and_scale

    def _step(self, loss: Tensor, optimizer: torch.optim.Optimizer, module: nn.Module) -> Tensor:
        """Take a gradient step; return the norm of the gradient before it was clipped."""
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        parameters = list(module.parameters())
        self._group.average_gradients(parameters)
        grad_norm = nn.utils.clip_grad_norm_(parameters, self.config.max_grad_norm)
        optimizer.step()
        return grad_norm

    def _noise(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.generator.device)


def _kept(metrics: Metrics) -> Metrics:
    """Return copies, which hold beyond the step, without gradients."""
    return {name: metric.detach().clone() for name, metric in metrics.items()}
