"""Trained networks on disk: weights in safetensors, everything else in JSON."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pydantic
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mmbench import task
from mmbench.errors import CheckpointError, UnknownTaskError
from mmbench.files import read_limited, replacing
from mmbench.language import EncoderName, embedding_dim

WEIGHTS, DESCRIPTION = "model.safetensors", "config.json"
_MAX_DESCRIPTION_BYTES = 2**20
_Config = TypeVar("_Config")
_Networks = TypeVar("_Networks", bound=nn.Module)


class _Description(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    format_version: int
    agent: str
    tasks: list[str]
    encoder: EncoderName
    config: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Trained(Generic[_Config]):
    """What a checkpoint of a baseline says of itself.

    Attributes:
        agent: Name of the agent that plays it.
        tasks: Task ids that it was trained on.
        encoder: Where the embeddings of its tasks come from.
        config: The numbers of its algorithm, a dataclass.
    """

    agent: str
    tasks: tuple[str, ...]
    encoder: EncoderName
    config: _Config


def read_description(folder: Path) -> bytes:
    """Return what a checkpoint says of itself.

    Raises:
        CheckpointError: If the folder is no checkpoint.
    """
    for name in (WEIGHTS, DESCRIPTION):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} is not a checkpoint: it has no {name}")
    try:
        return read_limited(folder / DESCRIPTION, _MAX_DESCRIPTION_BYTES, CheckpointError)
    except OSError as error:
        raise CheckpointError(f"{folder / DESCRIPTION}: {error.strerror}") from error


def save_checkpoint(folder: Path, trained: Trained[Any], networks: nn.Module) -> None:
    """Write a checkpoint; a folder that is there is replaced file by file, each at once."""
    folder.mkdir(parents=True, exist_ok=True)
    described = {"format_version": 1, **dataclasses.asdict(trained)}
    tensors = {name: t.detach().cpu().contiguous() for name, t in networks.state_dict().items()}
    with replacing(folder / WEIGHTS) as weights, replacing(folder / DESCRIPTION) as description:
        save_file(tensors, weights)
        description.write_text(json.dumps(described, indent=2))


def load_checkpoint(
    folder: Path | str | None,
    agent: str,
    tasks: Sequence[str],
    config_type: type[_Config],
    make_networks: Callable[[_Config, int], _Networks],
) -> tuple[Trained[_Config], _Networks]:
    """Read a checkpoint.

    Args:
        folder: Where it is.
        agent: Name of the agent that it must be of.
        tasks: What is to be played. Tasks that it was not trained on are played by their language.
        config_type: What the numbers of its algorithm are read as.
        make_networks: Called with them and the entries of a task's embedding.

    Raises:
        CheckpointError: If there is none, it is damaged or another agent's, or does not fit.
    """
    if folder is None:
        raise CheckpointError(f"agent {agent!r} plays a checkpoint; give one with --checkpoint")
    folder = Path(folder)
    try:
        found = _Description.model_validate_json(read_description(folder))
        config = pydantic.TypeAdapter(config_type).validate_python(found.config)
        for name in found.tasks:
            task(name)
    except (pydantic.ValidationError, UnknownTaskError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{folder / DESCRIPTION} cannot be read: {reason}") from error
    if found.agent != agent:
        raise CheckpointError(f"{folder} is a checkpoint of {found.agent!r}, not of {agent!r}")
    try:
        tensors = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} cannot be read: {error}") from error
    trained = Trained(agent=agent, tasks=tuple(found.tasks), encoder=found.encoder, config=config)
    unknown = sorted(set(tasks) - set(trained.tasks))
    if unknown and trained.encoder in ("none", "task-index"):
        raise CheckpointError(
            f"the checkpoint was trained without language on {len(trained.tasks)} tasks, and "
            f"{unknown[0]} is none of them"
        )
    networks = make_networks(config, embedding_dim(trained.encoder))
    check_tensors(tensors, networks.state_dict(), str(folder))
    networks.load_state_dict(tensors)
    return trained, networks.eval()


def check_tensors(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], where: str) -> None:
    """Raise `CheckpointError` that names every missing, unknown, mis-shaped or NaN tensor."""
    problems = [f"{name} is missing" for name in expected.keys() - found.keys()]
    problems += [f"{name} is unknown" for name in found.keys() - expected.keys()]
    for name in expected.keys() & found.keys():
        if found[name].shape != expected[name].shape:
            problems.append(
                f"{name} has shape {tuple(found[name].shape)}, "
                f"expected {tuple(expected[name].shape)}"
            )
        elif not torch.isfinite(found[name]).all():
            problems.append(f"{name} has entries that are not finite")
    if problems:
        raise CheckpointError(f"{where} does not fit the model: {'; '.join(sorted(problems))}")
