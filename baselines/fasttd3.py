"""FastTD3: off-policy learning from many environments at once, of all tasks together or of each.

One actor and two distributional critics are shared by all tasks and conditioned on language, or
(`networks="per-task"`) every task has an actor and critics of its own, trained side by side in
batched products: the way to an expert per task that is a function of the observation.

Letters in shapes: `K` tasks, `E` environments, `B` rows per task, `G` groups of networks (1 or
`K`), `O` and `A` entries of a padded observation and action, `N` atoms.

Source:
    arXiv:2505.22642. What differs is in docs/baselines.md.
"""

import copy
import dataclasses
import itertools
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydantic
import torch
import tyro
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from mmbench import (
    MAX_ACTION_DIM,
    MAX_OBS_DIM,
    Agent,
    FloatArray,
    MMBenchError,
    MultitaskVectorEnv,
    make_vec,
    task,
)
from mmbench.checks import at_least, between
from mmbench.cli.output import show_progress
from mmbench.demos import load
from mmbench.errors import CheckpointError, UsageError
from mmbench.files import locked, replacing
from mmbench.language import EncoderName, embedding_dim
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import choose_tasks
from mmbench.training.checkpoint import DESCRIPTION, WEIGHTS, check_tensors, read_description
from mmbench.training.demonstrations import SHIPPED
from mmbench.training.devices import checked_device
from mmbench.training.evaluation import evaluate_run
from mmbench.training.log import RunLog
from mmbench.training.normalise import (
    RETURN_LIMIT,
    ObsNormaliser,
    RewardNormaliser,
    running_returns,
)
from mmbench.training.ring import Ring, Transitions
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

LOG_INTERVAL = 100
"""Vector steps between two lines of the log."""
_MAY_CHANGE = ("env_steps", "workers", "wandb")
_NUM_CRITICS = 2
_SMOOTHING_CLIP = 0.5
"""Bound of the noise on target actions."""


@dataclass(frozen=True, kw_only=True)
class FastTD3Config:
    """What a run does. Defaults are the published ones, or our choice where there is none."""

    __pydantic_config__ = pydantic.ConfigDict(extra="forbid")

    tasks: tuple[str, ...]
    """Task ids."""
    copies: int = 1
    """Environments per task."""
    networks: Literal["shared", "per-task"] = "shared"
    """One actor and two critics for all tasks, or for each."""
    encoder: EncoderName = "minilm"
    """Text encoder of shared networks; `none` trains without language."""
    actor_widths: tuple[int, ...] = (512, 256, 128)
    """Hidden layers of the actor."""
    critic_widths: tuple[int, ...] = (1024, 512, 256)
    """Hidden layers of a critic."""
    layer_norm: bool = False
    """Whether hidden layers are normalised; steadier with demonstrations and many updates."""
    env_steps: int = 1_000_000
    """Env steps to play, over all environments."""
    start_steps: int = 1000
    """Env steps of each environment before learning begins."""
    updates_per_vector_step: int = 2
    """Updates of the critics per step of all environments."""
    policy_delay: int = 2
    """Updates of the critics per update of the actor."""
    batch_size: int = 163
    """Rows per task and update."""
    n_step: int = 8
    """Rewards summed before the critics' own estimate takes over."""
    replay_capacity: int = 50_000
    """Rows per environment."""
    demos: str | None = None
    """`shipped`, or a directory of demonstrations that are learned from as well."""
    demo_share: float = 0.5
    """Share of demonstrations in a batch."""
    imitation_coef: float = 0.0
    """Weight of the squared distance to demonstrated actions in the actor's loss, at first."""
    imitation_end: float = 0.5
    """Share of the run over which that weight falls to 0."""
    learning_rate: float = 3e-4
    """AdamW's, from the first update to the last."""
    weight_decay: float = 0.1
    """AdamW's."""
    target_rate: float = 0.1
    """Share of the way that the target critics go in an update."""
    num_atoms: int = 101
    """Of the distribution of returns."""
    min_noise: float = 0.05
    """Smallest standard deviation of exploration; each environment draws its own per episode."""
    max_noise: float = 0.4
    """Largest standard deviation of exploration."""
    target_noise: float = 0.1
    """Standard deviation of the noise on target actions."""
    keep_best: bool = False
    """Play the first copy of every task without noise, and keep the task's best actor; only with
    `networks="per-task"`."""
    eval_interval: int = 100_000
    """Env steps between evaluations."""
    eval_episodes: int = 2
    """Episodes per task of an evaluation; 0 evaluates never."""
    seed: int = 0
    """Seed of networks, environments, noise and batches."""
    device: str = "cpu"
    """Where to compute, e.g. cuda."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the products of an update."""
    workers: int = 1
    """Worker processes for environments; 0 plays in this process."""
    wandb: str | None = None
    """Project of Weights & Biases to log to as well."""

    def __post_init__(self) -> None:
        at_least(1, copies=self.copies, batch_size=self.batch_size, n_step=self.n_step)
        at_least(1, policy_delay=self.policy_delay, eval_interval=self.eval_interval)
        at_least(2, replay_capacity=self.replay_capacity, num_atoms=self.num_atoms)
        at_least(0, env_steps=self.env_steps, start_steps=self.start_steps, seed=self.seed)
        at_least(0, updates_per_vector_step=self.updates_per_vector_step, workers=self.workers)
        at_least(0, learning_rate=self.learning_rate, weight_decay=self.weight_decay)
        at_least(0, min_noise=self.min_noise, target_noise=self.target_noise)
        at_least(self.min_noise, max_noise=self.max_noise)
        at_least(0, imitation_coef=self.imitation_coef, eval_episodes=self.eval_episodes)
        between(0, 1, demo_share=self.demo_share, target_rate=self.target_rate)
        between(0, 1, imitation_end=self.imitation_end)
        for width in self.actor_widths:
            at_least(1, actor_widths=width)
        for width in self.critic_widths:
            at_least(1, critic_widths=width)
        if self.keep_best and self.networks == "shared":
            raise UsageError("keep_best needs an actor per task; give --networks per-task")
        for name in self.tasks:
            task(name)
        if len(set(self.tasks)) < len(self.tasks):
            raise UsageError("a task is named twice; --copies plays it several times")

    @property
    def num_groups(self) -> int:
        """Actors, and pairs of critics."""
        return 1 if self.networks == "shared" else len(self.tasks)

    @property
    def language(self) -> EncoderName:
        """Where the embeddings of the tasks come from; networks of one task need none."""
        return self.encoder if self.networks == "shared" else "none"


