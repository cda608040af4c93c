"""Language-conditioned behaviour cloning of many tasks: the demonstrations, and nothing else.

Newt's encoder and policy of the same size, trained to answer with the demonstrated action.
"""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor

from mmbench import Agent, load_result, task
from mmbench.checks import at_least
from mmbench.cli.output import show_progress
from mmbench.demos import load as load_demos
from mmbench.demos.clock import clock_rates
from mmbench.demos.dataset import is_by_practising, practising_experts
from mmbench.demos.learnability import read_learnability
from mmbench.errors import UsageError
from mmbench.files import locked
from mmbench.language import EncoderName, embedding_dim
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import choose_tasks
from mmbench.training.demonstrations import SHIPPED, demonstration_replay, observation_scale
from mmbench.training.devices import checked_device
from mmbench.training.replay import Sampling
from mmbench.training.run import (
    SNAPSHOT_INTERVAL,
    count_of,
    open_run,
    optimizer_tensors,
    part,
    prefixed,
    restore_optimizer,
    restoring,
    save_snapshot,
    with_suite,
)
from newt_agent import (
    Checkpoint,
    NewtConfig,
    SizeName,
    WorldModel,
    acceleration,
    load,
    new_model,
    save_checkpoint,
)
from newt_agent import make as make_newt

_LEAST_FOCUS = 0.25
_LEAST_ERROR = 1e-3
_ERROR_RATE = 0.01


@dataclass(frozen=True, kw_only=True)
class BCConfig:
    """What is cloned, and how."""

    tasks: tuple[str, ...]
    """Task ids."""
    demos: str = SHIPPED
    """`shipped`, or a directory of demonstrations."""
    practice: bool = True
    """Whether practice is cloned as well, by its labels."""
    checkpoint: str | None = None
    """Checkpoint of the same size, whose weights (and scale, for the same tasks) are where cloning
    begins."""
    focus: str | None = None
    """Result directory of an earlier clone: tasks come the more often, the less it scores there of
    what their best demonstration does."""
    within_reach: str | None = None
    """Table that `mmbench demos learnability --json` wrote: there stands, beside what the earlier
    clone scores, what a network of the task's own does, instead of the best demonstration."""
    normalise: bool = True
    """Whether observations are normalised per task."""
    clock: bool = True
    """Whether tasks whose experts walk to a rhythm have a clock in the observation."""
    encoder: EncoderName = "minilm"
    """Text encoder; `none` clones without language."""
    size: SizeName = "S"
    """Of encoder and policy."""
    updates: int = 200_000
    """Gradient steps."""
    batch_size: int = 1024
    """Pairs of observation and action per update."""
    sampling: Sampling = "task"
    """How pairs are drawn."""
    loss: Literal["likelihood", "mean"] = "likelihood"
    """How tasks count: `mean` adds up their squared errors, most of which are those of noisy
    experts; `likelihood` divides each task's error by its running mean, as under Gaussians of a
    variance per task (arXiv:1705.07115)."""
    learning_rate: float = 1e-3
    """Adam's; constant after the warm-up, as it is averaged weights that are saved."""
    warmup_updates: int = 500
    """Updates over which the rate rises."""
    average_rate: float = 1e-3
    """Share of the way that the averaged weights, which are saved, go in an update."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the products; bfloat16 is faster on CPUs with AMX."""
    compile: bool = False
    """Fuse with torch.compile: starts a minute later, then learns faster."""
    max_grad_norm: float = 20.0
    """Longer gradients are clipped."""
    seed: int = 0
    """Of networks and batches."""
    device: str = "cpu"
    """Where to compute, e.g. cuda."""

    def __post_init__(self) -> None:
        at_least(1, updates=self.updates, batch_size=self.batch_size)
        at_least(0, warmup_updates=self.warmup_updates, seed=self.seed)
        at_least(0, learning_rate=self.learning_rate, max_grad_norm=self.max_grad_norm)
        for name in self.tasks:
            task(name)
        if self.within_reach is not None and self.focus is None:
            raise UsageError("what is within reach counts beside an earlier clone; give --focus")
        checked_device(self.device)


