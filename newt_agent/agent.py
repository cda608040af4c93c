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
from mmbench.training.collector import observed
from mmbench.training.devices import checked_device
from mmbench.training.tables import action_masks, discounts
from mmbench.vision import ImageEncoder
from newt_agent.checkpoint import Checkpoint
from newt_agent.config import Precision
from newt_agent.loading import load
from newt_agent.player import Player
from newt_agent.precision import acceleration


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
        model = checkpoint.model.to(device).eval()
        self._images = ImageEncoder(checkpoint.vision, device) if checkpoint.vision else None
        task = _rows_of(checkpoint, tasks)
        config = model.config
        if not 1 <= open_loop <= config.horizon:
            raise UsageError(f"open_loop is {open_loop}, expected 1 to {config.horizon}")
        num_samples = round(plan_budget * config.planner.num_samples)
        least = max(config.planner.num_elites, config.planner.num_policy_samples + 1)
        if num_samples < least:
            raise UsageError(
                f"plan_budget {plan_budget} leaves {num_samples} sequences, at least {least} "
                "are needed"
            )
        self._player = Player(
            *(model, task),
            discount=discounts(tasks).to(device),
            config=dataclasses.replace(config.planner, num_samples=num_samples),
            generator=torch.Generator(device).manual_seed(seed),
            acceleration=acceleration(torch.device(device), precision=precision, compile=compile),
            open_loop=open_loop,
        )
        self._is_planning = checkpoint.plays == "plan" if planning is None else planning
        self._prior_weight = prior_weight
        self._clock = Clock(model.clock_rate[task].cpu().numpy())

    def act(self, obs: Any, *, first: NDArray[np.bool_]) -> FloatArray:
        """Return actions, shape `(num_slots, MAX_ACTION_DIM)`."""
        states, features = observed(obs, self._images)
        states = self._clock(states, first)
        if not self._is_planning:
            return self._player.ask_policy(states, features).mean.cpu().numpy()
        found = self._player.plan(states, features, first, prior_weight=self._prior_weight)
        return found.action.cpu().numpy()


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
        alike = [_most_alike(name, known) for name in new]
        model.obs_mean = torch.cat((model.obs_mean, model.obs_mean[alike]))
        model.obs_rate = torch.cat((model.obs_rate, model.obs_rate[alike]))
        model.clock_rate = torch.cat((model.clock_rate, model.clock_rate.new_zeros(len(new))))
    row = {name: index for index, name in enumerate([*known, *new])}
    return torch.tensor([row[name] for name in tasks], device=device)


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
