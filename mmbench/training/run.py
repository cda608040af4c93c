"""A run's folder: what the run is, and the state from which it goes on bit for bit."""

import dataclasses
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmbench.errors import MMBenchError, RunError
from mmbench.files import read_limited, replacing
from mmbench.registry import choose_tasks

_MAX_DESCRIPTION_BYTES = 2**20
_MAX_REASON = 200
DESCRIPTION, SNAPSHOT = "train.json", "snapshot.safetensors"
SNAPSHOT_INTERVAL = 1000
"""Updates between snapshots while there is no episode to end."""


def open_run(
    folder: Path,
    described: Mapping[str, Any],
    *,
    may_change: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
) -> bool:
    """Start the folder of a run, or check that the run in it is the described one.

    Args:
        folder: The run's.
        described: What the run is.
        may_change: Names of what may differ when a run goes on.
        defaults: What a run was that does not say it, as it is older than the option.

    Returns:
        Whether there is a snapshot to go on from.

    Raises:
        RunError: If the folder holds another run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = json.loads(json.dumps(described))
    file = folder / DESCRIPTION
    if file.exists():
        found = _filled(_described(file), json.loads(json.dumps(defaults or {})))
        for name, value in wanted.items():
            if found.get(name) != value and name not in may_change:
                raise RunError(
                    f"{folder} holds a run with {name} {found.get(name)!r}, not {value!r}; "
                    "choose another --out"
                )
    else:
        with replacing(file) as partial:
            partial.write_text(json.dumps(wanted, indent=2))
    return (folder / SNAPSHOT).exists()


def _filled(found: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description with the defaults of what it leaves out, at every depth."""
    filled = {**defaults, **found}
    for name, inner in defaults.items():
        if isinstance(inner, dict) and isinstance(filled[name], dict):
            filled[name] = _filled(filled[name], inner)
    return filled


def _described(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_limited(file, _MAX_DESCRIPTION_BYTES, RunError))
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"{file} cannot be read: {reason}") from error
    if not isinstance(found, dict):
        raise RunError(f"{file} cannot be read: it holds no description of a run")
    return found


def save_snapshot(folder: Path, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    """Write tensors, and numbers as JSON beside them."""
    with replacing(folder / SNAPSHOT) as partial:
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            partial,
            metadata={"state": json.dumps(numbers)},
        )


def load_snapshot(folder: Path, device: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_snapshot` wrote.

    Raises:
        RunError: If the file is damaged.
    """
    file = folder / SNAPSHOT
    if file.is_symlink() or not file.is_file():
        raise RunError(f"{file} is not a regular file")
    try:
        with safe_open(file, "pt") as opened:
            numbers = json.loads(opened.metadata()["state"])
        tensors = load_file(file, device=device)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise RunError(f"{file} cannot be read: {reason}") from error
    if not isinstance(numbers, dict):
        raise RunError(f"{file} cannot be read: it holds no state of a run")
    broken = [
        name for name, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()
    ]
    if broken:
        raise RunError(f"{file}: {broken[0]} holds numbers that are not finite")
    return tensors, numbers


@contextmanager
def restoring(folder: Path, device: str) -> Iterator[tuple[dict[str, Tensor], dict[str, Any]]]:
    """Give the tensors and numbers of a snapshot to a block that goes on from them.

    Raises:
        RunError: If the file is damaged, or the block finds that it does not fit.
    """
    tensors, numbers = load_snapshot(folder, device)
    try:
        yield tensors, numbers
    except MMBenchError:
        raise
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:_MAX_REASON]
        raise RunError(f"{folder / SNAPSHOT} does not fit this run ({reason})") from error


def count_of(numbers: Mapping[str, Any], name: str) -> int:
    """Return a count that a snapshot holds.

    Raises:
        RunError: If it is none.
    """
    count = numbers.get(name)
    if type(count) is not int or count < 0:
        raise RunError(f"{SNAPSHOT}: {name} is {count!r}, expected a number of 0 or more")
    return count


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under longer names."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def part(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what `prefixed` was given."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's state of every parameter."""
    return {
        f"{index}.{name}": tensor
        for index, state in optimizer.state_dict()["state"].items()
        for name, tensor in state.items()
    }


def restore_moments(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def restore_optimizer(
    optimizer: torch.optim.Optimizer,
    warmup: torch.optim.lr_scheduler.LambdaLR,
    tensors: Mapping[str, Tensor],
    num_done: int,
) -> None:
    """Put back what `optimizer_tensors` returned, and the warm-up after `num_done` updates."""
    restore_moments(optimizer, tensors)
    warmup.load_state_dict({**warmup.state_dict(), "last_epoch": num_done})
    for group, rate, factor in zip(
        optimizer.param_groups, warmup.base_lrs, warmup.lr_lambdas, strict=True
    ):
        group["lr"] = rate * factor(num_done)


_Config = TypeVar("_Config", bound=Any)


def with_suite(config: _Config, suite: str | None) -> _Config:
    """Return a run's configuration with the tasks that it names or the suite's.

    Raises:
        UsageError: If both are given, or neither is.
    """
    return dataclasses.replace(config, tasks=choose_tasks(config.tasks, suite))