def clone(
    config: BCConfig,
    out: Path | str,
    on_progress: OnProgress = ignore_progress,
) -> list[float]:
    """Train on demonstrations and save a checkpoint; return the loss of every update of this call.

    Loss: squared error to the expert's actions over the true entries, divided by their number,
    weighted by the score of the demonstration and (see `BCConfig.loss`) by task, averaged over
    pairs.
    A run that was cut off goes on from its last snapshot, bit for bit.
    """
    choose_tasks(config.tasks)
    with locked(Path(out)):
        return _clone(config, Path(out), on_progress)


def _clone(config: BCConfig, out: Path, on_progress: OnProgress) -> list[float]:
    is_begun = open_run(out, dataclasses.asdict(config), may_change=("updates", "compile"))
    device = torch.device(config.device)
    accelerated = acceleration(
        device, precision="float32", update_precision=config.precision, compile=config.compile
    )
    policy_mean = accelerated.applied_to_losses(_policy_mean, device)
    model_config = NewtConfig(
        size=config.size,
        embedding_dim=embedding_dim(config.encoder),
        has_normalised_obs=config.normalise,
        has_clock=config.clock,
    )
    model = new_model(model_config, config.tasks, config.encoder, config.seed).to(device)
    demos = demonstration_replay(
        config.tasks,
        config.demos,
        horizon=1,
        has_clock=config.clock,
        has_practice=config.practice,
        sampling=config.sampling,
        on_progress=on_progress,
    )
    start = None if config.checkpoint is None else load(config.checkpoint)
    if config.normalise:
        mean, std = observation_scale(demos, len(config.tasks))
        model.set_obs_scale(torch.from_numpy(mean), torch.from_numpy(std))
    if config.clock:
        model.clock_rate.copy_(torch.from_numpy(clock_rates(config.tasks, model_config.obs_dim)))
    if config.focus is not None:
        reach = (
            best_demonstrations(config.tasks, config.demos)
            if config.within_reach is None
            else {found.task: found.clone_score for found in read_learnability(config.within_reach)}
        )
        demos.weigh_tasks(shortfall(config.tasks, config.focus, reach))
    if device.type != "cpu":
        demos.copy_to(device)
    if start is not None:
        model.load_networks(start.model)
        if start.tasks == config.tasks and config.normalise:
            # The scale that the weights have learned with.
            model.set_obs_scale(start.model.obs_mean, 1 / start.model.obs_rate)
    trained = (*model.encoder.parameters(), *model.policy.parameters())
    average = [parameter.detach().clone() for parameter in trained]
    optimizer = torch.optim.Adam(trained, lr=config.learning_rate, fused=True)
    warmup = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda done: min(1.0, (done + 1) / max(1, config.warmup_updates))
    )
    rng = np.random.default_rng(config.seed)
    task_errors = torch.ones(len(config.tasks), device=device)
    num_done = 0
    if is_begun:
        with restoring(out, config.device) as (tensors, numbers):
            model.load_state_dict(part("model", tensors))
            average = list(part("average", tensors).values())
            task_errors = tensors["task_errors"]
            num_done = count_of(numbers, "updates")
            restore_optimizer(optimizer, warmup, part("optimizer", tensors), num_done)
            rng.bit_generator.state = numbers["rng"]

    def save() -> None:
        """Write a checkpoint with the averaged weights."""
        averaged = copy.deepcopy(model)
        own = (*averaged.encoder.parameters(), *averaged.policy.parameters())
        with torch.no_grad():
            torch._foreach_copy_(list(own), average)
        checkpoint = Checkpoint(
            model=averaged, tasks=config.tasks, encoder=config.encoder, target_q={}, plays="policy"
        )
        save_checkpoint(out, checkpoint)

    losses: list[Tensor] = []
    for update in range(num_done + 1, config.updates + 1):
        batch = demos.sample(config.batch_size, rng, device)
        accelerated.begin_step()
        answer: Tensor = policy_mean(model, batch.obs[0], batch.task)
        label, weight = batch.labels_and_weights()
        mask = model.action_masks[batch.task]
        error = (mask * (answer - label[0]).square()).sum(-1) / mask.sum(-1)
        follow(task_errors, batch.task, error.detach(), rate=_ERROR_RATE)
        if config.loss == "likelihood":
            error = error * by_likelihood(task_errors)[batch.task]
        loss = (weight[0] * error).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        torch.nn.utils.clip_grad_norm_(trained, config.max_grad_norm)
        optimizer.step()
        warmup.step()
        # The average is a plain one at first, so that it forgets where training began.
        way = max(config.average_rate, 1 / (update + 1))
        with torch.no_grad():
            torch._foreach_lerp_(average, [p.detach() for p in trained], way)
        losses.append(loss.detach())
        if update % 50 == 0 or update == config.updates:
            note = f"loss {float(losses[-1]):.4f}"
            on_progress(Progress("cloning", update, config.updates, note))
        if update % SNAPSHOT_INTERVAL == 0 or update == config.updates:
            tensors = prefixed("model", model.state_dict())
            tensors |= prefixed("average", {f"{i:03d}": t for i, t in enumerate(average)})
            tensors |= prefixed("optimizer", optimizer_tensors(optimizer))
            tensors["task_errors"] = task_errors
            save_snapshot(out, tensors, {"updates": update, "rng": rng.bit_generator.state})
            save()
    return [float(loss) for loss in losses]


