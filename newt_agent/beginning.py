"""What a run begins with: a fresh model, or a checkpoint's in tables of the run's own tasks."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmbench import FloatArray, task
from mmbench.demos.clock import clock_rates
from mmbench.language import EncoderName, embedding_dim
from mmbench.training.demonstrations import scale_of
from newt_agent.alike import most_alike
from newt_agent.checkpoint import Checkpoint, new_model
from newt_agent.config import NewtConfig, TrainConfig
from newt_agent.loading import load
from newt_agent.precision import check_precision
from newt_agent.world_model import OBS_CLIP, WorldModel

_MAY_BE_CLIPPED = 0.01
"""Share of a task's observed entries, by a scale that is not its own."""


class Beginning(NamedTuple):
    """What a run begins with.

    Attributes:
        model: The world model, of the run's tasks. Observations of a task that the checkpoint does
            not know are scaled like those of the task that is most alike.
        encoder: Where its embeddings come from.
        target_q: State of the target Q networks; empty if they begin as the online ones.
        is_scaled: Whether the scale of a task's observations is settled, shape `(K,)`.
        loaded: The checkpoint.
    """

    model: WorldModel
    encoder: EncoderName
    target_q: Mapping[str, Tensor]
    is_scaled: NDArray[np.bool_]
    loaded: Checkpoint | None


def begin(config: TrainConfig, device: str, feature_dim: int) -> Beginning:
    """Return what a run begins with; what a checkpoint is like counts more than the configuration.

    Args:
        config: The run.
        device: Where the model is to be.
        feature_dim: Entries of an image feature; 0 without images.

    Raises:
        CheckpointError: If the checkpoint cannot be read or does not fit.
        UsageError: If the model cannot be planned with in the precision that was asked for.
    """
    encoder, loaded = config.encoder, None
    model_config = NewtConfig(
        size=config.size,
        code_dim=config.code_dim,
        has_normalised_obs=config.normalise,
        has_clock=config.clock,
        has_residual_dynamics=config.residual,
    )
    if config.checkpoint is not None:
        loaded = load(config.checkpoint, device=device, single_task=config.tasks[0])
        encoder, model_config = loaded.encoder, loaded.model.config
    model_config = dataclasses.replace(
        model_config,
        embedding_dim=embedding_dim(encoder),
        feature_dim=feature_dim,
        planner=config.planner,
        learning=config.learning,
    )
    check_precision(model_config, config.precision)
    model = new_model(model_config, config.tasks, encoder, config.seed).to(device)
    if model_config.has_clock:
        rates = clock_rates(config.tasks, model_config.obs_dim)
        model.clock_rate.copy_(torch.from_numpy(rates))
    is_scaled = np.full(len(config.tasks), not model_config.has_normalised_obs)
    if loaded is None:
        return Beginning(model, encoder, {}, is_scaled, None)
    model.load_networks(loaded.model, but=config.fresh)
    if model_config.has_normalised_obs:
        is_scaled = _take_scales(model, loaded, config)
    target_q = {} if "q" in config.fresh else loaded.target_q
    return Beginning(model, encoder, target_q, is_scaled, loaded)


def checkpoint_before(config: TrainConfig, after: Checkpoint) -> Checkpoint | None:
    """Return the checkpoint that a run began with, as it plays the run's tasks; `None` without one.

    Args:
        config: The run.
        after: What the run ended with. If it sees other pictures, the two cannot be compared.
    """
    device = str(after.model.action_masks.device)
    begun = begin(dataclasses.replace(config, fresh=()), device, after.model.config.feature_dim)
    if begun.loaded is None or begun.loaded.vision != after.vision:
        return None
    plays = begun.loaded.plays_by_task
    return dataclasses.replace(
        begun.loaded,
        model=begun.model,
        tasks=config.tasks,
        target_q=begun.target_q,
        plays_by_task={name: plays[name] for name in config.tasks if name in plays},
    )


def new_scale(
    config: TrainConfig, model: WorldModel, number: int, seen: FloatArray
) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation to scale a task's observations by, each `(O,)`.

    What `begin` took from the task that is most alike stays, where there is a checkpoint, unless
    more than 1 % of the entries would be clipped.

    Args:
        config: The run.
        model: Its model.
        number: Of the task.
        seen: Observations of the task, shape `(N, O)`.
    """
    if config.checkpoint is not None:
        mean, rate = model.obs_mean[number].cpu(), model.obs_rate[number].cpu()
        scaled = ((torch.from_numpy(seen) - mean) * rate)[:, : task(config.tasks[number]).obs_dim]
        if (scaled.abs() > OBS_CLIP).float().mean() <= _MAY_BE_CLIPPED:
            return mean, 1 / rate
    own_mean, own_std = scale_of(seen)
    return torch.from_numpy(own_mean), torch.from_numpy(own_std)


def _take_scales(model: WorldModel, loaded: Checkpoint, config: TrainConfig) -> NDArray[np.bool_]:
    """Take the checkpoint's scales of the tasks, or of the most alike; return which it knows."""
    known = list(loaded.tasks)
    rows = [
        known.index(name) if name in known else most_alike(name, known) for name in config.tasks
    ]
    model.obs_mean.copy_(loaded.model.obs_mean[rows])
    model.obs_rate.copy_(loaded.model.obs_rate[rows])
    return np.isin(config.tasks, known)
