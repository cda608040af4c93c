"""Trained models on disk: weights in safetensors, everything else in JSON."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pydantic
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmbench import MMBenchError, task
from mmbench.errors import CheckpointError
from mmbench.files import replacing
from mmbench.language import EncoderName, embedding_dim, task_embeddings
from mmbench.training.checkpoint import DESCRIPTION, WEIGHTS, check_tensors, read_description
from mmbench.training.tables import action_masks
from newt_agent.config import NewtConfig
from newt_agent.world_model import WorldModel

SHIPPED_WEIGHTS = Path(__file__).parent / "weights"
"""The checkpoint that comes with mmbench."""
Player = Literal["plan", "policy"]
"""What a checkpoint is best played by."""
_TARGET = "target_q."
_SCALES = ("obs_mean", "obs_rate", "clock_rate")


class _Description(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    format_version: int
    config: NewtConfig
    tasks: list[str]
    encoder: str
    vision: str | None = None
    plays: Player = "plan"
    plays_by_task: dict[str, Player] = {}
    prior_weight: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model and what it was trained for.

    Attributes:
        model: The world model.
        tasks: Task ids, in the order of the model's tables.
        encoder: Where the embeddings come from.
        target_q: State of the target Q networks, to go on training; empty if not known.
        vision: Name or folder of the network that makes vectors of pictures, if there is one.
        plays: Whether to plan with it: a clone has a policy, but no world model that was trained.
        plays_by_task: The same for single tasks, where it was measured.
        prior_weight: How much its plans start from the policy, 0 to 1: as they did in training.
    """

    model: WorldModel
    tasks: tuple[str, ...]
    encoder: EncoderName
    target_q: Mapping[str, Tensor]
    vision: str | None = None
    plays: Player = "plan"
    plays_by_task: Mapping[str, Player] = field(default_factory=dict)
    prior_weight: float = 0.0


def new_model(
    config: NewtConfig, tasks: Sequence[str], encoder: EncoderName, seed: int = 0
) -> WorldModel:
    """Return a freshly initialised model for tasks.

    Raises:
        CheckpointError: If `config.embedding_dim` is not the encoder's.
    """
    if config.embedding_dim != embedding_dim(encoder):
        raise CheckpointError(
            f"embedding_dim is {config.embedding_dim}, encoder {encoder!r} has "
            f"{embedding_dim(encoder)}"
        )
    embeddings = torch.from_numpy(task_embeddings(tasks, encoder))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return WorldModel(config, embeddings, action_masks(tasks))


def save_checkpoint(
    folder: Path | str, checkpoint: Checkpoint, *, dtype: torch.dtype = torch.float32
) -> None:
    """Write a checkpoint; a folder that is there is replaced file by file, each at once.

    Args:
        folder: Where to.
        checkpoint: What is written.
        dtype: Of the networks in the file; the scales of observations stay float32.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: t.detach().cpu() for name, t in checkpoint.model.state_dict().items()}
    tensors |= {_TARGET + name: t.detach().cpu() for name, t in checkpoint.target_q.items()}
    tensors = {
        name: tensor.to(torch.float32 if name in _SCALES else dtype).contiguous()
        for name, tensor in tensors.items()
    }
    description = {
        "format_version": 1,
        "config": dataclasses.asdict(checkpoint.model.config),
        "tasks": list(checkpoint.tasks),
        "encoder": checkpoint.encoder,
        "vision": checkpoint.vision,
        "plays": checkpoint.plays,
        "plays_by_task": dict(checkpoint.plays_by_task),
        "prior_weight": checkpoint.prior_weight,
    }
    with replacing(folder / WEIGHTS) as weights, replacing(folder / DESCRIPTION) as described:
        save_file(tensors, weights)
        described.write_text(json.dumps(description, indent=2))


def load_checkpoint(folder: Path | str, device: str = "cpu") -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: If a file is missing or damaged, or tensors do not fit the model.
    """
    folder = Path(folder)
    content = read_description(folder)
    try:
        described = _Description.model_validate_json(content)
        specs = [task(name) for name in described.tasks]
    except (pydantic.ValidationError, MMBenchError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{folder / DESCRIPTION} cannot be read: {reason}") from error
    try:
        loaded = load_file(folder / WEIGHTS, device=device)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} cannot be read: {error}") from error
    tensors = {name: tensor.float() for name, tensor in loaded.items()}
    config = described.config
    with torch.device("meta"):
        model = WorldModel(
            config,
            torch.zeros(len(specs), config.embedding_dim),
            torch.zeros(len(specs), config.action_dim),
        )
    own = {name: t for name, t in tensors.items() if not name.startswith(_TARGET)}
    target = {
        name.removeprefix(_TARGET): t for name, t in tensors.items() if name.startswith(_TARGET)
    }
    check_tensors(own, model.state_dict(), str(folder))
    if target:
        check_tensors(target, model.q.state_dict(), str(folder))
    model.load_state_dict(own, assign=True)
    for name, buffer in model.named_buffers():
        if buffer.is_meta:  # no scales and no clocks
            setattr(model, name, torch.zeros(buffer.shape, device=device))
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    encoder: Any = described.encoder
    return Checkpoint(
        model=model,
        tasks=tuple(described.tasks),
        encoder=encoder,
        target_q=target,
        vision=described.vision,
        plays=described.plays,
        plays_by_task=described.plays_by_task,
        prior_weight=described.prior_weight,
    )