def shortfall(
    tasks: Sequence[str], result: Path | str, reach: Mapping[str, float]
) -> NDArray[np.float64]:
    """Return how often tasks should come, shape `(K,)`: from 0.25, where nothing is missing, to 1.

    Args:
        tasks: Task ids.
        result: Result directory of an earlier clone.
        reach: Score that a clone of each task may hope for.

    Raises:
        UsageError: If the result or `reach` lacks a task.
    """
    scores = load_result(result).scores
    for name in tasks:
        if name not in scores:
            raise UsageError(f"{result} holds no episode of {name}")
        if name not in reach:
            raise UsageError(f"nothing says which score is within reach in {name}")
    missed = [1 - float(scores[t].mean()) / reach[t] if reach[t] else 0.0 for t in tasks]
    return np.clip(np.array(missed), _LEAST_FOCUS, 1.0)


def best_demonstrations(tasks: Sequence[str], where: str) -> dict[str, float]:
    """Return the score of every task's best demonstration among those that are imitated."""
    path = None if where == SHIPPED else where
    records = load_demos(tasks, path=path, has_practice=True).records
    experts = practising_experts(records)
    best = dict.fromkeys(tasks, 0.0)
    for record in records:
        if is_by_practising(record, experts):
            best[record.task_id] = max(best[record.task_id], record.score)
    return best


def follow(means: Tensor, task: Tensor, errors: Tensor, *, rate: float) -> None:
    """Move the running means of tasks, `(K,)`, towards their means in a batch.

    Args:
        means: Changed in place; those of tasks that the batch lacks stay.
        task: Task of every row, `(B,)`.
        errors: Error of every row, `(B,)`.
        rate: Share of the way.
    """
    # A task without a row keeps its mean.
    means.lerp_(means.scatter_reduce(0, task, errors, "mean", include_self=False), rate)


def by_likelihood(errors: Tensor) -> Tensor:
    """Return the weights of tasks, `(K,)`, of mean 1, given their mean squared errors, `(K,)`."""
    rates = 1 / (errors + _LEAST_ERROR)
    return rates / rates.mean()


def _policy_mean(model: WorldModel, obs: Tensor, task: Tensor) -> Tensor:
    """Return the policy's mean actions `(B, A)`, computing what cloning needs and no more."""
    context = model.contexts(only=("encoder", "policy")).of(task)
    mask = model.action_masks[task]
    z = model.encode(obs, context)
    return model.act(z, context, mask, torch.zeros_like(mask)).mean


def make(
    tasks: Sequence[str], *, checkpoint: str | None, device: str, seed: int, **options: Any
) -> Agent:
    """Build the agent from a checkpoint folder, or from the one that ships: the policy's mean."""
    return make_newt(
        tasks, checkpoint=checkpoint, device=device, seed=seed, planning=False, **options
    )


@dataclass(frozen=True, kw_only=True)
class TrainBC:
    """Train behaviour cloning on demonstrations."""

    out: Path
    """Folder for the checkpoint; a run that was cut off goes on there."""
    suite: str | None = None
    """Suite to clone, instead of tasks."""
    run_config: tyro.conf.OmitArgPrefixes[BCConfig] = field(
        default_factory=lambda: BCConfig(tasks=())
    )

    def run(self) -> int:
        """Clone under a progress bar."""
        config = with_suite(self.run_config, self.suite)
        with show_progress() as on_progress:
            clone(config, self.out, on_progress)
        print(f"{self.out}")
        return 0
