"""The world model with products of 8-bit integers, for planning on CPUs.

Rows of activations and columns of weights are rounded to 8 bits:

- weights to -127 ... 127, on a scale of their own for every output;
- latents, which lie in [0, 1], to 255ths, and actions, in [-1, 1], to 127.5ths;
- what Mish returns, never below -0.309, to 255 steps between -0.31 and the row's largest entry.

All but the products is float32, and so is what the rows of a slot share. Sums of integers are
exact: results do not depend on the number of threads.
"""

import torch
from torch import Tensor

from mmbench.training import two_hot
from newt_agent.int8.kernel import TILE, Call, Last, Layer, Matrix, load
from newt_agent.networks import StackedMLP, Weights
from newt_agent.world_model import Contexts, PolicySample, WorldModel, policy_sample

_LATENT_UNIT = 1 / 255
_ACTION_UNIT = 1 / 127.5
_LOWEST = -0.31
"""A little below Mish's minimum; 0 in hidden layers."""
_WORTH_A_THREAD = 2**24
"""Multiply-adds: about 50 microseconds, of which a second thread costs 5."""


class Int8WorldModel:
    """What planning asks of a world model, of its weights as they are now.

    Latents that the rows of a slot share, `(E, 1, D)`, are float32; those of rows, `(E, N, D)`, are
    uint8, in 255ths.

    Args:
        model: On a CPU.

    Raises:
        DeviceError: The machine cannot do it.
    """

    def __init__(self, model: WorldModel) -> None:
        self._model = model
        self._dynamics = Int8MLP(model.dynamics, Last.SIMNORM)
        self._reward = Int8MLP(model.reward, Last.TWO_HOT)
        self._policy = Int8MLP(model.policy, Last.LINEAR)
        self._q = Int8MLP(model.q, Last.TWO_HOT)

    @property
    def action_masks(self) -> Tensor:
        """As the model's."""
        return self._model.action_masks

    def next_latent(self, z: Tensor, action: Tensor, context: Contexts) -> Tensor:
        """Return the latents that follow, shape `(E, N, D)`, uint8."""
        return self._dynamics(z, context.dynamics, action)[0]

    def reward_of(self, z: Tensor, action: Tensor, context: Contexts) -> Tensor:
        """Return rewards, shape `(E, N)`."""
        return self._reward(z, context.reward, action)[0]

    def value_of(self, z: Tensor, action: Tensor, context: Contexts, members: Tensor) -> Tensor:
        """Return the mean value of some Q networks, shape `(E, N)`."""
        return self._q(z, context.q, action, members=members).mean(0)

    def act(self, z: Tensor, context: Contexts, mask: Tensor, noise: Tensor) -> PolicySample:
        """Ask the policy, as `WorldModel.act`."""
        return policy_sample(self._policy(z, context.policy)[0], mask, noise)

    def draw_q_pair(self, generator: torch.Generator) -> Tensor:
        """Return the indices of two distinct Q networks."""
        return self._model.draw_q_pair(generator)


