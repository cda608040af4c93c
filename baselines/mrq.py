"""MR.Q: representations learned by predicting, actions and values learned without a model.

An encoder learns latents of observations, and of observations with actions, from which a linear
head predicts the next latent and the reward. Policy and values are learned on these latents,
model-free. Letters in shapes: `B` batch, `T` time, `E` slots, `O` observation, `A` action entries,
`D` latent entries.

Source:
    arXiv:2501.16142. Ours is of many tasks: networks see the task's embedding, rewards are scaled
    by task, and sub-sequences end where their episode does.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mmbench import MAX_ACTION_DIM, MAX_OBS_DIM, Agent, FloatArray
from mmbench.checks import at_least, between
from mmbench.cli.output import show_progress
from mmbench.language import EncoderName
from mmbench.progress import OnProgress, ignore_progress
from mmbench.registry import choose_tasks
from mmbench.training.checkpoint import Trained, load_checkpoint, save_checkpoint
from mmbench.training.devices import checked_device
from mmbench.training.online import OnlineRun, RunConfig
from mmbench.training.replay import Batch, Replay
from mmbench.training.run import (
    optimizer_tensors,
    part,
    prefixed,
    restore_moments,
    with_suite,
)
from mmbench.training.tables import action_masks, discounts, embeddings
from mmbench.training.two_hot import symexp

NAME = "mrq"
_BINS = symexp(torch.linspace(-10, 10, 65))
"""Rewards that the bins of a predicted distribution stand for, task units."""
_MIN_REWARD_SCALE = 1e-3


@dataclass(frozen=True, kw_only=True)
class MRQConfig:
    """Every number of MR.Q; those of the paper but for what says otherwise."""

    width: int = 512
    """Of hidden layers and latents."""
    action_width: int = 256
    """Entries of an encoded action."""
    batch_size: int = 1024
    """Sub-sequences per update; 256 in the paper, for single tasks."""
    encoder_horizon: int = 5
    """Steps that the encoder predicts."""
    value_horizon: int = 3
    """Steps of reward in a value's target."""
    renewal_interval: int = 250
    """Updates between copies to the targets; as many of the encoder follow at once."""
    encoder_rate: float = 1e-4
    """Learning rate of the encoder."""
    rate: float = 3e-4
    """Learning rate of policy and values."""
    weight_decay: float = 1e-4
    """Of all optimisers."""
    max_grad_norm: float = 20.0
    """Longer gradients of the values are clipped."""
    reward_coef: float = 0.1
    """Weight of predicted rewards beside predicted latents."""
    policy_penalty: float = 1e-5
    """Weight of the squared policy before it is squashed."""
    exploration_noise: float = 0.2
    """Standard deviation of the noise on actions."""
    target_noise: float = 0.2
    """Likewise in targets."""
    target_noise_clip: float = 0.3
    """Bound of the latter."""
    priority_exponent: float = 0.4
    """Sub-sequences are drawn in proportion to their error to this power, at least 1."""

    def __post_init__(self) -> None:
        at_least(1, width=self.width, action_width=self.action_width, batch_size=self.batch_size)
        at_least(1, value_horizon=self.value_horizon, renewal_interval=self.renewal_interval)
        at_least(self.value_horizon, encoder_horizon=self.encoder_horizon)
        at_least(0, encoder_rate=self.encoder_rate, rate=self.rate, target_noise=self.target_noise)
        at_least(0, weight_decay=self.weight_decay, max_grad_norm=self.max_grad_norm)
        at_least(0, exploration_noise=self.exploration_noise)
        between(0, 1, priority_exponent=self.priority_exponent)


