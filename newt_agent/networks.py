"""The building block of all networks: several perceptrons side by side, fed in parts.

Letters in shapes: `M` members side by side, `K` tasks, `I` inputs, `W` width, `O` outputs.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from newt_agent.activations import mish, simnorm

_INIT_STD = 0.02


@dataclass(frozen=True)
class Weights:
    """The tensors of one layer: `matrix` `(M, O, I)`, the others `(M, O)`; no norm, no last two."""

    matrix: Tensor
    bias: Tensor
    gain: Tensor | None
    shift: Tensor | None


class StackedMLP(nn.Module):
    """`M` perceptrons of the same shape; each layer is one batched matrix product.

    Every layer but the last is affine, layer norm, Mish; the last is affine alone, or affine, layer
    norm, SimNorm. The input consists of parts, concatenated in the order `x, embedding, more`; the
    embedding's share of the first layer, which is the same for all rows of a task, is computed once
    per task by `contexts` and not once per row.

    Args:
        num_members: `M`.
        x_dim: Entries of the part that every row has of its own.
        embedding_dim: Entries of the task's embedding; 0 for none.
        more_dim: Entries of the last part (actions or image features); 0 for none.
        widths: Outputs of the hidden layers.
        out_dim: Outputs of the last layer.
        last: What the last layer ends with.
    """

    def __init__(
        self,
        *,
        num_members: int = 1,
        x_dim: int,
        embedding_dim: int,
        more_dim: int,
        widths: Sequence[int],
        out_dim: int,
        last: Literal["linear", "simnorm"],
    ) -> None:
        super().__init__()
        self.num_members = num_members
        self._x_end = x_dim
        self._embedding_end = x_dim + embedding_dim
        self._last = last
        sizes = [x_dim + embedding_dim + more_dim, *widths, out_dim]
        self.matrices = nn.ParameterList()
        self.biases = nn.ParameterList()
        self.gains = nn.ParameterList()
        self.shifts = nn.ParameterList()
        for index, (num_inputs, num_outputs) in enumerate(itertools.pairwise(sizes)):
            matrix = torch.empty(num_members, num_outputs, num_inputs)
            self.matrices.append(nn.Parameter(nn.init.normal_(matrix, std=_INIT_STD)))
            self.biases.append(nn.Parameter(torch.zeros(num_members, num_outputs)))
            if index < len(sizes) - 2 or last == "simnorm":
                self.gains.append(nn.Parameter(torch.ones(num_members, num_outputs)))
                self.shifts.append(nn.Parameter(torch.zeros(num_members, num_outputs)))

    def layer(self, index: int, members: Tensor | None = None, frozen: bool = False) -> Weights:
        """Return a layer's tensors, of some members, without gradient if `frozen`."""
        has_norm = index < len(self.gains)
        found = (
            self.matrices[index],
            self.biases[index],
            self.gains[index] if has_norm else None,
            self.shifts[index] if has_norm else None,
        )
        return Weights(*(_chosen(tensor, members, frozen) for tensor in found))  # type: ignore[arg-type]  # matrix and bias are there

    def contexts(self, embeddings: Tensor, *, frozen: bool = False) -> Tensor:
        """Return the first layer's sum over the embedding and bias, `(K, E)` to `(M, K, W)`."""
        first = self.layer(0, None, frozen)
        _, matrix, _ = self.parts(first.matrix)
        return torch.matmul(embeddings, matrix.transpose(1, 2)) + first.bias[:, None]

    def parts(self, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the shares of `x`, embedding and `more` in the first layer's matrix."""
        x, embedding, more = first.tensor_split((self._x_end, self._embedding_end), dim=-1)
        return x, embedding, more

    def forward(
        self,
        x: Tensor,
        context: Tensor,
        more: Tensor | None = None,
        *,
        members: Tensor | None = None,
        frozen: bool = False,
        skip: Tensor | None = None,
    ) -> Tensor:
        """Return `(M, *rows, O)`.

        The rows of `x`, `context` and `more` broadcast: what many rows share is multiplied once.

        Args:
            x: Shape `(*rows, I)`.
            context: Rows of `contexts`, shape `(M, *rows, W)`; always of all members.
            more: The last part, shape `(*rows, I)`.
            members: Indices of the members to evaluate; all by default.
            frozen: Whether the weights are constants.
            skip: Added before SimNorm, of a shape that broadcasts to `(*rows, O)`.
        """
        first = self.layer(0, members, frozen)
        x_matrix, _, more_matrix = self.parts(first.matrix)
        h = _product(x, x_matrix)
        h = h + (context if members is None else context[members])
        if more is not None:
            h = h + _product(more, more_matrix)
        h = mish(_normed(h, first))
        rows = h.shape[1:-1]
        h = h.flatten(1, -2)
        for index in range(1, len(self.matrices)):
            weights = self.layer(index, members, frozen)
            h = torch.baddbmm(weights.bias[:, None], h, weights.matrix.transpose(1, 2))
            if index < len(self.matrices) - 1:
                h = mish(_normed(h, weights))
            elif self._last == "simnorm":
                h = _normed(h, weights).float()
                h = h if skip is None else h + skip.expand(*rows, -1).flatten(0, -2)
                h = simnorm(h)
        return h.view(len(h), *rows, h.shape[-1])


def _product(x: Tensor, matrix: Tensor) -> Tensor:
    """Multiply rows `(*rows, I)` by each of the matrices `(M, O, I)`: `(M, *rows, O)`."""
    num_members = len(matrix)
    product = functional.linear(x, matrix.flatten(0, 1))
    return product.view(*x.shape[:-1], num_members, -1).movedim(-2, 0)


def _normed(h: Tensor, weights: Weights) -> Tensor:
    assert weights.gain is not None
    assert weights.shift is not None
    if len(h) == 1:
        return functional.layer_norm(h, h.shape[-1:], weights.gain[0], weights.shift[0])
    per_member = (len(h), *[1] * (h.dim() - 2), h.shape[-1])
    normalised = functional.layer_norm(h, h.shape[-1:])
    return normalised * weights.gain.view(per_member) + weights.shift.view(per_member)


def _chosen(tensor: Tensor | None, members: Tensor | None, frozen: bool) -> Tensor | None:
    if tensor is None:
        return None
    if frozen:
        tensor = tensor.detach()
    return tensor if members is None else tensor[members]