class GroupedMLP(nn.Module):
    """Perceptrons side by side: `members` for each of `G` groups, one batched product per layer.

    Args:
        members: Networks that see the same rows.
        groups: `G`.
        sizes: Entries of the input, of the hidden layers and of the output.
        has_norm: Whether hidden layers are normalised.
    """

    def __init__(
        self, members: int, groups: int, sizes: Sequence[int], *, has_norm: bool = False
    ) -> None:
        super().__init__()
        self._groups, self._has_norm = groups, has_norm
        self.matrices, self.biases = nn.ParameterList(), nn.ParameterList()
        for num_in, num_out in itertools.pairwise(sizes):
            bound = 1 / math.sqrt(num_in)  # torch's own initialisation of an affine layer
            matrix = torch.empty(members, groups, num_in, num_out).uniform_(-bound, bound)
            bias = torch.empty(members, groups, 1, num_out).uniform_(-bound, bound)
            self.matrices.append(nn.Parameter(matrix))
            self.biases.append(nn.Parameter(bias))

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows `(K, B, I)` to `(members, K, B, J)`; one group takes the rows of all tasks."""
        x = rows.reshape(1, self._groups, -1, rows.shape[-1])
        last = len(self.matrices) - 1
        for index, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            x = x @ matrix + bias
            if index < last:
                if self._has_norm:
                    x = functional.layer_norm(x, x.shape[-1:])
                x = functional.relu(x)
        return x.reshape(len(x), *rows.shape[:-1], -1)


def _actor_layers(config: FastTD3Config, groups: int) -> GroupedMLP:
    num_inputs = MAX_OBS_DIM + embedding_dim(config.language)
    sizes = num_inputs, *config.actor_widths, MAX_ACTION_DIM
    layers = GroupedMLP(1, groups, sizes, has_norm=config.layer_norm)
    nn.init.normal_(layers.matrices[-1], std=0.01)
    nn.init.zeros_(layers.biases[-1])
    return layers


def _critic_layers(config: FastTD3Config) -> GroupedMLP:
    num_inputs = MAX_OBS_DIM + embedding_dim(config.language) + MAX_ACTION_DIM
    sizes = num_inputs, *config.critic_widths, config.num_atoms
    return GroupedMLP(_NUM_CRITICS, config.num_groups, sizes, has_norm=config.layer_norm)


class Actor(nn.Module):
    """Plays tasks.

    Args:
        layers: Of one group, or of one per task.
        tasks: Task ids.
        language: Where their embeddings come from.
    """

    embeddings: Tensor
    action_masks: Tensor

    def __init__(self, layers: GroupedMLP, tasks: Sequence[str], language: EncoderName) -> None:
        super().__init__()
        self.layers = layers
        self.register_buffer("embeddings", embeddings(tasks, language))
        self.register_buffer("action_masks", action_masks(tasks))

    def inputs(self, obs: Tensor) -> Tensor:
        """Return normalised observations `(K, B, O)` beside the tasks' embeddings."""
        beside = self.embeddings[:, None].expand(-1, obs.shape[1], -1)
        return torch.cat((obs, beside), dim=-1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return actions `(K, B, A)`; 0 where padded."""
        raw: Tensor = self.layers(inputs)[0]
        return torch.tanh(raw.float()) * self.action_masks[:, None]


def projected(probs: Tensor, total: Tensor, factor: Tensor, atoms: Tensor) -> Tensor:
    """Return the distribution of `total + factor * atoms` on the atoms, by linear splitting.

    Args:
        probs: Of the atoms, shape `(M, ..., N)`.
        total: Shape `(...)`.
        factor: Shape `(...)`.
        atoms: Evenly spaced, shape `(N,)`.

    Source:
        arXiv:1707.06887, algorithm 1.
    """
    gap = atoms[1] - atoms[0]
    moved = (total[..., None] + factor[..., None] * atoms).clamp(float(atoms[0]), float(atoms[-1]))
    place = ((moved - atoms[0]) / gap).clamp(0, len(atoms) - 1)
    lower = place.floor()
    share = place - lower
    low = lower.long().expand_as(probs)
    high = (low + 1).clamp(max=len(atoms) - 1)
    out = torch.zeros_like(probs)
    out.scatter_add_(-1, low, probs * (1 - share))
    return out.scatter_add_(-1, high, probs * share)


def lower_of_both(probs: Tensor, atoms: Tensor) -> Tensor:
    """Return of two distributions `(2, ..., N)` the one with the lower mean, `(..., N)`."""
    first, second = probs
    return torch.where((mean(first - second, atoms) < 0)[..., None], first, second)


def mean(probs: Tensor, atoms: Tensor) -> Tensor:
    """Return the means of distributions `(..., N)`; a product would be rounded to bfloat16."""
    return (probs * atoms).sum(-1)


class Learner:
    """Actor, critics, their targets and optimisers: one `update` at a time.

    Args:
        config: How to learn.
        device: Where to compute.
    """

    def __init__(self, config: FastTD3Config, device: torch.device) -> None:
        self._config = config
        self._device = device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            layers = _actor_layers(config, config.num_groups)
            self.critics = _critic_layers(config).to(device)
        self.actor = Actor(layers, config.tasks, config.language).to(device)
        self.target = copy.deepcopy(self.critics).requires_grad_(False)
        self.discounts = discounts(config.tasks).to(device)
        self._atoms = torch.linspace(-RETURN_LIMIT, RETURN_LIMIT, config.num_atoms, device=device)
        self._actor_optimizer = self._optimizer(self.actor)
        self._critics_optimizer = self._optimizer(self.critics)
        self.generator = torch.Generator(device).manual_seed(config.seed)
        self.updates = 0

    def update(
        self, batch: Transitions, num_demos: int = 0, imitation: float = 0.0
    ) -> dict[str, Tensor]:
        """Learn from normalised observations and scaled rewards; return the losses.

        Args:
            batch: Rows of `K` tasks, of which the last of every task are demonstrations.
            num_demos: How many.
            imitation: Weight of their imitation.
        """
        config, actor = self._config, self.actor
        # Means times groups: a task's own networks learn as fast as if they were alone.
        groups = config.num_groups
        precision = torch.autocast(
            self._device.type, torch.bfloat16, enabled=config.precision == "bfloat16"
        )
        self.updates += 1
        with precision:
            inputs = actor.inputs(batch.obs)
            with torch.no_grad():
                target = self._target_distribution(batch)
            logits = self._logits(inputs, batch.action, self.critics)
            critic_loss = -(target * functional.log_softmax(logits, dim=-1)).sum(-1).mean()
        _step(self._critics_optimizer, _NUM_CRITICS * groups * critic_loss)
        losses = {"critic_loss": critic_loss.detach()}
        if self.updates % config.policy_delay == 0:
            with precision:
                action = actor(inputs)
                probs = functional.softmax(self._logits(inputs, action, self.critics), dim=-1)
                value = mean(probs, self._atoms).min(0).values.mean()
                actor_loss = -value
                if num_demos and imitation:
                    error = (action - batch.action)[:, -num_demos:].square().sum(-1).mean(-1)
                    error = (error / actor.action_masks.sum(-1)).mean()
                    actor_loss = actor_loss + imitation * error
                    losses["imitation"] = error.detach()
            _step(self._actor_optimizer, groups * actor_loss)
            losses["value"] = value.detach()
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.target.parameters()),
                [p.detach() for p in self.critics.parameters()],
                config.target_rate,
            )
        return losses

    def state(self) -> dict[str, Tensor]:
        """Return all there is to remember but the number of updates, as `restore` takes it."""
        return {
            **prefixed("actor", self.actor.layers.state_dict()),
            **prefixed("critics", self.critics.state_dict()),
            **prefixed("target", self.target.state_dict()),
            **prefixed("actor_optimizer", optimizer_tensors(self._actor_optimizer)),
            **prefixed("critics_optimizer", optimizer_tensors(self._critics_optimizer)),
            "generator": self.generator.get_state(),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` returned."""
        self.actor.layers.load_state_dict(part("actor", state))
        self.critics.load_state_dict(part("critics", state))
        self.target.load_state_dict(part("target", state))
        restore_moments(self._actor_optimizer, part("actor_optimizer", state))
        restore_moments(self._critics_optimizer, part("critics_optimizer", state))
        self.generator.set_state(state["generator"].cpu())

    def _optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        rate, decay = self._config.learning_rate, self._config.weight_decay
        return torch.optim.AdamW(network.parameters(), rate, weight_decay=decay, fused=True)

    def _logits(self, inputs: Tensor, actions: Tensor, critics: GroupedMLP) -> Tensor:
        """Return both critics' logits of returns, `(2, K, B, N)`."""
        logits: Tensor = critics(torch.cat((inputs, actions), dim=-1))
        return logits.float()

    def _target_distribution(self, batch: Transitions) -> Tensor:
        """Return the target of both critics, shape `(K, B, N)`."""
        actor, config = self.actor, self._config
        inputs = actor.inputs(batch.next_obs)
        action = actor(inputs)
        noise = torch.randn(action.shape, generator=self.generator, device=self._device)
        noise = (config.target_noise * noise).clamp(-_SMOOTHING_CLIP, _SMOOTHING_CLIP)
        action = (action + noise).clamp(-1, 1) * actor.action_masks[:, None]
        probs = functional.softmax(self._logits(inputs, action, self.target), dim=-1)
        moved = projected(probs, batch.total, batch.factor, self._atoms)
        return lower_of_both(moved, self._atoms)


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()


class BestActors:
    """The actor of every task that has played its greedy environment best.

    Args:
        layers: Actors, a group for each task.
    """

    _MEMORY = 0.5
    """Share of the running score that an episode leaves as it was."""

    def __init__(self, layers: GroupedMLP) -> None:
        self._actors = {name: t.detach().clone() for name, t in layers.state_dict().items()}
        num_tasks = layers.matrices[0].shape[1]
        self._best = torch.full((num_tasks,), -math.inf)
        self._running = torch.full((num_tasks,), math.nan)

    def see(self, task_index: int, score: float, layers: GroupedMLP) -> None:
        """Take in the score of a greedy episode, and keep the actor if it is the best so far."""
        before = float(self._running[task_index])
        now = score if math.isnan(before) else self._MEMORY * before + (1 - self._MEMORY) * score
        self._running[task_index] = now
        if now > self._best[task_index]:
            self._best[task_index] = now
            for name, tensor in layers.state_dict().items():
                self._actors[name][:, task_index] = tensor[:, task_index]

    def over(self, layers: GroupedMLP) -> dict[str, Tensor]:
        """Return the best actors, and those of `layers` where no episode has ended yet."""
        is_known = self._best.isfinite()[:, None, None]
        return {
            name: torch.where(is_known.to(tensor.device), self._actors[name], tensor)
            for name, tensor in layers.state_dict().items()
        }

    def state(self) -> dict[str, Tensor]:
        """Return all there is to remember, as `restore` takes it."""
        scores = {"best": self._best, "running": self._running}
        return prefixed("actors", self._actors) | scores

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` returned."""
        self._actors = part("actors", state)
        self._best, self._running = state["best"].cpu(), state["running"].cpu()


class Trainer:
    """A run in a folder; a run that is there goes on from its last snapshot, bit for bit.

    Snapshots hold the replay. One is due after every evaluation, and is taken as soon as all
    environments begin an episode at once, but no later than the longest episode takes: what is
    played then is cut short there, and all begin anew.

    Args:
        config: What to do.
        out: The run's folder.
        on_progress: Called now and then.
    """

    def __init__(
        self,
        config: FastTD3Config,
        out: Path | str,
        on_progress: OnProgress = ignore_progress,
    ) -> None:
        choose_tasks(config.tasks)
        checked_device(config.device)
        self.config = config
        self.out = Path(out)
        self.env_steps = 0
        self._on_progress = on_progress
        self._device = device = torch.device(config.device)
        self._learner = Learner(config, device)
        num_tasks = len(config.tasks)
        self._slot_task = torch.arange(num_tasks, device=device).repeat_interleave(config.copies)
        self._num_slots = len(self._slot_task)
        self._lanes = torch.arange(self._num_slots, device=device)
        self._ring = Ring(self._num_slots, config.replay_capacity, device)
        self._obs_scale = ObsNormaliser(num_tasks, MAX_OBS_DIM, device)
        self._reward_scale = RewardNormaliser(self._slot_task, self._learner.discounts, device)
        self._best = BestActors(self._learner.actor.layers) if config.keep_best else None
        self._seeds = EpisodeSeeds(config.tasks, config.copies, config.seed)
        self._noise = torch.zeros(self._num_slots, 1, device=device)
        self._scores = torch.full((self._num_slots,), -1.0)  # -1: no episode has ended yet
        self._losses: dict[str, Tensor] = {}
        self._longest = max(task(name).max_episode_steps for name in config.tasks)
        self._due_since: int | None = None
        self._demos: Ring | None = None

    def run(self) -> None:
        """Train to the end.

        Raises:
            RunError: If the folder holds another run, or another process is at work in it.
        """
        config = self.config
        described = dataclasses.asdict(config)
        with locked(self.out):
            has_snapshot = open_run(self.out, described, may_change=_MAY_CHANGE)
            self._demos = self._load_demos()
            if has_snapshot:
                self._restore()
            if self.env_steps < config.env_steps:
                log = RunLog(
                    self.out,
                    described,
                    env_steps=self.env_steps,
                    updates=self._learner.updates,
                    wandb=config.wandb,
                )
                self._play(log)
                log.close()
            self.save()

    def save(self) -> None:
        """Write the checkpoint that `mmbench evaluate --agent fasttd3` plays."""
        layers = self._learner.actor.layers
        actor = layers.state_dict() if self._best is None else self._best.over(layers)
        tensors = prefixed("actor", actor) | prefixed("obs", self._obs_scale.state())
        described = dataclasses.asdict(self.config)
        with (
            replacing(self.out / WEIGHTS) as weights,
            replacing(self.out / DESCRIPTION) as description,
        ):
            save_file({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, weights)
            description.write_text(json.dumps(described, indent=2))

    def _play(self, log: RunLog) -> None:
        config = self.config
        envs = make_vec(config.tasks, copies=config.copies, num_workers=config.workers)
        seconds, num_steps, updates_before = 0.0, 0, self._learner.updates
        try:
            self._begin(envs)
            while self.env_steps < config.env_steps:
                started = time.monotonic()
                self._step(envs)
                seconds += time.monotonic() - started
                num_steps += self._num_slots
                is_over = self.env_steps >= config.env_steps
                if is_over or self.env_steps // self._num_slots % LOG_INTERVAL == 0:
                    num_updates = self._learner.updates - updates_before
                    speeds = {
                        "env_steps_per_s": num_steps / seconds,
                        "updates_per_s": num_updates / seconds,
                    }
                    self._log(log, speeds)
                    seconds, num_steps, updates_before = 0.0, 0, self._learner.updates
                if self.env_steps % config.eval_interval < self._num_slots:
                    self._evaluate(log)
                    self._due_since = self._due_since or self.env_steps
                if self._is_snapshot_time():
                    self._save_snapshot()
                    self._begin(envs)
            self._save_snapshot()
        finally:
            envs.close()

    def _begin(self, envs: MultitaskVectorEnv) -> None:
        """Begin an episode everywhere."""
        self._obs = self._seeds.begin(envs)
        self._first = np.ones(self._num_slots, bool)

    def _step(self, envs: MultitaskVectorEnv) -> None:
        """Play a step everywhere, and learn while the environments move."""
        config, device = self.config, self._device
        seen = torch.from_numpy(self._obs).to(device)
        first = torch.from_numpy(self._first).to(device)
        action = self._explore(seen, first)
        envs.step_async(action.cpu().numpy())
        self._obs_scale.update(seen, self._slot_task)
        is_time = self.env_steps >= config.start_steps * self._num_slots
        if is_time and bool((self._ring.num_starts() > 0).all()):
            self._learn()
        self._obs, reward, _, truncated, info = envs.step_wait()
        is_lost = np.zeros(self._num_slots, bool)
        if truncated.any():
            is_lost = info["final_info"]["worker_restarted"]
        # Where a worker died the action has led nowhere: the episode ends with what was seen.
        lost = torch.from_numpy(is_lost).to(device)
        rewards = torch.from_numpy(reward.astype(np.float32)).to(device).masked_fill(lost, 0)
        self._reward_scale.update(rewards, first)
        self._ring.add(self._lanes, seen, action, rewards, lost)
        if (ended := np.flatnonzero(truncated & ~is_lost)).size:
            self._end_episodes(ended, info["final_obs"], info["final_info"]["score"])
        self._seeds.queue(envs, np.flatnonzero(truncated).tolist())
        self._first = truncated
        self.env_steps += self._num_slots

    def _explore(self, obs: Tensor, first: Tensor) -> Tensor:
        """Return what to play, shape `(E, A)`."""
        config, actor, generator = self.config, self._learner.actor, self._learner.generator
        drawn = torch.rand(self._noise.shape, generator=generator, device=self._device)
        drawn = config.min_noise + (config.max_noise - config.min_noise) * drawn
        if config.keep_best:
            drawn[:: config.copies] = 0.0  # the first copy of every task is greedy
        self._noise = torch.where(first[:, None], drawn, self._noise)
        scaled = self._obs_scale(obs, self._slot_task)
        with torch.no_grad():
            grouped = scaled.reshape(len(config.tasks), config.copies, -1)
            action = actor(actor.inputs(grouped)).reshape(self._num_slots, -1)
        noise = torch.randn(action.shape, generator=generator, device=self._device)
        mask = actor.action_masks[self._slot_task]
        return (action + self._noise * noise).clamp(-1, 1) * mask

    def _end_episodes(self, ended: NDArray[np.int64], obs: FloatArray, scores: FloatArray) -> None:
        """Write down how the episodes of some environments have ended."""
        last = torch.from_numpy(obs[ended]).to(self._device)
        self._ring.end(torch.from_numpy(ended).to(self._device), last)
        for slot in ended.tolist():
            score = float(scores[slot])
            self._scores[slot] = score
            number, copy_index = divmod(slot, self.config.copies)
            if self._best is not None and copy_index == 0:
                self._best.see(number, score, self._learner.actor.layers)

    def _learn(self) -> None:
        config = self.config
        num_demos = round(config.demo_share * config.batch_size) if self._demos else 0
        end = config.imitation_end * config.env_steps
        imitation = config.imitation_coef * max(0.0, 1 - self.env_steps / end) if end else 0.0
        for _ in range(config.updates_per_vector_step):
            batch = self._batch(num_demos)
            self._losses |= self._learner.update(batch, num_demos, imitation)

    def _batch(self, num_demos: int) -> Transitions:
        """Return rows of every task, the last of them from demonstrations."""
        config, generator = self.config, self._learner.generator
        discount = self._learner.discounts
        num_tasks = len(config.tasks)
        per_slot = -(-(config.batch_size - num_demos) // config.copies)
        played = self._ring.sample(per_slot, discount[self._slot_task], config.n_step, generator)
        batch = played.grouped(num_tasks)
        if self._demos is not None:
            batch = batch.joined(self._demos.sample(num_demos, discount, config.n_step, generator))
        tasks = torch.arange(num_tasks, device=self._device)[:, None]
        return dataclasses.replace(
            batch,
            obs=self._obs_scale(batch.obs, tasks),
            next_obs=self._obs_scale(batch.next_obs, tasks),
            total=self._reward_scale(batch.total, tasks),
        )

    def _load_demos(self) -> Ring | None:
        """Return demonstrations, a lane per task, and scale observations and rewards by them."""
        config, device = self.config, self._device
        if config.demos is None:
            return None
        shown = load(config.tasks, path=None if config.demos == SHIPPED else config.demos)
        num_rows = dict.fromkeys(config.tasks, 0)
        for record in shown.records:
            num_rows[record.task_id] += record.length + 1
        ring = Ring(len(config.tasks), max(num_rows.values()), device)
        number = {name: index for index, name in enumerate(config.tasks)}
        for done, episode in enumerate(shown, start=1):
            index, obs = number[episode.task_id], torch.from_numpy(episode.observations)
            ring.add_episode(index, episode.observations, episode.actions, episode.rewards)
            returns = running_returns(episode.rewards, float(self._learner.discounts[index]))
            obs = functional.pad(obs, (0, MAX_OBS_DIM - obs.shape[1])).to(device)
            of_task = torch.full((len(obs),), index, device=device)
            self._obs_scale.update(obs, of_task)
            self._reward_scale.update_returns(torch.from_numpy(returns).to(device), of_task[1:])
            self._on_progress(Progress("loading demonstrations", done, len(shown)))
        return ring

    # Logs, evaluations and snapshots ---------------------------------------------------------

    def _log(self, log: RunLog, speeds: Mapping[str, float]) -> None:
        numbers = {name: float(loss) for name, loss in self._losses.items()}
        updates = self._learner.updates
        if not all(math.isfinite(number) for number in numbers.values()):
            raise MMBenchError(
                f"training diverged after {updates} updates: a loss is not finite; "
                f"the last snapshot is in {self.out / SNAPSHOT}"
            )
        scores, note = self._scores[self._scores >= 0], ""
        if len(scores):
            numbers["score"] = float(scores.mean())
            note = f"score while exploring {numbers['score']:.3f}"
        log.losses("training", self.env_steps, updates, numbers | dict(speeds))
        self._losses = {}
        self._on_progress(Progress("training", self.env_steps, self.config.env_steps, note))

    def _evaluate(self, log: RunLog) -> None:
        config = self.config
        if not config.eval_episodes:
            return
        self.save()

        def player(tasks: Sequence[str], **_: Any) -> Agent:
            return FastTD3Agent(self.out, tasks, device=config.device)

        evaluate_run(
            player,
            log,
            tasks=config.tasks,
            out=self.out,
            env_steps=self.env_steps,
            episodes=config.eval_episodes,
            seed=config.seed,
            workers=config.workers,
        )

    def _is_snapshot_time(self) -> bool:
        if self._due_since is None:
            return False
        waited = (self.env_steps - self._due_since) // self._num_slots
        return bool(self._first.all()) or waited >= self._longest

    def _save_snapshot(self) -> None:
        """Write everything that the rest of the run depends on; running episodes are cut short."""
        if (cut := np.flatnonzero(~self._first)).size:
            obs = torch.from_numpy(self._obs[cut]).to(self._device)
            self._ring.end(torch.from_numpy(cut).to(self._device), obs)
        self._due_since = None
        tensors = {
            **prefixed("learner", self._learner.state()),
            **prefixed("obs", self._obs_scale.state()),
            **prefixed("reward", self._reward_scale.state()),
            **prefixed("ring", self._ring.state()),
            **({} if self._best is None else prefixed("best", self._best.state())),
            "seeds": torch.from_numpy(self._seeds.num_given),
            "scores": self._scores,
        }
        numbers = {"env_steps": self.env_steps, "updates": self._learner.updates}
        save_snapshot(self.out, tensors, numbers)

    def _restore(self) -> None:
        with restoring(self.out, self.config.device) as (tensors, numbers):
            self._learner.restore(part("learner", tensors))
            self._obs_scale.restore(part("obs", tensors))
            self._reward_scale.restore(part("reward", tensors))
            self._ring.restore(part("ring", tensors))
            if self._best is not None:
                self._best.restore(part("best", tensors))
            self._seeds.num_given = tensors["seeds"].cpu().numpy()
            self._scores = tensors["scores"].cpu()
            self.env_steps = count_of(numbers, "env_steps")
            self._learner.updates = count_of(numbers, "updates")


class FastTD3Agent:
    """Plays the actor of a checkpoint.

    Args:
        checkpoint: Folder that a run has written.
        tasks: One task id per slot.
        device: Where to compute.

    Raises:
        CheckpointError: If the checkpoint is damaged, or was trained on other tasks.
    """

    def __init__(self, checkpoint: Path | str, tasks: Sequence[str], *, device: str) -> None:
        config, tensors = _load_checkpoint(Path(checkpoint), device)
        if unknown := sorted(set(tasks) - set(config.tasks)):
            raise CheckpointError(
                f"{checkpoint} was trained on {len(config.tasks)} tasks; "
                f"{unknown[0]} is none of them"
            )
        self._device = torch.device(device)
        self._task = torch.tensor([config.tasks.index(name) for name in tasks], device=device)
        layers = part("actor", tensors)
        groups = config.num_groups
        if groups > 1:  # to each slot the actor of its task
            layers = {name: tensor[:, self._task] for name, tensor in layers.items()}
            groups = len(tasks)
        self._actor = Actor(_actor_layers(config, groups), tasks, config.language).to(device)
        self._actor.layers.load_state_dict(layers)
        self._obs_scale = ObsNormaliser(len(config.tasks), MAX_OBS_DIM, device)
        self._obs_scale.restore(part("obs", tensors))

    @torch.no_grad()
    def act(self, obs: Any, *, first: NDArray[np.bool_]) -> FloatArray:
        """Return actions, shape `(num_slots, MAX_ACTION_DIM)`."""
        rows = torch.from_numpy(np.asarray(obs, np.float32)).to(self._device)
        scaled = self._obs_scale(rows, self._task)
        actions: Tensor = self._actor(self._actor.inputs(scaled[:, None]))
        return actions[:, 0].cpu().numpy()


def _load_checkpoint(folder: Path, device: str) -> tuple[FastTD3Config, dict[str, Tensor]]:
    """Return what a checkpoint says and holds, once both fit together."""
    content = read_description(folder)
    described = pydantic.TypeAdapter(FastTD3Config)
    try:
        config = described.validate_json(content)
    except (MMBenchError, pydantic.ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{folder / DESCRIPTION} cannot be read: {reason}") from error
    try:
        tensors = load_file(folder / WEIGHTS, device=device)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} cannot be read: {error}") from error
    with torch.device("meta"):
        layers = _actor_layers(config, config.num_groups).state_dict()
        obs_scale = ObsNormaliser(len(config.tasks), MAX_OBS_DIM, "meta").state()
    check_tensors(tensors, prefixed("actor", layers) | prefixed("obs", obs_scale), str(folder))
    return config, tensors


def make(tasks: Sequence[str], *, checkpoint: str | None, device: str, seed: int) -> Agent:
    """Build the agent from a run's folder; its actions do not depend on `seed`."""
    if checkpoint is None:
        raise CheckpointError("agent 'fasttd3' plays a checkpoint; give one with --checkpoint")
    checked_device(device)
    return FastTD3Agent(checkpoint, tasks, device=device)


@dataclass(frozen=True, kw_only=True)
class TrainFastTD3:
    """Train FastTD3; the same command continues a run where it was stopped."""

    out: Path
    """Folder of the run."""
    suite: str | None = None
    """Suite to train on, instead of tasks."""
    run_config: tyro.conf.OmitArgPrefixes[FastTD3Config] = field(
        default_factory=lambda: FastTD3Config(tasks=())
    )

    def run(self) -> int:
        """Train under a progress bar."""
        config = with_suite(self.run_config, self.suite)
        with show_progress() as on_progress:
            Trainer(config, self.out, on_progress).run()
        print(f"{self.out}")
        return 0
