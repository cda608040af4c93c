"""PPO on many tasks at once, conditioned on language.

Playing, normalising and the estimate of advantages are here; stable-baselines3 shuffles what was
played and takes the gradient steps of the clipped objective.

Letters in shapes: `T` env steps of a rollout, `E` environments, `K` tasks, `O` and `A` entries of
a padded observation and action.

Source:
    arXiv:1707.06347, with the settings of CleanRL's PPO for continuous actions. What differs is in
    docs/baselines.md.
"""

import contextlib
import dataclasses
import io
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import gymnasium
import numpy as np
import pydantic
import torch
import tyro
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mmbench import MAX_ACTION_DIM, MAX_OBS_DIM, Agent, FloatArray, MMBenchError, make_vec, task
from mmbench.checks import at_least, between
from mmbench.cli.output import show_progress
from mmbench.errors import CheckpointError, UsageError
from mmbench.files import locked, replacing
from mmbench.language import EncoderName, embedding_dim
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import choose_tasks
from mmbench.training.checkpoint import DESCRIPTION, WEIGHTS, read_description
from mmbench.training.devices import checked_device
from mmbench.training.evaluation import evaluate_run
from mmbench.training.log import RunLog
from mmbench.training.normalise import ObsNormaliser, RewardNormaliser
from mmbench.training.run import (
    SNAPSHOT,
    count_of,
    open_run,
    optimizer_tensors,
    part,
    prefixed,
    restore_moments,
    restoring,
    save_snapshot,
    with_suite,
)
from mmbench.training.seeds import EpisodeSeeds
from mmbench.training.tables import action_masks, discounts, embeddings

with contextlib.redirect_stderr(io.StringIO()):  # it looks for gym, which prints that it is old
    from stable_baselines3 import PPO
    from stable_baselines3.common.logger import Logger
    from stable_baselines3.common.policies import BasePolicy

_MAY_CHANGE = ("workers", "wandb")
_MIN_LOG_STD, _MAX_LOG_STD = -5.0, 2.0
_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, kw_only=True)
class PPOConfig:
    """What a run does."""

    tasks: tuple[str, ...]
    """Task ids."""
    copies: int = 1
    """Environments per task."""
    encoder: EncoderName = "minilm"
    """Text encoder; `none` trains without language."""
    width: int = 1024
    """Units of a hidden layer, of the actor and of the critic."""
    num_layers: int = 3
    """Hidden layers."""
    env_steps: int = 100_000
    """Env steps to play, over all environments."""
    rollout_steps: int = 128
    """Env steps of every environment between updates."""
    num_minibatches: int = 16
    """Gradient steps of an epoch."""
    num_epochs: int = 5
    """Times that a rollout is learned from."""
    learning_rate: float = 3e-4
    """Adam's at the start; it falls to 0 over the run."""
    gae_lambda: float = 0.95
    """Weight of longer returns in the advantages."""
    clip_range: float = 0.2
    """How far the probability of an action may move for a gain, as a ratio to 1."""
    value_coef: float = 0.5
    """Weight of half the squared error of the values."""
    entropy_coef: float = 0.001
    """Weight of the entropy."""
    max_grad_norm: float = 0.5
    """Longer gradients are clipped."""
    eval_interval: int = 10_000
    """Env steps between evaluations."""
    eval_episodes: int = 3
    """Episodes per task of an evaluation."""
    snapshot_episodes: int = 10
    """Episodes of the longest task between snapshots; at each, all environments begin anew."""
    seed: int = 0
    """Seed of networks, environments, noise and batches."""
    device: str = "cpu"
    """Where to compute, e.g. cuda."""
    workers: int = 1
    """Worker processes for environments; 0 plays in this process."""
    wandb: str | None = None
    """Project of Weights & Biases to log to as well."""

    def __post_init__(self) -> None:
        at_least(1, copies=self.copies, width=self.width, num_layers=self.num_layers)
        at_least(1, rollout_steps=self.rollout_steps, num_minibatches=self.num_minibatches)
        at_least(1, num_epochs=self.num_epochs, snapshot_episodes=self.snapshot_episodes)
        at_least(1, eval_interval=self.eval_interval, eval_episodes=self.eval_episodes)
        at_least(0, env_steps=self.env_steps, seed=self.seed, workers=self.workers)
        at_least(0, learning_rate=self.learning_rate, max_grad_norm=self.max_grad_norm)
        at_least(0, value_coef=self.value_coef, entropy_coef=self.entropy_coef)
        between(0, 1, gae_lambda=self.gae_lambda, clip_range=self.clip_range)
        for name in self.tasks:
            task(name)
        if len(set(self.tasks)) < len(self.tasks):
            raise UsageError("a task is named twice; --copies plays it several times")
        checked_device(self.device)


