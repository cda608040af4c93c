"""Checkpoints of the original Newt (`.pt`), of any size.

Source:
    arXiv:2511.19584; the layout is that of its public files.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmbench import SUITES
from mmbench.errors import CheckpointError
from mmbench.tensor_files import load_tensors, plain_tensor
from mmbench.training.checkpoint import check_tensors
from mmbench.training.tables import action_masks
from mmbench.vision import DINOV2
from newt_agent.activations import SIMNORM_GROUP
from newt_agent.checkpoint import Checkpoint
from newt_agent.config import SIZES, NewtConfig, SizeName
from newt_agent.networks import StackedMLP
from newt_agent.world_model import WorldModel

# The rows of the original's tables.
_DOMAIN_ORDER = (
    *("dmcontrol", "dmcontrol-ext", "metaworld", "maniskill", "mujoco"),
    *("box2d", "robodesk", "ogbench", "miniarcade", "atari"),
)
OFFICIAL_TASKS: tuple[str, ...] = tuple(name for domain in _DOMAIN_ORDER for name in SUITES[domain])

_CLIP_DIM = 512
_NETWORKS = {
    "_encoder.state": "encoder",
    "_dynamics": "dynamics",
    "_reward": "reward",
    "_pi": "policy",
}
_FIELDS = {
    "weight": "matrices",
    "bias": "biases",
    "ln.weight": "gains",
    "ln.bias": "shifts",
}
_IGNORED = ("log_std_min", "log_std_dif")


def load_official(path: Path | str, *, single_task: str | None = None) -> Checkpoint:
    """Read a checkpoint of the original.

    Its own embeddings are kept: those of CLIP for the 200 tasks, in `OFFICIAL_TASKS`'s order.

    Args:
        path: The file.
        single_task: The task of a file that was trained on one alone; it does not say which.

    Raises:
        CheckpointError: If the file is damaged, holds anything but tensors, or does not fit.
    """
    state = _state(Path(path))
    config = _config(state, path)
    masks = state["_action_masks"].float()
    tasks: tuple[str, ...] = OFFICIAL_TASKS
    embeddings = state.get("_task_emb.weight")
    if embeddings is None:
        if single_task is None:
            raise CheckpointError(f"{path} is of a single task and does not say which; name it")
        if not torch.equal(masks[:1], action_masks([single_task])):
            raise CheckpointError(
                f"{path} has {int(masks[0].sum())} action entries, which {single_task} has not"
            )
        masks, tasks, embeddings = masks[:1], (single_task,), torch.zeros(1, 0)
    model = WorldModel(config, embeddings, masks)
    converted: dict[str, Tensor] = {"embeddings": embeddings.float(), "action_masks": masks}
    for source, name in _NETWORKS.items():
        converted |= _single(state, source, name, getattr(model, name))
    converted |= {f"q.{k}": t for k, t in _stacked(state, "_Qs.online", model.q).items()}
    target = _stacked(state, "_Qs.target", model.q)
    _check_all_used(state, model, path)
    check_tensors(converted, model.state_dict(), str(path))
    check_tensors(target, model.q.state_dict(), str(path))
    order = torch.arange(config.model_size.latent_dim).view(-1, SIMNORM_GROUP).T.flatten()
    _reorder(converted, order)
    target["matrices.0"] = _with_columns(target["matrices.0"], order)
    model.load_state_dict(converted)
    return Checkpoint(
        model=model,
        tasks=tasks,
        encoder="clip" if config.embedding_dim else "none",
        target_q=target,
        vision=DINOV2 if config.feature_dim else None,
    )


def _state(path: Path) -> dict[str, Tensor]:
    """Return the model's tensors by name."""
    loaded: Any = load_tensors(path, CheckpointError)
    if isinstance(loaded, Mapping) and isinstance(loaded.get("model"), Mapping):
        loaded = loaded["model"]
    if not isinstance(loaded, Mapping):
        raise CheckpointError(f"{path} holds a {type(loaded).__name__}, expected named tensors")
    named = {str(name).removeprefix("module."): value for name, value in loaded.items()}
    state = {
        name: plain_tensor(value, name, path, CheckpointError) for name, value in named.items()
    }
    for name in ("_action_masks", "_dynamics.0.weight", "_encoder.state.0.weight"):
        if name not in state or state[name].dim() != 2:
            raise CheckpointError(f"{path} is no checkpoint of Newt: it has no matrix {name}")
    return state


