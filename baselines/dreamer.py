"""DreamerV3: a world model learned from episodes, policy and values learned in its imagination.

A recurrent state-space model with discrete latents is trained to show what was observed and what
reward came. Policy and critic never see an episode: they are trained on what the model imagines.
Letters in shapes: `T` time, `B` batch, `E` slots, `H` imagined steps, `N` imagined starts, `O`
observation, `A` action entries, `F` features of a state.

Source:
    arXiv:2301.04104v1 (equations, losses and rates), with the policy gradient of its later
    versions. Ours is of many tasks: networks see the task's embedding and discounts are the
    tasks'. No task terminates, so that nothing predicts whether one does.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mmbench import MAX_ACTION_DIM, MAX_OBS_DIM, Agent, FloatArray, task
from mmbench.checks import at_least, between
from mmbench.cli.output import show_progress
from mmbench.language import EncoderName
from mmbench.progress import OnProgress, ignore_progress
from mmbench.registry import choose_tasks
from mmbench.training import two_hot
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
from mmbench.training.tables import action_masks, discounts, embeddings, obs_masks

NAME = "dreamer"
_MIN_STD, _MAX_STD = 0.1, 1.0
_HALF_LOG_TWO_PI_E = 0.5 * float(np.log(2 * np.pi * np.e))


@dataclass(frozen=True, kw_only=True)
class DreamerConfig:
    """Every number of Dreamer; those of the paper but for what says otherwise."""

    width: int = 256
    """Of hidden layers; the paper's smallest model has 256 as well."""
    deter_dim: int = 256
    """Entries of the deterministic part of a state; 256 in the paper's smallest model."""
    num_latents: int = 16
    """Discrete latents of a state; 32 in the paper."""
    num_classes: int = 16
    """Values of a latent; 32 in the paper."""
    uniform_share: float = 0.01
    """Share of the uniform distribution in those of latents."""
    batch_size: int = 16
    """Sub-sequences per update."""
    sequence_length: int = 64
    """Steps of a sub-sequence, or fewer where its episode ends before."""
    horizon: int = 15
    """Imagined steps."""
    free_nats: float = 1.0
    """The divergence of prior and posterior counts from here."""
    dynamics_coef: float = 0.5
    """Weight of the divergence that moves the prior."""
    representation_coef: float = 0.1
    """Weight of the divergence that moves the posterior."""
    trace: float = 0.95
    """Of lambda returns."""
    entropy_coef: float = 3e-4
    """Weight of the policy's entropy."""
    spread_rate: float = 0.01
    """Share of the way to the spread of a batch's returns that the spread goes in an update."""
    critic_rate: float = 0.02
    """Share of the way that the averaged critic goes in an update."""
    regularizer_coef: float = 1.0
    """Weight of the critic's cross entropy to its average."""
    model_learning_rate: float = 1e-4
    """Adam's, of the world model."""
    behaviour_learning_rate: float = 3e-5
    """Adam's, of policy and critic."""
    model_max_grad_norm: float = 1000.0
    """Longer gradients of the world model are clipped."""
    behaviour_max_grad_norm: float = 100.0
    """Likewise of policy and critic."""

    def __post_init__(self) -> None:
        at_least(1, width=self.width, deter_dim=self.deter_dim, num_latents=self.num_latents)
        at_least(2, num_classes=self.num_classes)
        at_least(1, batch_size=self.batch_size, sequence_length=self.sequence_length)
        at_least(1, horizon=self.horizon)
        between(0, 1, uniform_share=self.uniform_share, trace=self.trace)
        between(0, 1, spread_rate=self.spread_rate, critic_rate=self.critic_rate)

    @property
    def stoch_dim(self) -> int:
        """Entries of the discrete part of a state."""
        return self.num_latents * self.num_classes


class State(NamedTuple):
    """What the model remembers: `deter` `(..., D)`, and `stoch`, one-hot, `(..., L C)`."""

    deter: Tensor
    stoch: Tensor

    @property
    def features(self) -> Tensor:
        """Both parts, shape `(..., F)`."""
        return torch.cat(self, dim=-1)