class Networks(nn.Module):
    """Actor and critic of all tasks.

    Args:
        tasks: Task ids.
        encoder: Text encoder.
        width: Units of a hidden layer.
        num_layers: Hidden layers.
    """

    embeddings: Tensor
    action_masks: Tensor

    def __init__(
        self, tasks: Sequence[str], encoder: EncoderName, width: int, num_layers: int
    ) -> None:
        super().__init__()
        num_inputs = MAX_OBS_DIM + embedding_dim(encoder)
        self.actor = _tower(num_inputs, width, num_layers, MAX_ACTION_DIM, gain=0.01)
        self.critic = _tower(num_inputs, width, num_layers, 1, gain=1.0)
        self.log_std = nn.Parameter(torch.zeros(len(tasks), MAX_ACTION_DIM))
        self.register_buffer("embeddings", embeddings(tasks, encoder), persistent=False)
        self.register_buffer("action_masks", action_masks(tasks), persistent=False)

    def act(self, obs: Tensor, task: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation `(B, A)` for normalised observations `(B, O)`."""
        mean: Tensor = self.actor(self._inputs(obs, task)) * self.action_masks[task]
        return mean, self.log_std[task].clamp(_MIN_LOG_STD, _MAX_LOG_STD)

    def value(self, obs: Tensor, task: Tensor) -> Tensor:
        """Return values `(B,)`, in scaled rewards."""
        found: Tensor = self.critic(self._inputs(obs, task))
        return found[:, 0]

    def _inputs(self, obs: Tensor, task: Tensor) -> Tensor:
        return torch.cat((obs, self.embeddings[task]), dim=-1)


def _tower(
    num_inputs: int, width: int, num_layers: int, num_outputs: int, *, gain: float
) -> nn.Sequential:
    """Return layers with layer norm and Mish, and a linear one whose weights have `gain`."""
    layers: list[nn.Module] = []
    for index in range(num_layers):
        linear = nn.Linear(width if index else num_inputs, width)
        nn.init.orthogonal_(linear.weight, math.sqrt(2))
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.LayerNorm(width), nn.Mish()]
    last = nn.Linear(width, num_outputs)
    nn.init.orthogonal_(last.weight, gain)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)


def log_probability(action: Tensor, mean: Tensor, log_std: Tensor, mask: Tensor) -> Tensor:
    """Return the log densities of actions `(B, A)` under Gaussians, over true entries, `(B,)`."""
    error = (action - mean) * torch.exp(-log_std)
    return (mask * (-0.5 * error.square() - log_std - _HALF_LOG_TAU)).sum(-1)


def entropy(log_std: Tensor, mask: Tensor) -> Tensor:
    """Return the entropies of Gaussians `(B, A)`, over true entries, `(B,)`."""
    return (mask * (log_std + 0.5 + _HALF_LOG_TAU)).sum(-1)


def generalised_advantages(
    rewards: FloatArray,
    values: FloatArray,
    ends: NDArray[np.bool_],
    last_values: FloatArray,
    discount: FloatArray,
    gae_lambda: float,
) -> FloatArray:
    """Return advantages, shape `(T, E)`.

    Args:
        rewards: Shape `(T, E)`; where an episode ends, with the discounted value of its last
            observation, for every end is a truncation.
        values: Of the observations acted on, shape `(T, E)`.
        ends: Whether the episode ended with this step, shape `(T, E)`.
        last_values: Of the observations after the rollout, shape `(E,)`.
        discount: Of the environments, shape `(E,)`.
        gae_lambda: Weight of longer returns.

    Source:
        arXiv:1506.02438, eq. 16.
    """
    advantages = np.zeros_like(rewards)
    later, next_values = np.zeros_like(last_values), last_values
    for step in reversed(range(len(rewards))):
        factor = discount * ~ends[step]
        error = rewards[step] + factor * next_values - values[step]
        later = error + factor * gae_lambda * later
        advantages[step], next_values = later, values[step]
    return advantages


class _Policy(BasePolicy):
    """The networks as stable-baselines3 calls them; an observation ends with its task's number."""

    def __init__(
        self,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        lr_schedule: Any,
        *,
        use_sde: bool,
        networks: Networks,
    ) -> None:
        super().__init__(observation_space, action_space)
        self.networks = networks
        self.optimizer = torch.optim.Adam(networks.parameters(), lr=lr_schedule(1), eps=1e-5)

    def evaluate_actions(self, obs: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return values, log probabilities and entropies, each of shape `(B,)`."""
        obs, task = obs[:, :-1], obs[:, -1].long()
        mean, log_std = self.networks.act(obs, task)
        mask = self.networks.action_masks[task]
        return (
            self.networks.value(obs, task),
            log_probability(actions, mean, log_std, mask),
            entropy(log_std, mask),
        )

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        return self.networks.act(observation[:, :-1], observation[:, -1].long())[0]


class _PPO(PPO):
    """The update of stable-baselines3, on rollouts that somebody else plays.

    Args:
        config: The run's.
        networks: What is trained.
        num_slots: Environments.
        learning_rate: Asked for before every update.
    """

    def __init__(
        self, config: PPOConfig, networks: Networks, num_slots: int, learning_rate: Any
    ) -> None:
        super().__init__(
            _Policy,  # type: ignore[arg-type]  # an update asks for evaluate_actions alone
            None,  # type: ignore[arg-type]
            learning_rate=learning_rate,
            n_steps=config.rollout_steps,
            batch_size=_batch_size(config, num_slots),
            n_epochs=config.num_epochs,
            clip_range=config.clip_range,
            ent_coef=config.entropy_coef,
            vf_coef=config.value_coef / 2,  # its error is not halved
            max_grad_norm=config.max_grad_norm,
            policy_kwargs={"networks": networks},
            device=config.device,
            _init_setup_model=False,
        )
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (MAX_OBS_DIM + 1,))
        self.action_space = gymnasium.spaces.Box(-1, 1, (MAX_ACTION_DIM,))
        self.n_envs = num_slots
        self._setup_model()
        self.set_logger(Logger(None, []))


def _batch_size(config: PPOConfig, num_slots: int) -> int:
    """Return the rows of a minibatch; the last one may have fewer."""
    return -(-config.rollout_steps * num_slots // config.num_minibatches)


class Trainer:
    """A run in a folder; a run that is there goes on from its last snapshot, bit for bit.

    Args:
        config: What to do.
        out: The run's folder.
        on_progress: Called now and then.
    """

    def __init__(
        self, config: PPOConfig, out: Path | str, on_progress: OnProgress = ignore_progress
    ) -> None:
        choose_tasks(config.tasks)
        self.config = config
        self.out = Path(out)
        self._on_progress = on_progress
        self.env_steps = self.updates = self._last_snapshot = 0
        self._device = torch.device(config.device)
        num_tasks = len(config.tasks)
        self._num_slots = num_tasks * config.copies
        slot_task = torch.arange(num_tasks).repeat_interleave(config.copies)
        self._slot_task = slot_task.to(self._device)
        discount = discounts(config.tasks)
        self._discount = discount[slot_task].numpy()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.networks = Networks(config.tasks, config.encoder, config.width, config.num_layers)
        self.networks.to(self._device)
        self._ppo = _PPO(config, self.networks, self._num_slots, self._learning_rate)
        self._obs_scale = ObsNormaliser(num_tasks, MAX_OBS_DIM, self._device)
        self._reward_scale = RewardNormaliser(slot_task, discount)
        self._generator = torch.Generator(self._device).manual_seed(config.seed + 1)
        longest = max(task(name).max_episode_steps for name in config.tasks)
        self._snapshot_interval = config.snapshot_episodes * longest * self._num_slots
        self._seeds = EpisodeSeeds(config.tasks, config.copies, config.seed)
        self._note = ""

    def run(self) -> None:
        """Train to the end; `final` in the run's folder is the checkpoint.

        Raises:
            RunError: If the folder holds another run, or another process is at work in it.
        """
        described = dataclasses.asdict(self.config)
        with locked(self.out):
            if open_run(self.out, described, may_change=_MAY_CHANGE):
                self._load_snapshot()
            log = RunLog(
                self.out,
                described,
                env_steps=self.env_steps,
                updates=self.updates,
                wandb=self.config.wandb,
            )
            if self.env_steps < self.config.env_steps:
                self._train(log)
            self.save(self.out / "final")
            log.close()

    def save(self, folder: Path) -> None:
        """Write a checkpoint that `mmbench evaluate --agent ppo` plays."""
        folder.mkdir(parents=True, exist_ok=True)
        config = self.config
        described = _Description(
            tasks=config.tasks,
            encoder=config.encoder,
            width=config.width,
            num_layers=config.num_layers,
        )
        tensors = prefixed("networks", self.networks.state_dict())
        tensors |= prefixed("obs", self._obs_scale.state())
        with replacing(folder / WEIGHTS) as weights, replacing(folder / DESCRIPTION) as description:
            save_file({k: tensor.cpu().contiguous() for k, tensor in tensors.items()}, weights)
            description.write_text(described.model_dump_json(indent=2))

    # Acting and learning ---------------------------------------------------------------------

    def _train(self, log: RunLog) -> None:
        config = self.config
        envs = make_vec(config.tasks, copies=config.copies, num_workers=config.workers)
        try:
            self._begin(envs)
            while self.env_steps < config.env_steps:
                before = self.env_steps
                metrics = self._play(envs)
                metrics |= self._learn()
                log.losses("training", self.env_steps, self.updates, metrics)
                is_over = self.env_steps >= config.env_steps
                interval = config.eval_interval
                if is_over or self.env_steps // interval > before // interval:
                    self._evaluate(log)
                if is_over or self.env_steps - self._last_snapshot >= self._snapshot_interval:
                    self._save_snapshot()
                    # Environments that begin are functions of their seeds, so the rest is as well.
                    self._begin(envs)
                self._on_progress(
                    Progress("training", self.env_steps, config.env_steps, self._note)
                )
        finally:
            envs.close()

    def _begin(self, envs: Any) -> None:
        """Begin an episode in every environment."""
        self._obs = self._seeds.begin(envs)
        self._first = np.ones(self._num_slots, bool)

    @torch.no_grad()
    def _play(self, envs: Any) -> dict[str, float]:
        """Fill the rollout buffer; return what is worth logging."""
        config, networks, device = self.config, self.networks, self._device
        buffer = self._ppo.rollout_buffer
        buffer.reset()
        mask = networks.action_masks[self._slot_task]
        number = self._slot_task[:, None].float()
        ends, scores, started = [], [], time.monotonic()
        for _ in range(config.rollout_steps):
            seen = torch.from_numpy(self._obs).to(device)
            self._obs_scale.update(seen, self._slot_task)
            obs = self._obs_scale(seen, self._slot_task)
            mean, log_std = networks.act(obs, self._slot_task)
            noise = torch.randn(mean.shape, generator=self._generator, device=device)
            action = mean + mask * torch.exp(log_std) * noise
            next_obs, raw, _, truncated, info = envs.step(action.clamp(-1, 1).cpu().numpy())
            reward = torch.from_numpy(raw)
            self._reward_scale.update(reward, torch.from_numpy(self._first))
            scaled = self._reward_scale(reward, self._slot_task.cpu()).numpy()
            if truncated.any():
                # Where a worker died there is no last observation: nothing has happened there.
                is_lost = info["final_info"]["worker_restarted"]
                last = np.where(is_lost[:, None], self._obs, info["final_obs"])
                scaled = scaled + self._discount * truncated * self._value(last)
                scores += info["final_info"]["score"][truncated & ~is_lost].tolist()
                self._seeds.queue(envs, np.flatnonzero(truncated).tolist())
            buffer.add(
                torch.cat((obs, number), dim=-1).cpu().numpy(),
                action.cpu().numpy(),
                scaled,
                self._first,
                networks.value(obs, self._slot_task),
                log_probability(action, mean, log_std, mask),
            )
            ends.append(truncated)
            self._obs, self._first = next_obs, truncated
            self.env_steps += self._num_slots
        buffer.advantages = generalised_advantages(
            buffer.rewards,
            buffer.values,
            np.array(ends),
            self._value(self._obs),
            self._discount,
            config.gae_lambda,
        )
        buffer.returns = buffer.advantages + buffer.values
        by_task = buffer.advantages.reshape(config.rollout_steps, -1, config.copies)
        spread = by_task.std(axis=(0, 2), keepdims=True) + 1e-8
        by_task[:] = (by_task - by_task.mean(axis=(0, 2), keepdims=True)) / spread
        speed = config.rollout_steps * self._num_slots / (time.monotonic() - started)
        return {"env_steps_per_s": speed} | ({"score": float(np.mean(scores))} if scores else {})

    def _learn(self) -> dict[str, float]:
        """Take the gradient steps of a rollout; return what is worth logging."""
        started = time.monotonic()
        with _numpy_seeded((self.config.seed, self.env_steps)):
            self._ppo.train()
        num_updates = self._updates_per_rollout
        self.updates += num_updates
        found = {
            name.removeprefix("train/"): v for name, v in self._ppo.logger.name_to_value.items()
        }
        names = "policy_gradient_loss", "value_loss", "entropy_loss", "approx_kl", "clip_fraction"
        metrics = {name: float(found[name]) for name in (*names, "loss", "explained_variance")}
        if not math.isfinite(metrics["loss"]):
            raise MMBenchError(
                f"training diverged after {self.updates} updates: a loss is not finite; "
                f"the last snapshot is in {self.out / SNAPSHOT}"
            )
        return metrics | {"updates_per_s": num_updates / (time.monotonic() - started)}

    def _value(self, obs: FloatArray) -> FloatArray:
        """Return the values of observations `(E, O)` as they come, shape `(E,)`."""
        scaled = self._obs_scale(torch.from_numpy(obs).to(self._device), self._slot_task)
        return self.networks.value(scaled, self._slot_task).cpu().numpy()

    @property
    def _updates_per_rollout(self) -> int:
        config = self.config
        num_rows = config.rollout_steps * self._num_slots
        return config.num_epochs * -(-num_rows // _batch_size(config, self._num_slots))

    def _learning_rate(self, _: float) -> float:
        config = self.config
        num_rollouts = -(-config.env_steps // (config.rollout_steps * self._num_slots))
        num_updates = num_rollouts * self._updates_per_rollout
        return config.learning_rate * (1 - self.updates / max(1, num_updates))

    # Evaluations and snapshots ---------------------------------------------------------------

    def _evaluate(self, log: RunLog) -> None:
        config = self.config

        def player(tasks: Sequence[str], **_: Any) -> Agent:
            return PPOAgent(self.networks, self._obs_scale, config.tasks, tasks)

        score = evaluate_run(
            player,
            log,
            tasks=config.tasks,
            out=self.out,
            env_steps=self.env_steps,
            episodes=config.eval_episodes,
            seed=config.seed,
            workers=config.workers,
        )
        self.save(self.out / "latest")
        self._note = f"score {score:.3f}"

    def _save_snapshot(self) -> None:
        """Write everything that the rest of the run depends on."""
        tensors = {
            "generator": self._generator.get_state(),
            **prefixed("networks", self.networks.state_dict()),
            **prefixed("optimizer", optimizer_tensors(self._ppo.policy.optimizer)),
            **prefixed("obs", self._obs_scale.state()),
            **prefixed("rewards", self._reward_scale.state()),
        }
        numbers = {
            "env_steps": self.env_steps,
            "updates": self.updates,
            "episodes_begun": self._seeds.num_given.tolist(),
        }
        save_snapshot(self.out, tensors, numbers)
        self._last_snapshot = self.env_steps

    def _load_snapshot(self) -> None:
        with restoring(self.out, self.config.device) as (tensors, numbers):
            self.networks.load_state_dict(part("networks", tensors))
            restore_moments(self._ppo.policy.optimizer, part("optimizer", tensors))
            self._obs_scale.restore(part("obs", tensors))
            self._reward_scale.restore(part("rewards", tensors))
            self._generator.set_state(tensors["generator"].cpu())
            self.env_steps = self._last_snapshot = count_of(numbers, "env_steps")
            self.updates = count_of(numbers, "updates")
            self._seeds.num_given = np.array(numbers["episodes_begun"], np.int64)


@contextlib.contextmanager
def _numpy_seeded(seed: tuple[int, ...]) -> Iterator[None]:
    """Seed NumPy's own generator for a while: it is what stable-baselines3 shuffles with."""
    before = np.random.get_state()
    np.random.seed(np.random.SeedSequence(seed).generate_state(4))
    try:
        yield
    finally:
        np.random.set_state(before)


class _Description(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    format_version: Literal[1] = 1
    agent: Literal["ppo"] = "ppo"
    tasks: tuple[str, ...] = pydantic.Field(min_length=1)
    encoder: EncoderName
    width: int = pydantic.Field(ge=1, le=2**16)
    num_layers: int = pydantic.Field(ge=1, le=2**6)


class PPOAgent:
    """Plays the actor's mean.

    Args:
        networks: Trained.
        obs_scale: Of the observations of the tasks it was trained on.
        known: Those tasks.
        tasks: One task id per slot.

    Raises:
        CheckpointError: If one of `tasks` is not among `known`.
    """

    def __init__(
        self,
        networks: Networks,
        obs_scale: ObsNormaliser,
        known: Sequence[str],
        tasks: Sequence[str],
    ) -> None:
        if unknown := sorted(set(tasks) - set(known)):
            raise CheckpointError(
                f"the checkpoint was trained on {len(known)} tasks; {unknown[0]} is none of them"
            )
        self._networks = networks
        self._obs_scale = obs_scale
        row = {name: index for index, name in enumerate(known)}
        self._task = torch.tensor([row[name] for name in tasks], device=networks.log_std.device)

    @torch.no_grad()
    def act(self, obs: Any, *, first: NDArray[np.bool_]) -> FloatArray:
        """Return actions, shape `(num_slots, MAX_ACTION_DIM)`."""
        seen = torch.from_numpy(np.asarray(obs, np.float32)).to(self._task.device)
        mean, _ = self._networks.act(self._obs_scale(seen, self._task), self._task)
        return mean.clamp(-1, 1).cpu().numpy()


def make(tasks: Sequence[str], *, checkpoint: str | None, device: str, seed: int) -> Agent:
    """Build the agent from a checkpoint folder; its actions do not depend on `seed`.

    Raises:
        CheckpointError: If there is none, it is damaged, or was trained on other tasks.
    """
    if checkpoint is None:
        raise CheckpointError("agent 'ppo' plays a checkpoint; give one with --checkpoint")
    checked_device(device)
    folder = Path(checkpoint)
    try:
        described = _Description.model_validate_json(read_description(folder))
        tensors = load_file(folder / WEIGHTS, device=device)
        networks = Networks(
            described.tasks, described.encoder, described.width, described.num_layers
        ).to(device)
        networks.load_state_dict(part("networks", tensors))
        obs_scale = ObsNormaliser(len(described.tasks), MAX_OBS_DIM, device)
        obs_scale.restore(part("obs", tensors))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{folder} is no checkpoint of 'ppo': {reason}") from error
    return PPOAgent(networks, obs_scale, described.tasks, tasks)


@dataclass(frozen=True, kw_only=True)
class TrainPPO:
    """Train PPO; the same command continues a run where it was stopped."""

    out: Path
    """Folder of the run; it is made or continued."""
    suite: str | None = None
    """Suite to train on, instead of tasks."""
    run_config: tyro.conf.OmitArgPrefixes[PPOConfig] = field(
        default_factory=lambda: PPOConfig(tasks=())
    )

    def run(self) -> int:
        """Train under a progress bar."""
        config = with_suite(self.run_config, self.suite)
        with show_progress() as on_progress:
            Trainer(config, self.out, on_progress).run()
        print(self.out / "final")
        return 0
