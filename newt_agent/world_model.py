"""The world model: what Newt knows of the tasks.

Rows that are the same for many others broadcast against them. Letters in shapes: `B` batch, `T`
time, `K` tasks, `A` action entries, `D` latent entries, `M` Q networks.

Source:
    arXiv:2511.19584 (Newt), arXiv:2310.16828 (TD-MPC2).
"""

import math
from collections.abc import Collection
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mmbench.errors import CheckpointError
from mmbench.training import two_hot
from newt_agent.config import NewtConfig
from newt_agent.networks import StackedMLP

_LOG_STD_MIN, _LOG_STD_RANGE = -10.0, 12.0
OBS_CLIP = 5.0
"""Bound of normalised observations."""
MIN_OBS_STD = 1e-3
"""Entries that vary less are divided by this."""
_MAX_FIRST_CODE = 0.02
_MIN_LATENT = 1e-6
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class Contexts(NamedTuple):
    """The tasks' share of the first layer of every network, each of shape `(M, K, W)`.

    `obs_mean` and `obs_rate`, each `(1, K, obs_dim)`, put observations on one scale; they are
    empty, `(1, K, 0)`, for a model that sees observations as they are.
    """

    encoder: Tensor
    dynamics: Tensor
    reward: Tensor
    policy: Tensor
    q: Tensor
    obs_mean: Tensor
    obs_rate: Tensor

    def of(self, task: Tensor) -> "Contexts":
        """Return the rows of tasks `rows`, each `(M, *rows, W)`."""
        return Contexts(*(table[:, task] for table in self))


class PolicySample(NamedTuple):
    """What the policy answers.

    Attributes:
        action: Sample, squashed into (-1, 1), shape `(*rows, A)`; 0 where padded.
        mean: Squashed mean, shape `(*rows, A)`.
        log_std: Before squashing, shape `(*rows, A)`; 0 where padded.
        log_likelihood: Of the sample under the Gaussian before squashing, summed over the action's
            true entries, shape `(*rows,)`.
    """

    action: Tensor
    mean: Tensor
    log_std: Tensor
    log_likelihood: Tensor


