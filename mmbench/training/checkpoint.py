"""Trained networks on disk: what a file holds is checked before it is used."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mmbench.errors import CheckpointError


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