class Networks(nn.Module):
    """All that is learned.

    Args:
        config: Widths.
        context_dim: Entries of a task's embedding.
    """

    def __init__(self, config: MRQConfig, context_dim: int) -> None:
        super().__init__()
        width = config.width
        self.state = _mlp(MAX_OBS_DIM + context_dim, width, width, nn.ELU)
        self.action = nn.Linear(MAX_ACTION_DIM, config.action_width)
        self.pair = _mlp(width + config.action_width, width, width, nn.ELU)
        self.head = nn.Linear(width, width + len(_BINS))
        self.policy = _mlp(width, width, MAX_ACTION_DIM, nn.ReLU)
        self.values = nn.ModuleList(
            nn.Sequential(_mlp(width, width, width, nn.ELU), _Norm(), nn.ELU(), last)
            for last in (nn.Linear(width, 1), nn.Linear(width, 1))
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, gain=2**0.5)
                nn.init.zeros_(module.bias)

    def encode(self, obs: Tensor, context: Tensor) -> Tensor:
        """Return latents `(B, D)` of observations `(B, O)` and embeddings of their tasks."""
        z = self.state(torch.cat((obs, context), dim=-1))
        return functional.elu(functional.layer_norm(z, z.shape[-1:]))

    def encode_pair(self, z: Tensor, action: Tensor) -> Tensor:
        """Return latents `(B, D)` of observations with actions."""
        found: Tensor = self.pair(torch.cat((z, functional.elu(self.action(action))), dim=-1))
        return found

    def predict(self, pair: Tensor) -> tuple[Tensor, Tensor]:
        """Return next latents `(B, D)` and logits of rewards `(B, len(_BINS))`."""
        z, logits = self.head(pair).tensor_split((pair.shape[-1],), dim=-1)
        return z, logits

    def value(self, pair: Tensor) -> Tensor:
        """Return both values, in units of the reward scale, shape `(2, B)`."""
        return torch.stack([value(pair)[:, 0] for value in self.values])

    def encoder_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that learn by predicting."""
        return [
            p for net in (self.state, self.action, self.pair, self.head) for p in net.parameters()
        ]


class MRQ:
    """Learns from a replay buffer; a `Learner`.

    Args:
        run: What is played.
        config: How to learn.
    """

    def __init__(self, run: RunConfig, config: MRQConfig) -> None:
        self._run = run
        self._config = config
        self._device = torch.device(run.device)
        self._context = embeddings(run.tasks, run.encoder).to(self._device)
        self._masks = action_masks(run.tasks).to(self._device)
        self._discounts = discounts(run.tasks).to(self._device)
        self._rng = np.random.default_rng(run.seed + 1)
        self._generator = torch.Generator(self._device).manual_seed(run.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.seed)
            self.networks = Networks(config, self._context.shape[1]).to(self._device)
        self._target = copy.deepcopy(self.networks).requires_grad_(False)
        self._scale = torch.ones(len(run.tasks), device=self._device)
        self._target_scale = torch.zeros_like(self._scale)
        self._num_updates = 0
        self._encoder_loss = torch.zeros((), device=self._device)
        self._optimizers = {
            "encoder": self._optimizer(self.networks.encoder_parameters(), config.encoder_rate),
            "value": self._optimizer(list(self.networks.values.parameters()), config.rate),
            "policy": self._optimizer(list(self.networks.policy.parameters()), config.rate),
        }
        self.replay = Replay(
            run.replay_capacity,
            obs_dim=MAX_OBS_DIM,
            action_dim=MAX_ACTION_DIM,
            num_tasks=len(run.tasks),
            horizon=config.encoder_horizon,
            least_steps=1,
            has_priorities=True,
        )

    @torch.no_grad()
    def explore(
        self, obs: FloatArray, task: NDArray[np.int64], first: NDArray[np.bool_]
    ) -> FloatArray:
        """Return the policy's actions with noise."""
        number = torch.from_numpy(task).to(self._device)
        seen = torch.from_numpy(obs).to(self._device)
        action = torch.tanh(self.networks.policy(self.networks.encode(seen, self._context[number])))
        action = action + self._config.exploration_noise * self._noise(action)
        found: FloatArray = (action.clamp(-1, 1) * self._masks[number]).cpu().numpy()
        return found

    def update(self) -> Mapping[str, Tensor]:
        """Update values and policy, and before that, now and then, targets and encoder."""
        if self._num_updates % self._config.renewal_interval == 0:
            self._renew()
        self._num_updates += 1
        batch = self._sample()
        with torch.no_grad():
            z = self.networks.encode(batch.obs[0], self._context[batch.task])
        losses = self._step_value(batch, z) | self._step_policy(batch, z)
        return losses | {"encoder_loss": self._encoder_loss}

    def _renew(self) -> None:
        """Copy networks and reward scales to the targets, then train the encoder."""
        self._target.load_state_dict(self.networks.state_dict())
        self._target_scale = self._scale
        scale = torch.from_numpy(self.replay.mean_abs_rewards()).to(self._device)
        self._scale = scale.clamp(min=_MIN_REWARD_SCALE)
        for _ in range(self._config.renewal_interval):
            batch = self._sample()
            loss = self._loss_of_encoder(batch)
            self._step("encoder", loss)
        self._encoder_loss = loss.detach()

    def _loss_of_encoder(self, batch: Batch) -> Tensor:
        """Return the error of latents and rewards predicted over the horizon, as far as it goes."""
        context = self._context[batch.task]
        z = self.networks.encode(batch.obs[0], context)
        with torch.no_grad():
            goals = self._target.encode(batch.obs[1:], context.expand(len(batch.action), -1, -1))
        loss = z.new_zeros(())
        for action, reward, goal, present in zip(
            batch.action, batch.reward, goals, _present(batch), strict=True
        ):
            z, logits = self.networks.predict(self.networks.encode_pair(z, action))
            error = (z - goal).square().mean(-1)
            error = error + self._config.reward_coef * reward_cross_entropy(logits, reward)
            loss = loss + (present * error).mean()
        return loss

    def _step_value(self, batch: Batch, z: Tensor) -> dict[str, Tensor]:
        config = self._config
        with torch.no_grad():
            pair = self.networks.encode_pair(z, batch.action[0])
            target = self._value_target(batch)
        values = self.networks.value(pair)
        loss = functional.smooth_l1_loss(values, target.expand_as(values))
        grad_norm = self._step("value", loss, config.max_grad_norm)
        error = (values.detach() - target).abs().amax(0)
        assert batch.row is not None
        priority = error.clamp(min=1).pow(config.priority_exponent)
        self.replay.prioritise(batch.row, priority.cpu().numpy())
        value = (self._scale[batch.task] * values.detach()).mean()
        return {"value_loss": loss, "value": value, "value_grad_norm": grad_norm}

    def _value_target(self, batch: Batch) -> Tensor:
        """Return rewards of some steps and the targets' value after them, scaled, shape `(B,)`."""
        config = self._config
        reward, num_steps = n_step_rewards(
            batch.reward[: config.value_horizon],
            _present(batch)[: config.value_horizon],
            self._discounts[batch.task],
        )
        reached = batch.obs[num_steps, torch.arange(len(num_steps), device=self._device)]
        z = self._target.encode(reached, self._context[batch.task])
        action = torch.tanh(self._target.policy(z))
        noise = config.target_noise * self._noise(action)
        noise = noise.clamp(-config.target_noise_clip, config.target_noise_clip)
        action = (action + noise).clamp(-1, 1) * self._masks[batch.task]
        value = self._target.value(self._target.encode_pair(z, action)).amin(0)
        value = self._target_scale[batch.task] * value
        discount = self._discounts[batch.task] ** num_steps
        return (reward + discount * value) / self._scale[batch.task]

    def _step_policy(self, batch: Batch, z: Tensor) -> dict[str, Tensor]:
        mask = self._masks[batch.task]
        answer = self.networks.policy(z)
        pair = self.networks.encode_pair(z, torch.tanh(answer) * mask)
        penalty = (mask * answer.square()).sum() / mask.sum()
        loss = self._config.policy_penalty * penalty - self.networks.value(pair).mean()
        self._step("policy", loss)
        return {"policy_loss": loss}

    def _step(self, name: str, loss: Tensor, max_grad_norm: float = float("inf")) -> Tensor:
        """Take a step of one optimiser's parameters; return the norm of their gradient."""
        optimizer = self._optimizers[name]
        parameters = optimizer.param_groups[0]["params"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward(inputs=parameters)  # type: ignore[no-untyped-call]  # torch has no types here
        norm = nn.utils.clip_grad_norm_(parameters, max_grad_norm)
        optimizer.step()
        return norm

    def _sample(self) -> Batch:
        return self.replay.sample(self._config.batch_size, self._rng, self._device)

    def _noise(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self._generator, device=self._device)

    def _optimizer(self, parameters: list[nn.Parameter], rate: float) -> torch.optim.Optimizer:
        decay = self._config.weight_decay
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, fused=True)

    def snapshot(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return everything that learning goes on from."""
        tensors = {
            "scale": self._scale,
            "target_scale": self._target_scale,
            "encoder_loss": self._encoder_loss,
            "priorities": torch.from_numpy(self.replay.priorities),
            "generator": self._generator.get_state(),
            **prefixed("networks", self.networks.state_dict()),
            **prefixed("target", self._target.state_dict()),
        }
        for name, optimizer in self._optimizers.items():
            tensors |= prefixed(name, optimizer_tensors(optimizer))
        return tensors, {"updates": self._num_updates, "rng": self._rng.bit_generator.state}

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Go on from what `snapshot` returned."""
        self._scale, self._target_scale = tensors["scale"], tensors["target_scale"]
        self._encoder_loss = tensors["encoder_loss"]
        self.replay.restore_priorities(tensors["priorities"].cpu().numpy())
        self._generator.set_state(tensors["generator"].cpu())
        self.networks.load_state_dict(part("networks", tensors))
        self._target.load_state_dict(part("target", tensors))
        for name, optimizer in self._optimizers.items():
            restore_moments(optimizer, part(name, tensors))
        self._num_updates = numbers["updates"]
        self._rng.bit_generator.state = numbers["rng"]

    def save(self, folder: Path) -> None:
        """Write a checkpoint that `mmbench evaluate --agent mrq` plays."""
        run = self._run
        trained = Trained(agent=NAME, tasks=run.tasks, encoder=run.encoder, config=self._config)
        save_checkpoint(folder, trained, self.networks)

    def player(self, tasks: Sequence[str]) -> Agent:
        """Return an agent that plays with the weights of now."""
        return MRQAgent(self.networks, tasks, self._run.encoder, self._device)


class MRQAgent:
    """Plays the policy without noise.

    Args:
        networks: What was learned.
        tasks: One task id per slot.
        encoder: Of their embeddings.
        device: Where to compute.
    """

    def __init__(
        self, networks: Networks, tasks: Sequence[str], encoder: EncoderName, device: torch.device
    ) -> None:
        self._networks = networks.to(device)
        self._context = embeddings(tasks, encoder).to(device)
        self._mask = action_masks(tasks).to(device)

    @torch.no_grad()
    def act(self, obs: FloatArray, *, first: NDArray[np.bool_]) -> FloatArray:
        """Return actions, shape `(E, A)`."""
        z = self._networks.encode(torch.from_numpy(obs).to(self._mask.device), self._context)
        action = torch.tanh(self._networks.policy(z)) * self._mask
        found: FloatArray = action.cpu().numpy()
        return found


def n_step_rewards(reward: Tensor, present: Tensor, discount: Tensor) -> tuple[Tensor, Tensor]:
    """Sum the discounted rewards of the steps that there are.

    Args:
        reward: Shape `(T, B)`.
        present: 1 before the episode's end, shape `(T, B)`.
        discount: Shape `(B,)`.

    Returns:
        The sums and how many steps are in them, each of shape `(B,)`.
    """
    powers = discount ** torch.arange(len(reward), device=reward.device)[:, None]
    return (present * powers * reward).sum(0), present.sum(0).long()


def reward_cross_entropy(logits: Tensor, reward: Tensor) -> Tensor:
    """Return the cross entropy of logits `(B, 65)` and the two-hot of rewards `(B,)`.

    The two bins share a reward by its distance to what they stand for, not by that of their logs.
    """
    bins = _BINS.to(reward.device)
    reward = reward.clamp(bins[0], bins[-1])
    upper = torch.bucketize(reward, bins).clamp(min=1)
    lower = upper - 1
    share = (reward - bins[lower]) / (bins[upper] - bins[lower])
    log_p = functional.log_softmax(logits, dim=-1)
    at_lower, at_upper = (log_p.gather(-1, index[:, None])[:, 0] for index in (lower, upper))
    return -((1 - share) * at_lower + share * at_upper)


def _present(batch: Batch) -> Tensor:
    return torch.ones_like(batch.reward) if batch.present is None else batch.present


class _Norm(nn.Module):
    """Layer norm without gain and bias."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:])


def _mlp(in_dim: int, width: int, out_dim: int, activation: type[nn.Module]) -> nn.Sequential:
    """Return three affine layers, the first two with layer norm and activation behind them."""
    return nn.Sequential(
        *(nn.Linear(in_dim, width), _Norm(), activation()),
        *(nn.Linear(width, width), _Norm(), activation()),
        nn.Linear(width, out_dim),
    )


def make(tasks: Sequence[str], *, checkpoint: str | None, device: str, seed: int) -> Agent:
    """Build the agent from a checkpoint folder; it draws nothing, so the seed is not used."""
    place = checked_device(device)
    trained, networks = load_checkpoint(checkpoint, NAME, tasks, MRQConfig, Networks)
    return MRQAgent(networks, tasks, trained.encoder, place)


@dataclass(frozen=True, kw_only=True)
class TrainMRQ:
    """Train MR.Q; the same command continues a run where it was stopped.

    The folder gets checkpoints (`latest`, `final`), evaluations, and losses in `metrics.csv`.
    """

    out: Path
    """Folder of the run; it is made or continued."""
    suite: str | None = None
    """Suite to train on, instead of tasks."""
    run_config: tyro.conf.OmitArgPrefixes[RunConfig] = field(
        default_factory=lambda: RunConfig(tasks=())
    )
    algorithm: tyro.conf.OmitArgPrefixes[MRQConfig] = field(default_factory=MRQConfig)

    def run(self) -> int:
        """Train under a progress bar."""
        config = with_suite(self.run_config, self.suite)
        with show_progress() as on_progress:
            train(config, self.algorithm, self.out, on_progress)
        print(f"{self.out / 'final'}")
        return 0


def train(
    run: RunConfig, config: MRQConfig, out: Path, on_progress: OnProgress = ignore_progress
) -> None:
    """Train, or go on with the run that is in the folder."""
    choose_tasks(run.tasks)
    OnlineRun(run, config, MRQ(run, config), out, on_progress).run()