class WorldModel(nn.Module):
    """Encoder, dynamics, reward, policy and Q networks, and the tables of the tasks.

    Args:
        config: Sizes.
        embeddings: Of the tasks, shape `(K, embedding_dim)`; `(K, 0)` without language.
        action_masks: 1 at the true entries of the tasks' actions, shape `(K, A)`.
    """

    embeddings: Tensor
    action_masks: Tensor
    obs_mean: Tensor
    obs_rate: Tensor
    clock_rate: Tensor
    codes: nn.Parameter | None

    def __init__(self, config: NewtConfig, embeddings: Tensor, action_masks: Tensor) -> None:
        super().__init__()
        if embeddings.shape[1:] != (config.embedding_dim,):
            raise ValueError(
                f"embeddings have shape {tuple(embeddings.shape)}, "
                f"expected (K, {config.embedding_dim})"
            )
        self.config = config
        size = config.model_size
        self.register_buffer("embeddings", embeddings.float())
        self.register_buffer("action_masks", action_masks.float())
        shape = (len(embeddings), config.obs_dim if config.has_normalised_obs else 0)
        self.register_buffer("obs_mean", torch.zeros(shape), persistent=config.has_normalised_obs)
        self.register_buffer("obs_rate", torch.ones(shape), persistent=config.has_normalised_obs)
        clocks = torch.zeros(len(embeddings))  # rad per env step, see mmbench.demos.clock
        self.register_buffer("clock_rate", clocks, persistent=config.has_clock)
        d, e, a = size.latent_dim, config.embedding_dim + config.code_dim, config.action_dim
        self.encoder = StackedMLP(
            x_dim=config.obs_dim,
            embedding_dim=e,
            more_dim=config.feature_dim,
            widths=[size.encoder_width] * (size.num_encoder_layers - 1),
            out_dim=d,
            last="simnorm",
        )
        on_latent = partial(StackedMLP, x_dim=d, embedding_dim=e, widths=[size.mlp_width] * 2)
        of_step = partial(on_latent, more_dim=a, out_dim=two_hot.NUM_BINS, last="linear")
        self.dynamics = on_latent(more_dim=a, out_dim=d, last="simnorm")
        self.reward = of_step()
        self.policy = on_latent(more_dim=0, out_dim=2 * a, last="linear")
        self.q = of_step(num_members=size.num_q)
        for network in (self.reward, self.q):  # rewards and values start at exactly 0
            nn.init.zeros_(network.matrices[-1])
        if config.has_residual_dynamics:
            nn.init.zeros_(self.dynamics.gains[-1])
        codes = None
        if config.code_dim:
            drawn = torch.empty(len(embeddings), config.code_dim)
            codes = nn.Parameter(nn.init.uniform_(drawn, -_MAX_FIRST_CODE, _MAX_FIRST_CODE))
        self.register_parameter("codes", codes)

    def task_vectors(self, *, frozen: bool = False) -> Tensor:
        """Return what the networks know of the tasks: embeddings and codes, shape `(K, E)`."""
        if self.codes is None:
            return self.embeddings
        codes = self.codes.detach() if frozen else self.codes
        return torch.cat((self.embeddings, codes), dim=-1)

    def limit_codes(self) -> None:
        """Shorten codes to norm 1, after a step of the optimiser."""
        if self.codes is not None:
            self.codes.data.copy_(torch.renorm(self.codes.data, p=2, dim=0, maxnorm=1.0))

    def load_networks(self, other: "WorldModel", *, but: Collection[str] = ()) -> None:
        """Take the weights of a model of the same size; the tables of the tasks stay.

        A model that sees no pictures fits one that does: their weights begin at 0.

        Args:
            other: The model.
            but: Networks that keep their own weights, e.g. `reward`.

        Raises:
            CheckpointError: If another size does not fit.
        """
        weights: dict[str, Tensor] = dict(other.named_parameters())
        first = "encoder.matrices.0"
        missing = self.encoder.matrices[0].shape[-1] - weights[first].shape[-1]
        if missing == self.config.feature_dim and not other.config.feature_dim:
            weights[first] = nn.functional.pad(weights[first], (0, missing))
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name == "codes" or name.partition(".")[0] in but:
                    continue
                if parameter.shape != weights[name].shape:
                    raise CheckpointError(
                        f"the checkpoint's {name} has shape {tuple(weights[name].shape)}, "
                        f"expected {tuple(parameter.shape)}"
                    )
                parameter.copy_(weights[name])

    def contexts(
        self, *, frozen: bool = False, only: Collection[str] = Contexts._fields
    ) -> Contexts:
        """Return the tasks' share of every first layer; valid until the weights change.

        Args:
            frozen: Whether the weights are constants.
            only: Networks to compute it for; the others' share is empty, `(1, K, 0)`.
        """
        vectors = self.task_vectors(frozen=frozen)
        empty = vectors[None, :, :0]

        def share(name: str) -> Tensor:
            network: StackedMLP = getattr(self, name)
            return network.contexts(vectors, frozen=frozen) if name in only else empty

        return Contexts(
            encoder=share("encoder"),
            dynamics=share("dynamics"),
            reward=share("reward"),
            policy=share("policy"),
            q=share("q"),
            obs_mean=self.obs_mean[None],
            obs_rate=self.obs_rate[None],
        )

    def encode(self, obs: Tensor, context: Contexts, feature: Tensor | None = None) -> Tensor:
        """Return latents `(*rows, D)` of observations `(*rows, obs_dim)` and image features."""
        if self.config.has_normalised_obs:
            scaled = (obs - context.obs_mean[0]) * context.obs_rate[0]
            obs = scaled.clamp(-OBS_CLIP, OBS_CLIP)
        return self.encoder(obs, context.encoder, feature)[0]

    def set_obs_scale(self, mean: Tensor, std: Tensor, task: Tensor | None = None) -> None:
        """Normalise observations by their mean and standard deviation, each `(N, obs_dim)`.

        Args:
            mean: Of the tasks' observations.
            std: Likewise.
            task: The tasks, shape `(N,)`; all by default.

        Raises:
            ValueError: If the model's configuration says that observations are not normalised.
        """
        if not self.config.has_normalised_obs:
            raise ValueError("the model sees observations as they are (has_normalised_obs=False)")
        rows = slice(None) if task is None else task
        self.obs_mean[rows] = mean.to(self.obs_mean)
        self.obs_rate[rows] = 1 / std.to(self.obs_rate).clamp(min=MIN_OBS_STD)

    def next_latent(self, z: Tensor, action: Tensor, context: Contexts) -> Tensor:
        """Return the latents that follow, shape `(*rows, D)`."""
        skip = None
        if self.config.has_residual_dynamics:  # SimNorm makes z of it, if nothing is added
            skip = torch.log(z.clamp(min=_MIN_LATENT))
        return self.dynamics(z, context.dynamics, action, skip=skip)[0]

    def reward_logits(self, z: Tensor, action: Tensor, context: Contexts) -> Tensor:
        """Return logits of rewards, shape `(*rows, NUM_BINS)`."""
        return self.reward(z, context.reward, action)[0]

    def reward_of(self, z: Tensor, action: Tensor, context: Contexts) -> Tensor:
        """Return rewards, shape `(*rows,)`."""
        return two_hot.decode(self.reward_logits(z, action, context))

    def value_of(self, z: Tensor, action: Tensor, context: Contexts, members: Tensor) -> Tensor:
        """Return the mean value of some Q networks, shape `(*rows,)`."""
        return two_hot.decode(self.q_logits(z, action, context, members=members)).mean(0)

    def q_logits(
        self,
        z: Tensor,
        action: Tensor,
        context: Contexts,
        *,
        members: Tensor | None = None,
        frozen: bool = False,
        network: StackedMLP | None = None,
    ) -> Tensor:
        """Return logits of values, shape `(M, *rows, NUM_BINS)`.

        Args:
            z: Shape `(*rows, D)`.
            action: Shape `(*rows, A)`.
            context: Of the rows.
            members: Which Q networks; all by default.
            frozen: Whether gradients flow to `z` and `action` only.
            network: Other Q networks than the online ones.
        """
        network = network or self.q
        return network(z, context.q, action, members=members, frozen=frozen)

    def act(self, z: Tensor, context: Contexts, mask: Tensor, noise: Tensor) -> PolicySample:
        """Ask the policy.

        Args:
            z: Shape `(*rows, D)`.
            context: Of the rows.
            mask: 1 at the true entries of the action, shape `(*rows, A)`.
            noise: Standard normal, shape `(*rows, A)`.
        """
        return policy_sample(self.policy(z, context.policy)[0], mask, noise)

    def draw_q_pair(self, generator: torch.Generator) -> Tensor:
        """Return the indices of two distinct Q networks."""
        order = torch.randperm(self.q.num_members, generator=generator, device=generator.device)
        return order[:2]


def policy_sample(outputs: Tensor, mask: Tensor, noise: Tensor) -> PolicySample:
    """Return the policy's answer from what its network put out, shape `(*rows, 2 A)`."""
    mean, raw_log_std = outputs.float().chunk(2, dim=-1)
    log_std = _LOG_STD_MIN + 0.5 * _LOG_STD_RANGE * (torch.tanh(raw_log_std) + 1)
    mean, log_std, noise = mask * mean, mask * log_std, mask * noise
    log_likelihood = mask * (-0.5 * noise.square() - log_std - _HALF_LOG_TWO_PI)
    return PolicySample(
        action=torch.tanh(mean + noise * log_std.exp()),
        mean=torch.tanh(mean),
        log_std=log_std,
        log_likelihood=log_likelihood.sum(-1),
    )
