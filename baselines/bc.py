"""Language-conditioned behaviour cloning of many tasks: the demonstrations, and nothing else.

Newt's encoder and policy of the same size, trained to answer with the demonstrated action.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from mmbench import Agent, task
from mmbench.checks import at_least
from mmbench.cli.output import show_progress
from mmbench.errors import UsageError
from mmbench.language import EncoderName, embedding_dim
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import choose_tasks
from newt_agent.acceleration import checked_device
from newt_agent.agent import make as make_newt
from newt_agent.checkpoint import Checkpoint, new_model, save_checkpoint
from newt_agent.config import NewtConfig, SizeName, with_suite
from newt_agent.demonstrations import SHIPPED, demonstration_replay
from newt_agent.replay import Sampling
from newt_agent.snapshot import (
    SNAPSHOT_INTERVAL,
    load_snapshot,
    open_run,
    optimizer_tensors,
    part,
    prefixed,
    restore_optimizer,
    save_snapshot,
)


@dataclass(frozen=True, kw_only=True)
class BCConfig:
    """What is cloned, and how."""

    tasks: tuple[str, ...]
    """Task ids."""
    demos: str = SHIPPED
    """`shipped`, or a directory of demonstrations."""
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
    learning_rate: float = 3e-4
    """Of the policy."""
    encoder_rate_factor: float = 0.3
    """Of the encoder, as a share of that."""
    warmup_updates: int = 5000
    """Updates over which learning rates rise."""
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
        checked_device(self.device)


def clone(
    config: BCConfig,
    out: Path | str,
    on_progress: OnProgress = ignore_progress,
) -> list[float]:
    """Train on demonstrations and save a checkpoint; return the loss of every update of this call.

    Loss: squared error over the true action entries, divided by their number, averaged over pairs.
    A run that was cut off goes on from its last snapshot, bit for bit.
    """
    out = Path(out)
    choose_tasks(config.tasks)
    is_begun = open_run(out, dataclasses.asdict(config), may_change=("updates",))
    device = torch.device(config.device)
    model_config = NewtConfig(size=config.size, embedding_dim=embedding_dim(config.encoder))
    model = new_model(model_config, config.tasks, config.encoder, config.seed).to(device)
    demos = demonstration_replay(
        config.tasks,
        config.demos,
        config=model_config,
        horizon=1,
        sampling=config.sampling,
        on_progress=on_progress,
    )
    rate = config.learning_rate
    trained = (*model.encoder.parameters(), *model.policy.parameters())
    groups: list[dict[str, Any]] = [
        {"params": model.encoder.parameters(), "lr": rate * config.encoder_rate_factor},
        {"params": model.policy.parameters()},
    ]
    optimizer = torch.optim.Adam(groups, lr=rate)
    warmup = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda done: min(1.0, (done + 1) / max(1, config.warmup_updates))
    )
    rng = np.random.default_rng(config.seed)
    num_done = 0
    if is_begun:
        tensors, numbers = load_snapshot(out, config.device)
        model.load_state_dict(part("model", tensors))
        num_done = numbers["updates"]
        restore_optimizer(optimizer, warmup, part("optimizer", tensors), num_done)
        rng.bit_generator.state = numbers["rng"]
    losses = []
    for update in range(num_done + 1, config.updates + 1):
        batch = demos.sample(config.batch_size, rng, device)
        context = model.contexts().of(batch.task)
        mask = model.action_masks[batch.task]
        z = model.encode(batch.obs[0], context)
        answer = model.act(z, context, mask, torch.zeros_like(mask)).mean
        error = (mask * (answer - batch.action[0]).square()).sum(-1) / mask.sum(-1)
        loss = error.mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        torch.nn.utils.clip_grad_norm_(trained, config.max_grad_norm)
        optimizer.step()
        warmup.step()
        losses.append(float(loss.detach()))
        if update % 50 == 0 or update == config.updates:
            note = f"loss {losses[-1]:.4f}"
            on_progress(Progress("cloning", update, config.updates, note))
        if update % SNAPSHOT_INTERVAL == 0 or update == config.updates:
            tensors = prefixed("model", model.state_dict())
            tensors |= prefixed("optimizer", optimizer_tensors(optimizer))
            save_snapshot(out, tensors, {"updates": update, "rng": rng.bit_generator.state})
    save_checkpoint(
        out,
        Checkpoint(model=model, tasks=config.tasks, encoder=config.encoder, target_q={}),
    )
    return losses


def make(
    tasks: Sequence[str], *, checkpoint: str | None, device: str, seed: int, **options: Any
) -> Agent:
    """Build the agent from a checkpoint folder; it plays the policy's mean."""
    if checkpoint is None:
        raise UsageError("bc plays from a checkpoint; give one with --checkpoint")
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