class Networks(nn.Module):
    """World model, policy and critic.

    Args:
        config: Widths.
        context_dim: Entries of a task's embedding, which every network sees.
    """

    def __init__(self, config: DreamerConfig, context_dim: int) -> None:
        super().__init__()
        self.config = config
        width, deter, stoch = config.width, config.deter_dim, config.stoch_dim
        self.encoder = _MLP(MAX_OBS_DIM + context_dim, width)
        self.joint = _MLP(stoch + MAX_ACTION_DIM + context_dim, width, num_layers=1)
        self.gates = nn.Sequential(
            nn.Linear(deter + width, 3 * deter, bias=False), nn.LayerNorm(3 * deter)
        )
        self.prior = _MLP(deter, width, stoch, num_layers=1)
        self.posterior = _MLP(deter + width, width, stoch, num_layers=1)
        seen = deter + stoch + context_dim
        self.decoder = _MLP(seen, width, MAX_OBS_DIM)
        # Rewards and values start at exactly 0.
        self.reward = _MLP(seen, width, two_hot.NUM_BINS, is_zero=True)
        self.policy = _MLP(seen, width, 2 * MAX_ACTION_DIM)
        self.critic = _MLP(seen, width, two_hot.NUM_BINS, is_zero=True)

    def start(self, num_rows: int) -> State:
        """Return the states before anything was seen."""
        device = next(self.parameters()).device
        return State(
            torch.zeros(num_rows, self.config.deter_dim, device=device),
            torch.zeros(num_rows, self.config.stoch_dim, device=device),
        )

    def advance(self, state: State, action: Tensor, context: Tensor) -> Tensor:
        """Return the deterministic part of the states that actions lead to."""
        x = self.joint(torch.cat((state.stoch, action), dim=-1), context)
        gates = self.gates(torch.cat((state.deter, x), dim=-1))
        reset, candidate, update = gates.chunk(3, dim=-1)
        candidate = torch.tanh(torch.sigmoid(reset) * candidate)
        update = torch.sigmoid(update - 1)
        return update * candidate + (1 - update) * state.deter

    def encode(self, obs: Tensor, context: Tensor) -> Tensor:
        """Return what the posterior sees of observations `(..., O)`."""
        found: Tensor = self.encoder(two_hot.symlog(obs), context)
        return found

    def log_prior(self, deter: Tensor) -> Tensor:
        """Return log-probabilities of latents before they are seen, shape `(..., L, C)`."""
        return self._log_probabilities(self.prior(deter))

    def log_posterior(self, deter: Tensor, seen: Tensor) -> Tensor:
        """Return log-probabilities of latents given what `encode` returned."""
        return self._log_probabilities(self.posterior(torch.cat((deter, seen), dim=-1)))

    def _log_probabilities(self, logits: Tensor) -> Tensor:
        config = self.config
        logits = logits.reshape(*logits.shape[:-1], config.num_latents, config.num_classes)
        share = config.uniform_share
        return ((1 - share) * logits.softmax(-1) + share / config.num_classes).log()

    def act(self, features: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of actions, each `(..., A)`."""
        answer = self.policy(features, context)
        mean, spread = answer.chunk(2, dim=-1)
        return torch.tanh(mean), (_MAX_STD - _MIN_STD) * torch.sigmoid(spread + 2) + _MIN_STD

    def model_parameters(self) -> list[nn.Parameter]:
        """Return the parameters of the world model."""
        behaviour = {id(p) for net in (self.policy, self.critic) for p in net.parameters()}
        return [p for p in self.parameters() if id(p) not in behaviour]


def draw(log_probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one-hot latents `(..., L C)`; gradients go straight to the probabilities."""
    probabilities = log_probabilities.exp()
    index = torch.multinomial(probabilities.detach().flatten(0, -2), 1, generator=generator).view(
        probabilities.shape[:-1]
    )
    hot = functional.one_hot(index, probabilities.shape[-1]).to(probabilities.dtype)
    return (hot + probabilities - probabilities.detach()).flatten(-2)


def most_likely(log_probabilities: Tensor) -> Tensor:
    """Return the likeliest latents, one-hot, shape `(..., L C)`."""
    index = log_probabilities.argmax(-1)
    return functional.one_hot(index, log_probabilities.shape[-1]).float().flatten(-2)


def divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return KL(p, q) in nats, summed over latents: `(..., L, C)` to `(...)`."""
    return (log_p.exp() * (log_p - log_q)).sum((-2, -1))


def lambda_returns(reward: Tensor, value: Tensor, discount: Tensor, trace: float) -> Tensor:
    """Return R_t = r_t + discount ((1 - trace) V_{t+1} + trace R_{t+1}), shape `(H, N)`.

    Args:
        reward: Of the step from t to t + 1, shape `(H, N)`.
        value: At t, and after the last step, where R is V, shape `(H + 1, N)`.
        discount: Shape `(N,)`.
        trace: 0 for one step, 1 for all.
    """
    found = []
    last = value[-1]
    for r, v in zip(reward.flip(0), value[1:].flip(0), strict=True):
        last = r + discount * ((1 - trace) * v + trace * last)
        found.append(last)
    return torch.stack(found[::-1])


class Dreamer:
    """Learns from a replay buffer; a `Learner`.

    Args:
        run: What is played.
        config: How to learn.
    """

    def __init__(self, run: RunConfig, config: DreamerConfig) -> None:
        self._run = run
        self._config = config
        self._device = torch.device(run.device)
        self._context = embeddings(run.tasks, run.encoder).to(self._device)
        self._masks = action_masks(run.tasks).to(self._device)
        self._obs_masks = obs_masks(run.tasks).to(self._device)
        self._discounts = discounts(run.tasks).to(self._device)
        self._rng = np.random.default_rng(run.seed + 1)
        self._generator = torch.Generator(self._device).manual_seed(run.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.seed)
            self.networks = Networks(config, self._context.shape[1]).to(self._device)
        self._average_critic = copy.deepcopy(self.networks.critic).requires_grad_(False)
        self._spread = torch.zeros((), device=self._device)
        rate = config.behaviour_learning_rate
        self._optimizers = {
            "model": torch.optim.Adam(
                self.networks.model_parameters(), lr=config.model_learning_rate, fused=True
            ),
            "policy": torch.optim.Adam(
                self.networks.policy.parameters(), lr=rate, eps=1e-5, fused=True
            ),
            "critic": torch.optim.Adam(
                self.networks.critic.parameters(), lr=rate, eps=1e-5, fused=True
            ),
        }
        shortest = min(task(name).max_episode_steps for name in run.tasks)
        self.replay = Replay(
            run.replay_capacity,
            obs_dim=MAX_OBS_DIM,
            action_dim=MAX_ACTION_DIM,
            num_tasks=len(run.tasks),
            horizon=config.sequence_length,
            least_steps=min(config.sequence_length, shortest),
        )
        self._slots: DreamerAgent | None = None

    def explore(
        self, obs: FloatArray, task: NDArray[np.int64], first: NDArray[np.bool_]
    ) -> FloatArray:
        """Return actions drawn from the policy."""
        if self._slots is None:
            tasks = [self._run.tasks[number] for number in task]
            self._slots = DreamerAgent(
                self.networks, tasks, self._run.encoder, self._device, self._generator
            )
        return self._slots.act(obs, first=first)

    def update(self) -> Mapping[str, Tensor]:
        """Take a step of the world model, and one of policy and critic on what it imagines."""
        batch = self.replay.sample(self._config.batch_size, self._rng, self._device)
        metrics, states, present = self._step_model(batch)
        num_times = len(batch.obs)
        chosen = present.flatten().bool()
        start = State(*(rows.detach().flatten(0, 1)[chosen] for rows in states))
        return metrics | self._step_behaviour(start, batch.task.repeat(num_times)[chosen])

    def _step_model(self, batch: Batch) -> tuple[dict[str, Tensor], State, Tensor]:
        """Return metrics, posterior states `(T + 1, B)`, and which of them there are."""
        config, networks = self._config, self.networks
        num_steps, num_rows = batch.reward.shape
        context = self._context[batch.task]
        seen = networks.encode(batch.obs, context)
        state, action = networks.start(num_rows), torch.zeros_like(batch.action[0])
        deters, latents, log_posteriors = [], [], []
        for step in range(num_steps + 1):
            deter = networks.advance(state, action, context) if step else state.deter
            log_posterior = networks.log_posterior(deter, seen[step])
            state = State(deter, draw(log_posterior, self._generator))
            deters.append(deter)
            latents.append(state.stoch)
            log_posteriors.append(log_posterior)
            action = batch.action[min(step, num_steps - 1)]
        states = State(torch.stack(deters), torch.stack(latents))
        posterior, prior = torch.stack(log_posteriors), networks.log_prior(states.deter)
        features = states.features
        shown = networks.decoder(features, context)
        error = self._obs_masks[batch.task] * (shown - two_hot.symlog(batch.obs)).square()
        reward = two_hot.cross_entropy(networks.reward(features[1:], context), batch.reward)
        dynamics = divergence(posterior.detach(), prior).clamp(min=config.free_nats)
        representation = divergence(posterior, prior.detach()).clamp(min=config.free_nats)
        present = torch.ones_like(seen[..., 0])
        if batch.present is not None:
            present[1:] = batch.present
        losses = {
            "observation": masked_mean(error.sum(-1), present),
            "reward": masked_mean(reward, present[1:]),
            "dynamics": masked_mean(dynamics, present),
            "representation": masked_mean(representation, present),
        }
        loss = losses["observation"] + losses["reward"]
        loss = loss + config.dynamics_coef * losses["dynamics"]
        loss = loss + config.representation_coef * losses["representation"]
        losses["model_grad_norm"] = self._step("model", loss, config.model_max_grad_norm)
        return losses, states, present

    def _step_behaviour(self, start: State, number: Tensor) -> dict[str, Tensor]:
        """Train policy and critic on imagined steps from states `(N, F)` of tasks `(N,)`."""
        config, networks = self._config, self.networks
        context, mask = self._context[number], self._masks[number]
        with torch.no_grad():
            features, actions = self._imagine(start, context, mask)
        logits = networks.critic(features, context)
        with torch.no_grad():
            reward = two_hot.decode(networks.reward(features[1:], context))
            value = two_hot.decode(logits)
            returns = lambda_returns(reward, value, self._discounts[number], config.trace)
            low, high = torch.quantile(returns, torch.tensor([0.05, 0.95], device=self._device))
            self._spread = self._spread + config.spread_rate * (high - low - self._spread)
            gain = (returns - value[:-1]) / self._spread.clamp(min=1)
            steps = torch.arange(config.horizon, device=self._device)[:, None]
            weight = self._discounts[number] ** steps
            average = two_hot.decode(self._average_critic(features[:-1], context))
        mean, std = networks.act(features[:-1], context)
        log_likelihood = (mask * gaussian_log_likelihood(actions, mean, std)).sum(-1)
        entropy = (mask * (std.log() + _HALF_LOG_TWO_PI_E)).sum(-1)
        policy_loss = -(weight * (gain * log_likelihood + config.entropy_coef * entropy)).mean()
        limit = config.behaviour_max_grad_norm
        policy_grad_norm = self._step("policy", policy_loss, limit)
        critic_loss = two_hot.cross_entropy(logits[:-1], returns)
        regularizer = two_hot.cross_entropy(logits[:-1], average)
        critic_loss = (weight * (critic_loss + config.regularizer_coef * regularizer)).mean()
        self._step("critic", critic_loss, limit)
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self._average_critic.parameters()),
                list(networks.critic.parameters()),
                config.critic_rate,
            )
        return {
            "policy_loss": policy_loss.detach(),
            "policy_grad_norm": policy_grad_norm,
            "critic_loss": critic_loss.detach(),
            "entropy": entropy.mean().detach(),
            "imagined_reward": reward.mean(),
            "value": value.mean(),
            "spread": self._spread,
        }

    def _imagine(self, state: State, context: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return features `(H + 1, N, F)` and the policy's actions `(H, N, A)`."""
        features, actions = [state.features], []
        for _ in range(self._config.horizon):
            mean, std = self.networks.act(features[-1], context)
            noise = torch.randn(mean.shape, generator=self._generator, device=self._device)
            actions.append((mean + std * noise) * mask)
            played = actions[-1].clamp(-1, 1)
            deter = self.networks.advance(state, played, context)
            state = State(deter, draw(self.networks.log_prior(deter), self._generator))
            features.append(state.features)
        return torch.stack(features), torch.stack(actions)

    def _step(self, name: str, loss: Tensor, max_grad_norm: float) -> Tensor:
        """Take a step of one optimiser's parameters; return the norm of their gradient."""
        optimizer = self._optimizers[name]
        parameters = optimizer.param_groups[0]["params"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        norm = nn.utils.clip_grad_norm_(parameters, max_grad_norm)
        optimizer.step()
        return norm

    def snapshot(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return everything that learning goes on from; slots begin an episode then."""
        tensors = {
            "spread": self._spread,
            "generator": self._generator.get_state(),
            **prefixed("networks", self.networks.state_dict()),
            **prefixed("average_critic", self._average_critic.state_dict()),
        }
        for name, optimizer in self._optimizers.items():
            tensors |= prefixed(name, optimizer_tensors(optimizer))
        return tensors, {"rng": self._rng.bit_generator.state}

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Go on from what `snapshot` returned."""
        self._spread = tensors["spread"]
        self._generator.set_state(tensors["generator"].cpu())
        self.networks.load_state_dict(part("networks", tensors))
        self._average_critic.load_state_dict(part("average_critic", tensors))
        for name, optimizer in self._optimizers.items():
            restore_moments(optimizer, part(name, tensors))
        self._rng.bit_generator.state = numbers["rng"]

    def save(self, folder: Path) -> None:
        """Write a checkpoint that `mmbench evaluate --agent dreamer` plays."""
        run = self._run
        trained = Trained(agent=NAME, tasks=run.tasks, encoder=run.encoder, config=self._config)
        save_checkpoint(folder, trained, self.networks)

    def player(self, tasks: Sequence[str]) -> Agent:
        """Return an agent that plays with the weights of now."""
        return DreamerAgent(self.networks, tasks, self._run.encoder, self._device)


class DreamerAgent:
    """Plays slots, each with a memory of its episode.

    Args:
        networks: What was learned.
        tasks: One task id per slot.
        encoder: Of their embeddings.
        device: Where to compute.
        generator: Of the noise of exploration; without one, the likeliest latents and the mean
            action are taken.
    """

    def __init__(
        self,
        networks: Networks,
        tasks: Sequence[str],
        encoder: EncoderName,
        device: torch.device,
        generator: torch.Generator | None = None,
    ) -> None:
        self._networks = networks.to(device)
        self._context = embeddings(tasks, encoder).to(device)
        self._mask = action_masks(tasks).to(device)
        self._generator = generator
        self._state = networks.start(len(tasks))
        self._action = torch.zeros_like(self._mask)

    @torch.no_grad()
    def act(self, obs: FloatArray, *, first: NDArray[np.bool_]) -> FloatArray:
        """Return actions, shape `(E, A)`."""
        networks, device = self._networks, self._mask.device
        begins = torch.from_numpy(np.asarray(first)).to(device)[:, None]
        deter = networks.advance(self._state, self._action, self._context)
        deter = torch.where(begins, 0.0, deter)
        seen = networks.encode(torch.from_numpy(obs).to(device), self._context)
        log_posterior = networks.log_posterior(deter, seen)
        generator = self._generator
        stoch = draw(log_posterior, generator) if generator else most_likely(log_posterior)
        self._state = State(deter, stoch)
        action, std = networks.act(self._state.features, self._context)
        if generator:
            action = action + std * torch.randn(std.shape, generator=generator, device=device)
        self._action = action.clamp(-1, 1) * self._mask
        found: FloatArray = self._action.cpu().numpy()
        return found


def gaussian_log_likelihood(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return the log-likelihood of every entry of `x`."""
    return -0.5 * ((x - mean) / std).square() - std.log() - 0.5 * float(np.log(2 * np.pi))


def masked_mean(x: Tensor, present: Tensor) -> Tensor:
    """Return the mean of `x` where `present` is 1."""
    return (x * present).sum() / present.sum()


class _MLP(nn.Sequential):
    """Affine layers with layer norm and SiLU behind them, and an affine one to `out_dim`.

    That one starts at 0 if `is_zero`. The first layer sees a context behind its input, if there is
    one. The context, `(N, E)`, may be shared by all time steps of the input, `(T, N, D)`: its share
    of the product is then taken once.
    """

    def __init__(
        self,
        in_dim: int,
        width: int,
        out_dim: int | None = None,
        *,
        num_layers: int = 2,
        is_zero: bool = False,
    ) -> None:
        layers: list[nn.Module] = []
        for _ in range(num_layers):
            layers += [nn.Linear(in_dim, width, bias=False), nn.LayerNorm(width), nn.SiLU()]
            in_dim = width
        if out_dim is not None:
            last = nn.Linear(width, out_dim)
            if is_zero:
                nn.init.zeros_(last.weight)
                nn.init.zeros_(last.bias)
            layers.append(last)
        super().__init__(*layers)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        first, *others = self.children()
        weight, dim = cast(nn.Linear, first).weight, x.shape[-1]
        x = functional.linear(x, weight[:, :dim])
        if context is not None:
            x = x + functional.linear(context, weight[:, dim:])
        for layer in others:
            x = layer(x)
        return x


def train(
    run: RunConfig, config: DreamerConfig, out: Path, on_progress: OnProgress = ignore_progress
) -> None:
    """Train, or go on with the run that is in the folder."""
    choose_tasks(run.tasks)
    OnlineRun(run, config, Dreamer(run, config), out, on_progress).run()


def make(tasks: Sequence[str], *, checkpoint: str | None, device: str, seed: int) -> Agent:
    """Build the agent from a checkpoint folder; it draws nothing, so the seed is not used."""
    place = checked_device(device)
    trained, networks = load_checkpoint(checkpoint, NAME, tasks, DreamerConfig, Networks)
    return DreamerAgent(networks, tasks, trained.encoder, place)


@dataclass(frozen=True, kw_only=True)
class TrainDreamer:
    """Train DreamerV3; the same command continues a run where it was stopped.

    The folder gets checkpoints (`latest`, `final`), evaluations, and losses in `metrics.csv`.
    """

    out: Path
    """Folder of the run; it is made or continued."""
    suite: str | None = None
    """Suite to train on, instead of tasks."""
    run_config: tyro.conf.OmitArgPrefixes[RunConfig] = field(
        default_factory=lambda: RunConfig(tasks=())
    )
    algorithm: tyro.conf.OmitArgPrefixes[DreamerConfig] = field(default_factory=DreamerConfig)

    def run(self) -> int:
        """Train under a progress bar."""
        config = with_suite(self.run_config, self.suite)
        with show_progress() as on_progress:
            train(config, self.algorithm, self.out, on_progress)
        print(f"{self.out / 'final'}")
        return 0
