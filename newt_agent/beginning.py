"""What a run begins with: a fresh model, or a checkpoint's in tables of the run's own tasks."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmbench.demos.clock import clock_rates
from mmbench.language import EncoderName, embedding_dim
from newt_agent.checkpoint import Checkpoint, new_model
from newt_agent.config import NewtConfig, TrainConfig
from newt_agent.loading import load
from newt_agent.precision import check_precision
from newt_agent.world_model import WorldModel


class Beginning(NamedTuple):
    """What a run begins with.

    Attributes:
        model: The world model, of the run's tasks.
        encoder: Where its embeddings come from.
        target_q: State of the target Q networks; empty if they begin as the online ones.
        is_scaled: Whether the scale of a task's observations is settled, shape `(K,)`.
    """

    model: WorldModel
    encoder: EncoderName
    target_q: Mapping[str, Tensor]
    is_scaled: NDArray[np.bool_]


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
        return Beginning(model, encoder, {}, is_scaled)
    model.load_networks(loaded.model, but=config.fresh)
    if model_config.has_normalised_obs:
        is_scaled = _take_scales(model, loaded, config)
    target_q = {} if "q" in config.fresh else loaded.target_q
    return Beginning(model, encoder, target_q, is_scaled)


def _take_scales(model: WorldModel, loaded: Checkpoint, config: TrainConfig) -> NDArray[np.bool_]:
    """Take the scales of the tasks that the checkpoint knows; return which tasks these are."""
    for number, name in enumerate(config.tasks):
        if name in loaded.tasks:
            row = loaded.tasks.index(name)
            model.obs_mean[number] = loaded.model.obs_mean[row]
            model.obs_rate[number] = loaded.model.obs_rate[row]
    return np.isin(config.tasks, loaded.tasks)
