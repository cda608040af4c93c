"""Newt as an agent that can be evaluated: `mmbench evaluate --agent newt --checkpoint DIR`."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmbench import Agent, FloatArray
from mmbench.demos.clock import Clock
from mmbench.errors import CheckpointError, UsageError
from mmbench.language import task_embeddings
from mmbench.training.collector import observed
from mmbench.training.devices import checked_device
from mmbench.training.tables import action_masks, discounts
from mmbench.vision import ImageEncoder
from newt_agent.alike import most_alike
from newt_agent.checkpoint import Checkpoint
from newt_agent.config import Precision
from newt_agent.loading import load
from newt_agent.player import Player
from newt_agent.precision import acceleration, check_precision

Elite = Literal["best", "drawn"]
"""Which sequence of a plan is played."""


class Newt:
    """Plans with a trained world model, for all slots at once.

    Args:
        checkpoint: The model. Tasks that it was not trained on are played by their language.
        tasks: One task id per slot.
        device: Where to compute.
        seed: Of the planner's noise.
        planning: Whether to plan; the policy's mean action is played otherwise. By default what the
            checkpoint is best played by, task by task.
        plan_budget: Factor on the number of action sequences.
        open_loop: Env steps played of a plan.
        prior_weight: How much plans start from the policy instead of from the last plan, 0 to 1. By
            default as much as in training.
        elite: Whether the best sequence of a plan is played, or, as the original does, one drawn
            among the elites.
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
        prior_weight: float | None = None,
        elite: Elite = "best",
        precision: Precision = "auto",
        compile: bool = False,
    ) -> None:
        model = checkpoint.model.to(device).eval()
        self._images = ImageEncoder(checkpoint.vision, device) if checkpoint.vision else None
        task = _rows_of(checkpoint, tasks)
        config = model.config
        check_precision(config, precision)
        if not 1 <= open_loop <= config.horizon:
            raise UsageError(f"open_loop is {open_loop}, expected 1 to {config.horizon}")
        if elite not in get_args(Elite):
            raise UsageError(f"elite is {elite!r}, expected {' or '.join(get_args(Elite))}")
        num_samples = round(plan_budget * config.planner.num_samples)
        least = max(config.planner.num_elites, config.planner.num_policy_samples + 1)
        if num_samples < least:
            raise UsageError(
                f"plan_budget {plan_budget} leaves {num_samples} sequences, at least {least} "
                "are needed"
            )
        generator = torch.Generator(device).manual_seed(seed)
        accelerated = acceleration(torch.device(device), precision=precision, compile=compile)

        def player(slots: Tensor) -> Player:
            return Player(
                *(model, task[slots]),
                discount=discounts(tasks).to(device)[slots],
                config=dataclasses.replace(config.planner, num_samples=num_samples),
                generator=generator,
                acceleration=accelerated,
                open_loop=open_loop,
                plays_best=elite == "best",
            )

        plans = [
            checkpoint.plays_by_task.get(name, checkpoint.plays) == "plan"
            if planning is None
            else planning
            for name in tasks
        ]
        self._parts = [
            (is_planning, slots.numpy(), player(slots.to(device)))
            for is_planning in (True, False)
            if len(slots := torch.tensor([s for s, p in enumerate(plans) if p == is_planning]))
        ]
        self._shape = (len(tasks), config.action_dim)
        self._prior_weight = checkpoint.prior_weight if prior_weight is None else prior_weight
        self._clock = Clock(model.clock_rate[task].cpu().numpy())

    def act(self, obs: Any, *, first: NDArray[np.bool_]) -> FloatArray:
        """Return actions, shape `(num_slots, MAX_ACTION_DIM)`."""
        return self.act_on(*observed(obs, self._images), first)

    def act_on(
        self, states: FloatArray, features: FloatArray | None, first: NDArray[np.bool_]
    ) -> FloatArray:
        """Return the actions of `act` for what `mmbench.training.collector.observed` returns."""
        states = self._clock(states, first)
        actions = np.empty(self._shape, np.float32)
        for is_planning, slots, player in self._parts:
            seen = states[slots], None if features is None else features[slots]
            if is_planning:
                found = player.plan(*seen, first[slots], prior_weight=self._prior_weight).action
            else:
                found = player.ask_policy(*seen).mean
            actions[slots] = found.cpu().numpy()
        return actions


def _rows_of(checkpoint: Checkpoint, tasks: Sequence[str]) -> Tensor:
    """Return the slots' rows of the model's tables, after adding tasks that are new to it."""
    model = checkpoint.model
    device = model.action_masks.device
    known = list(checkpoint.tasks)
    new = sorted(set(tasks) - set(known))
    if new and (checkpoint.encoder in ("none", "task-index") or model.codes is not None):
        raise CheckpointError(
            f"the checkpoint was trained without language on {len(known)} tasks, and "
            f"{new[0]} is none of them"
        )
    if new:
        embeddings = torch.from_numpy(task_embeddings(new, checkpoint.encoder)).to(device)
        model.embeddings = torch.cat((model.embeddings, embeddings))
        model.action_masks = torch.cat((model.action_masks, action_masks(new).to(device)))
        alike = [most_alike(name, known) for name in new]
        model.obs_mean = torch.cat((model.obs_mean, model.obs_mean[alike]))
        model.obs_rate = torch.cat((model.obs_rate, model.obs_rate[alike]))
        model.clock_rate = torch.cat((model.clock_rate, model.clock_rate.new_zeros(len(new))))
    row = {name: index for index, name in enumerate([*known, *new])}
    return torch.tensor([row[name] for name in tasks], device=device)


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