def _config(state: Mapping[str, Tensor], path: Path | str) -> NewtConfig:
    """Work out size, embedding and image feature from the shapes."""
    width = state["_dynamics.0.weight"].shape[0]
    members = {m.group(1) for k in state if (m := re.match(r"_Qs\.online\._Qs\.(\d+)\.", k))}
    size: SizeName | None = next(
        (
            name
            for name, known in SIZES.items()
            if (known.mlp_width, known.num_q) == (width, len(members))
        ),
        None,
    )
    if size is None:
        raise CheckpointError(
            f"{path}: width {width} with {len(members)} Q networks is none of {', '.join(SIZES)}"
        )
    embedding_dim = _CLIP_DIM if "_task_emb.weight" in state else 0
    num_inputs = state["_encoder.state.0.weight"].shape[1]
    feature_dim = num_inputs - NewtConfig().obs_dim - embedding_dim
    if feature_dim not in (0, 768):
        raise CheckpointError(f"{path}: an encoder of {num_inputs} inputs fits no observation")
    return NewtConfig(size=size, embedding_dim=embedding_dim, feature_dim=feature_dim)


def _single(
    state: Mapping[str, Tensor], source: str, name: str, network: StackedMLP
) -> dict[str, Tensor]:
    return {
        f"{name}.{_FIELDS[field]}.{layer}": state[key][None]
        for layer, field, key in _keys(source, network)
        if key in state
    }


def _stacked(state: Mapping[str, Tensor], source: str, network: StackedMLP) -> dict[str, Tensor]:
    stacked = {}
    for layer, field, _ in _keys(source, network):
        keys = [f"{source}._Qs.{m}.{layer}.{field}" for m in range(network.num_members)]
        if all(key in state for key in keys):
            stacked[f"{_FIELDS[field]}.{layer}"] = torch.stack([state[key] for key in keys])
    return stacked


def _keys(source: str, network: StackedMLP) -> list[tuple[int, str, str]]:
    """Return layer, field and key of every tensor of a network."""
    return [
        (layer, field, f"{source}.{layer}.{field}")
        for layer in range(len(network.matrices))
        for field in _FIELDS
        if layer < len(network.gains) or not field.startswith("ln.")
    ]


def _reorder(tensors: dict[str, Tensor], order: Tensor) -> None:
    """Put the entries of the latent, whose groups are consecutive there, into our order."""
    for name in ("encoder", "dynamics"):
        last = max(int(k.rsplit(".", 1)[1]) for k in tensors if k.startswith(f"{name}.gains"))
        for field in _FIELDS.values():
            tensors[f"{name}.{field}.{last}"] = tensors[f"{name}.{field}.{last}"][:, order]
    for name in ("dynamics", "reward", "policy", "q"):
        key = f"{name}.matrices.0"
        tensors[key] = _with_columns(tensors[key], order)


def _with_columns(matrix: Tensor, order: Tensor) -> Tensor:
    """Reorder the columns of the latent, which are the first, of `(M, O, I)`."""
    return torch.cat((matrix[..., order], matrix[..., len(order) :]), dim=-1)


def _check_all_used(state: Mapping[str, Tensor], model: WorldModel, path: Path | str) -> None:
    """Report tensors that the model has no place for."""
    known = {"_action_masks", "_task_emb.weight", *_IGNORED}
    for source, name in _NETWORKS.items():
        known |= {key for _, _, key in _keys(source, getattr(model, name))}
    for kind in ("online", "target"):
        for member in range(model.q.num_members):
            known |= {key for _, _, key in _keys(f"_Qs.{kind}._Qs.{member}", model.q)}
    if unknown := sorted(state.keys() - known):
        raise CheckpointError(f"{path} does not fit the model: {unknown[0]} is unknown")