class Int8MLP:
    """A `StackedMLP` of latents, and of actions in its last part, in 8 bits.

    Args:
        network: Its weights as they are now are rounded.
        last: What it ends with.
    """

    def __init__(self, network: StackedMLP, last: Last) -> None:
        self._last = last
        first, *others = (network.layer(i, frozen=True) for i in range(len(network.matrices)))
        x_matrix, _, action_matrix = network.parts(first.matrix)
        self._x_matrix = x_matrix.transpose(1, 2)[:, None]
        self._num_actions = action_matrix.shape[-1]
        after = [
            _Int8Layer(weights.matrix, weights, zero=_LOWEST, bias=weights.bias)
            for weights in others
        ]
        actions = action_matrix * _ACTION_UNIT
        both = torch.cat((x_matrix * _LATENT_UNIT, actions), dim=-1)
        self._of_rows, self._of_slots = (
            [_Int8Layer(matrix, first, zero=-1 / _ACTION_UNIT, num_from=self._num_actions), *after]
            for matrix in (both, actions)
        )
        self._all_members = torch.arange(network.num_members)

    def __call__(
        self,
        x: Tensor,
        context: Tensor,
        actions: Tensor | None = None,
        *,
        members: Tensor | None = None,
    ) -> Tensor:
        """Return what `Last` says, `(M, E, N, ...)`.

        Args:
            x: Latents, shape `(E, N, D)`, uint8, or the same for all rows, `(E, 1, D)`, float32.
            context: Of all members, shape `(M, E, 1, W)`.
            actions: Shape `(E, N, A)`.
            members: Indices of the members to evaluate; all by default.
        """
        x_matrix = self._x_matrix
        if members is None:
            members = self._all_members
        else:
            context, x_matrix = context[members], x_matrix[members]
        layers, x_dim = self._of_rows, x.shape[-1]
        if x.dtype != torch.uint8:
            context = context + torch.matmul(x, x_matrix)
            layers, x_dim = self._of_slots, 0
        context = context + layers[0].bias[members, None, None]
        num_rows = x.shape[1] if actions is None else actions.shape[1]
        shape: tuple[int, ...] = (len(members), len(x), num_rows)
        if self._last != Last.TWO_HOT:
            shape = (*shape, layers[-1].num_outputs)
        out = torch.empty(shape, dtype=torch.uint8 if self._last == Last.SIMNORM else torch.float32)
        rows = x if x_dim else None
        tensors = {"x": rows, "actions": actions, "context": context, "member": members, "out": out}
        given = {name: t.contiguous() for name, t in tensors.items() if t is not None}
        call = Call(
            **{name: tensor.data_ptr() for name, tensor in given.items()},
            layers=(Layer * len(layers))(*(layer.pointers for layer in layers)),
            x_dim=x_dim,
            action_dim=self._num_actions,
            num_calls=shape[0],
            num_slots=shape[1],
            num_rows=num_rows,
            num_layers=len(layers),
            last=self._last,
            num_threads=_num_threads(
                num_rows * shape[0] * shape[1] * sum(layer.num_products for layer in layers)
            ),
            low=_LOWEST,
            two_hot_limit=two_hot.LIMIT,
        )
        load().run(call)
        return out


class _Int8Layer:
    """A layer in 8 bits.

    Args:
        matrix: To be rounded, shape `(M, O, I)`.
        weights: Its layer norm.
        zero: What 0 in bytes stands for, in units of the inputs.
        num_from: Of how many inputs, the last ones; all by default.
        bias: Shape `(M, O)`.
    """

    def __init__(
        self,
        matrix: Tensor,
        weights: Weights,
        *,
        zero: float,
        num_from: int | None = None,
        bias: Tensor | None = None,
    ) -> None:
        num_members, self.num_outputs, num_inputs = matrix.shape
        self.num_products = self.num_outputs * num_inputs
        depth, width = num_inputs + -num_inputs % 4, self.num_outputs + -self.num_outputs % TILE
        matrix = matrix.contiguous()
        packed = torch.empty(num_members, width * depth, dtype=torch.int8)
        scale, total = (torch.empty(num_members, width) for _ in range(2))
        load().pack(
            Matrix(
                *(tensor.data_ptr() for tensor in (matrix, packed, scale, total)),
                *(num_members, self.num_outputs, num_inputs),
                summed_from=0 if num_from is None else num_inputs - num_from,
                num_threads=_num_threads(64 * matrix.numel()),  # a weight takes about as long
            )
        )
        self.bias = total.mul_(zero)
        if bias is not None:
            self.bias[:, : self.num_outputs] += bias
        self._tensors = {"matrix": packed, "scale": scale, "bias": self.bias}
        if weights.gain is not None and weights.shift is not None:
            assert width == self.num_outputs, f"{width} columns are normalised"
            self._tensors.update(gain=weights.gain.clone(), shift=weights.shift.clone())
        self.pointers = Layer(
            **{name: tensor.data_ptr() for name, tensor in self._tensors.items()},
            inputs=depth,
            outputs=self.num_outputs,
        )


def _num_threads(num_products: int) -> int:
    return max(1, min(torch.get_num_threads(), num_products // _WORTH_A_THREAD))
