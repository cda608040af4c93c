"""Newt as an agent that can be evaluated: `mmbench evaluate --agent newt --checkpoint DIR`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmbench import Agent, FloatArray, task
from mmbench.errors import CheckpointError, UsageError
from mmbench.language import task_embeddings
from mmbench.training.clock import Clock
from mmbench.training.devices import checked_device
from mmbench.training.tables import action_masks, discounts
from mmbench.vision import ImageEncoder
from newt_agent.acceleration import Precision, acceleration
from newt_agent.checkpoint import Checkpoint
from newt_agent.loading import load
from newt_agent.planner import plan, shifted
from newt_agent.world_model import Contexts, WorldModel


class Newt:
    """Plans with a trained world model, for all slots at once.

    Args:
        checkpoint: The model. Tasks that it was not trained on are played by their language.
        tasks: One task id per slot.
        device: Where to compute.
        seed: Of the planner's noise.
        planning: Whether to plan; the policy's mean action is played otherwise. By default what the
            checkpoint is best played by.
        plan_budget: Factor on the number of action sequences.
        open_loop: Env steps played of a plan.
        prior_weight: How much plans start from the policy instead of from the last plan, 0 to 1.
        precision: Of the products in planning.
        compile: Whether to fuse with `torch.compile`.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        tasks: Sequence[str],
        *,
        device: str,
        seed: int,
        planning: bool | None = None,
        plan_budget: float = 1.0,
        open_loop: int = 1,
        prior_weight: float = 0.0,
        precision: Precision = "auto",
        compile: bool = False,
    ) -> None:
        self._device = torch.device(device)
        self._acceleration = acceleration(self._device, precision=precision, compile=compile)
        self._model = checkpoint.model.to(self._device).eval()
        self._images = ImageEncoder(checkpoint.vision, device) if checkpoint.vision else None
        self._task = self._rows_of(checkpoint, tasks)
        self._planning_model = self._acceleration.for_planning(self._model)
        self._context = self._model.contexts(frozen=True).of(self._task)
        self._discount = discounts(tasks).to(self._device)
        self._generator = torch.Generator(self._device).manual_seed(seed)
        config = self._model.config
        if not 1 <= open_loop <= config.horizon:
            raise UsageError(f"open_loop is {open_loop}, expected 1 to {config.horizon}")
        num_samples = round(plan_budget * config.planner.num_samples)
        least = max(config.planner.num_elites, config.planner.num_policy_samples + 1)
        if num_samples < least:
            raise UsageError(
                f"plan_budget {plan_budget} leaves {num_samples} sequences, at least {least} "
                "are needed"
            )
        self._config = dataclasses.replace(config.planner, num_samples=num_samples)
        self._is_planning = checkpoint.plays == "plan" if planning is None else planning
        self._open_loop = open_loop
        self._prior_weight = prior_weight
        self._mean = torch.zeros(len(tasks), config.horizon, config.action_dim, device=self._device)
        self._num_played = 0
        self._clock = Clock(self._model.clock_rate[self._task].cpu().numpy())

    def act(self, obs: Any, *, first: NDArray[np.bool_]) -> FloatArray:
        """Return actions, shape `(num_slots, MAX_ACTION_DIM)`."""
        is_first = torch.from_numpy(np.asarray(first)).to(self._device)
        states, features = observed(obs, self._images)
        states = self._clock(states, first)
        with torch.no_grad():
            z = encode(self._model, states, features, self._context)
            if not self._is_planning:
                mask = self._model.action_masks[self._task]
                sample = self._model.act(z, self._context, mask, torch.zeros_like(mask))
                return sample.mean.cpu().numpy()
        return self._planned(z, is_first).cpu().numpy()

    def _planned(self, z: Tensor, is_first: Tensor) -> Tensor:
        is_stale = is_first.any() or self._num_played % self._open_loop == 0
        self._num_played += 1
        if not is_stale:
            action, self._mean = self._mean[:, 0], shifted(self._mean)
            return action
        self._num_played = 1
        start = torch.where(is_first[:, None, None], 0.0, self._mean)
        found = plan(
            self._planning_model,
            z,
            self._task,
            context=self._context,
            discount=self._discount,
            start=start,
            config=self._config,
            generator=self._generator,
            prior_weight=self._prior_weight,
            acceleration=self._acceleration,
        )
        self._mean = shifted(found.mean)
        return found.action

    def _rows_of(self, checkpoint: Checkpoint, tasks: Sequence[str]) -> Tensor:
        """Return the slots' rows of the model's tables, after adding tasks that are new to it."""
        known = list(checkpoint.tasks)
        new = sorted(set(tasks) - set(known))
        if new and checkpoint.encoder in ("none", "task-index"):
            raise CheckpointError(
                f"the checkpoint was trained without language on {len(known)} tasks, and "
                f"{new[0]} is none of them"
            )
        if new:
            embeddings = torch.from_numpy(task_embeddings(new, checkpoint.encoder))
            model = self._model
            model.embeddings = torch.cat((model.embeddings, embeddings.to(self._device)))
            masks = action_masks(new).to(self._device)
            model.action_masks = torch.cat((model.action_masks, masks))
            alike = [_most_alike(name, known) for name in new]
            model.obs_mean = torch.cat((model.obs_mean, model.obs_mean[alike]))
            model.obs_rate = torch.cat((model.obs_rate, model.obs_rate[alike]))
            model.clock_rate = torch.cat((model.clock_rate, model.clock_rate.new_zeros(len(new))))
        row = {name: index for index, name in enumerate([*known, *new])}
        return torch.tensor([row[name] for name in tasks], device=self._device)


def _most_alike(new: str, known: Sequence[str]) -> int:
    """Return the index of the known task whose observations are likeliest to be scaled like these.

    A task of the same domain with as many observation entries comes first.
    """
    wanted = task(new)

    def likeness(index: int) -> tuple[bool, bool, int]:
        spec = task(known[index])
        is_same_domain = spec.domain.name == wanted.domain.name
        return is_same_domain, spec.obs_dim == wanted.obs_dim, -abs(spec.obs_dim - wanted.obs_dim)

    return max(range(len(known)), key=likeness)


def observed(obs: Any, images: ImageEncoder | None) -> tuple[FloatArray, FloatArray | None]:
    """Return states `(E, O)` and image features `(E, F)` of an environment's observations.

    Raises:
        UsageError: If pictures are needed and there are none.
    """
    if images is None:
        return obs["state"] if isinstance(obs, dict) else obs, None
    if not isinstance(obs, dict):
        raise UsageError("the model sees pictures; give --obs state+rgb")
    return obs["state"], images.features(obs["rgb"])


def encode(
    model: WorldModel, states: FloatArray, features: FloatArray | None, context: Contexts
) -> Tensor:
    """Return latents `(E, D)` of what `observed` returns."""
    device = model.action_masks.device
    return model.encode(
        torch.from_numpy(states).to(device),
        context,
        None if features is None else torch.from_numpy(features).to(device),
    )


def make(
    tasks: Sequence[str], *, checkpoint: str | None, device: str, seed: int, **options: Any
) -> Agent:
    """Build the agent from a checkpoint folder, a `.pt` file of the original, or what ships.

    The options are those of `Newt`.
    """
    checked_device(device)
    single_task = tasks[0] if len(set(tasks)) == 1 else None
    loaded = load(checkpoint, device=device, single_task=single_task)
    return Newt(loaded, tasks, device=device, seed=seed, **options)
