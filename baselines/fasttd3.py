"""FastTD3: off-policy learning from many environments at once, of all tasks together or of each.

One actor and two distributional critics are shared by all tasks and conditioned on language, or
(`networks="per-task"`) every task has an actor and critics of its own, trained side by side in
batched products: the way to an expert per task that is a function of the observation.

Letters in shapes: `K` tasks, `S` slots (environments), `B` rows per task, `G` groups of networks (1
or `K`), `A` action entries, `N` atoms.

Source:
    arXiv:2505.22642. What differs is in docs/baselines.md.
"""

import copy
import dataclasses
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from mmbench import MAX_ACTION_DIM, MAX_OBS_DIM, Agent, FloatArray, evaluate, make_vec, task
from mmbench.checks import at_least, between
from mmbench.cli.output import show_progress
from mmbench.demos import load
from mmbench.errors import CheckpointError, UsageError
from mmbench.files import locked, replacing
from mmbench.language import EncoderName, embedding_dim, task_embeddings
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import choose_tasks
from mmbench.seeding import training_seed
from mmbench.training.demonstrations import SHIPPED
from mmbench.training.devices import checked_device
from mmbench.training.log import RunLog
from mmbench.training.normalise import RETURN_LIMIT, ObsNormaliser, RewardNormaliser
from mmbench.training.run import (
    load_snapshot,
    open_run,
    optimizer_tensors,
    part,
    prefixed,
    restore_moments,
    save_snapshot,
    with_suite,
)
from mmbench.training.tables import action_masks, discounts

WEIGHTS, DESCRIPTION = "model.safetensors", "config.json"
LOG_INTERVAL = 100
"""Vector steps between two lines of the log."""
_SMOOTHING_CLIP = 0.5
"""Bound of the noise on target actions."""


@dataclass(frozen=True, kw_only=True)
class FastTD3Config:
    """What a run does. Defaults are the published ones, or our choice where there is none."""

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
    weight_decay: float = 0.1
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

    def __post_init__(self) -> None:
        at_least(1, copies=self.copies, batch_size=self.batch_size, n_step=self.n_step)
        at_least(1, policy_delay=self.policy_delay, num_atoms=self.num_atoms)
        at_least(2, replay_capacity=self.replay_capacity)
        at_least(0, env_steps=self.env_steps, start_steps=self.start_steps, seed=self.seed)
        at_least(0, updates_per_vector_step=self.updates_per_vector_step, workers=self.workers)
        between(0, 1, demo_share=self.demo_share, target_rate=self.target_rate)
        at_least(1, eval_interval=self.eval_interval)
        at_least(0, eval_episodes=self.eval_episodes)
        if self.keep_best and self.networks == "shared":
            raise UsageError("keep_best needs an actor per task; give --networks per-task")
        for name in self.tasks:
            task(name)
        checked_device(self.device)


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
        self._has_norm = has_norm
        self.matrices, self.biases = nn.ParameterList(), nn.ParameterList()
        for num_in, num_out in itertools.pairwise(sizes):
            bound = 1 / math.sqrt(num_in)  # torch's own initialisation of an affine layer
            matrix = torch.empty(members, groups, num_in, num_out).uniform_(-bound, bound)
            bias = torch.empty(members, groups, 1, num_out).uniform_(-bound, bound)
            self.matrices.append(nn.Parameter(matrix))
            self.biases.append(nn.Parameter(bias))

    def of(self, groups: Tensor) -> "GroupedMLP":
        """Return the networks of some groups, each again for every time it is named."""
        chosen = GroupedMLP(1, 1, (1, 1), has_norm=self._has_norm)
        for name in ("matrices", "biases"):
            own = nn.ParameterList(p.detach()[:, groups] for p in getattr(self, name))
            setattr(chosen, name, own.requires_grad_(False))
        return chosen

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows `(G, B, I)` to `(members, G, B, O)`."""
        x = rows[None]
        last = len(self.matrices) - 1
        for index, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            x = x @ matrix + bias
            if index < last:
                if self._has_norm:
                    x = functional.layer_norm(x, x.shape[-1:])
                x = functional.relu(x)
        return x


class Networks(nn.Module):
    """Actor and critics, and what they must know of the tasks.

    Args:
        config: Sizes.
        tasks: Task ids.
    """

    embeddings: Tensor
    action_masks: Tensor

    def __init__(self, config: FastTD3Config, tasks: Sequence[str]) -> None:
        super().__init__()
        self.is_shared = config.networks == "shared"
        self.tasks_per_group = len(tasks) if self.is_shared else 1
        encoder: EncoderName = config.encoder if self.is_shared else "none"
        groups = 1 if self.is_shared else len(tasks)
        inputs = MAX_OBS_DIM + embedding_dim(encoder)
        self.actor = GroupedMLP(
            *(1, groups, (inputs, *config.actor_widths, MAX_ACTION_DIM)),
            has_norm=config.layer_norm,
        )
        nn.init.normal_(self.actor.matrices[-1], std=0.01)
        nn.init.zeros_(self.actor.biases[-1])
        self.critics = GroupedMLP(
            *(2, groups, (inputs + MAX_ACTION_DIM, *config.critic_widths, config.num_atoms)),
            has_norm=config.layer_norm,
        )
        embeddings = torch.from_numpy(task_embeddings(tasks, encoder))
        self.register_buffer("embeddings", embeddings, persistent=False)
        self.register_buffer("action_masks", action_masks(tasks), persistent=False)

    def inputs(self, obs: Tensor) -> Tensor:
        """Return normalised observations `(K, B, O)` beside the tasks' embeddings."""
        embeddings = self.embeddings[:, None].expand(-1, obs.shape[1], -1)
        return torch.cat((obs, embeddings), dim=-1)

    def act(self, inputs: Tensor) -> Tensor:
        """Return actions `(K, B, A)`; 0 where padded."""
        raw = self._grouped(self.actor, inputs)[0]
        return torch.tanh(raw.float()) * self.action_masks[:, None]

    def act_for(self, obs: Tensor, task: Tensor) -> Tensor:
        """Return actions `(n, A)` of normalised observations `(n, O)` of tasks `(n,)`."""
        inputs = torch.cat((obs, self.embeddings[task]), dim=-1)
        if self.is_shared:
            raw = self.actor(inputs[None])[0, 0]
        else:
            raw = self.actor.of(task)(inputs[:, None])[0, :, 0]
        return torch.tanh(raw) * self.action_masks[task]

    def values(self, inputs: Tensor, actions: Tensor, critics: GroupedMLP) -> Tensor:
        """Return both critics' logits of returns, `(2, K, B, N)`."""
        return self._grouped(critics, torch.cat((inputs, actions), dim=-1)).float()

    def _grouped(self, network: GroupedMLP, rows: Tensor) -> Tensor:
        if not self.is_shared:
            out: Tensor = network(rows)
            return out
        num_tasks, num_rows = rows.shape[:2]
        out = network(rows.reshape(1, num_tasks * num_rows, -1))
        return out.reshape(len(out), num_tasks, num_rows, -1)


class Ring:
    """The last rows of every lane (environment), on the device that learns.

    An episode of `T` steps takes `T + 1` rows: row `t` holds observation `t` and the action and
    reward that follow it, the last row only an observation.

    Args:
        lanes: Number of lanes.
        capacity: Rows per lane.
        device: Where they are kept.
    """

    def __init__(self, lanes: int, capacity: int, device: torch.device) -> None:
        self._capacity = capacity
        self._device = device
        self.rows = {
            "obs": torch.zeros(lanes, capacity, MAX_OBS_DIM, device=device),
            "action": torch.zeros(lanes, capacity, MAX_ACTION_DIM, device=device),
            "reward": torch.zeros(lanes, capacity, device=device),
            "is_last": torch.zeros(lanes, capacity, device=device),
        }
        self.num_written = torch.zeros(lanes, dtype=torch.int64, device=device)

    def add(self, lanes: Tensor, obs: Tensor, action: Tensor | None, reward: Tensor | None) -> None:
        """Write one row of some lanes; a last row has neither action nor reward.

        Args:
            lanes: Which, shape `(n,)`.
            obs: Shape `(n, O)`.
            action: Shape `(n, A)`.
            reward: Shape `(n,)`.
        """
        place = self.num_written[lanes] % self._capacity
        self.rows["obs"][lanes, place] = obs
        self.rows["action"][lanes, place] = 0.0 if action is None else action
        self.rows["reward"][lanes, place] = 0.0 if reward is None else reward
        self.rows["is_last"][lanes, place] = float(action is None)
        self.num_written[lanes] += 1

    def add_episode(
        self, lane: int, obs: FloatArray, actions: FloatArray, rewards: FloatArray
    ) -> None:
        """Write a whole episode of `T` steps, narrower rows padded.

        Args:
            lane: Which.
            obs: Shape `(T + 1, O)`.
            actions: Shape `(T, A)`.
            rewards: Shape `(T,)`.
        """
        start = int(self.num_written[lane])
        steps = np.arange(start, start + len(obs)) % self._capacity
        for name, values in (("obs", obs), ("action", actions)):
            rows = torch.from_numpy(np.asarray(values, np.float32)).to(self._device)
            self.rows[name][lane, steps[: len(rows)], : rows.shape[1]] = rows
        raw = torch.from_numpy(np.asarray(rewards, np.float32)).to(self._device)
        self.rows["reward"][lane, steps[:-1]] = raw
        self.rows["is_last"][lane, steps[-1]] = 1.0
        self.num_written[lane] += len(obs)

    def state(self) -> dict[str, Tensor]:
        """Return the rows that were written, and how many."""
        filled = int(self.num_written.clamp(max=self._capacity).max())
        rows = {name: tensor[:, :filled] for name, tensor in self.rows.items()}
        return {**rows, "num_written": self.num_written}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` returned."""
        for name, tensor in self.rows.items():
            tensor[:, : state[name].shape[1]] = state[name]
        self.num_written.copy_(state["num_written"])

    def sample(
        self, num_rows: int, discount: Tensor, n_step: int, generator: torch.Generator
    ) -> "Transitions":
        """Draw `num_rows` of every lane; sums of rewards end with the episode.

        Args:
            num_rows: Rows per lane, `B`.
            discount: Of the lanes, shape `(lanes,)`.
            n_step: Rewards to sum.
            generator: Of the draws.
        """
        size = self.num_written.clamp(max=self._capacity)[:, None]
        first = (self.num_written[:, None] - size) % self._capacity
        drawn = torch.rand(len(size), num_rows, generator=generator, device=self._device)
        start = (drawn * (size - 1)).long().clamp(min=0)
        # An episode's last row has no successor: the one before it is taken instead.
        start = (start - self._at("is_last", first + start).long()).clamp(min=0)
        total = torch.zeros_like(drawn)
        alive = torch.ones_like(drawn)
        steps = torch.zeros_like(start)
        factor = torch.ones_like(drawn)
        for index in range(n_step):
            row = start + index
            alive = alive * (1 - self._at("is_last", first + row)) * (row < size - 1)
            total += factor * alive * self._at("reward", first + row)
            factor = torch.where(alive > 0, factor * discount[:, None], factor)
            steps += alive.long()
        return Transitions(
            obs=self._at("obs", first + start),
            action=self._at("action", first + start),
            total=total,
            factor=factor,
            next_obs=self._at("obs", first + start + steps),
        )

    def _at(self, name: str, place: Tensor) -> Tensor:
        lanes = torch.arange(len(place), device=self._device)[:, None]
        return self.rows[name][lanes, place % self._capacity]


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """What critics learn from, of `K` tasks.

    Attributes:
        obs: Shape `(K, B, O)`.
        action: Shape `(K, B, A)`.
        total: Discounted sum of up to `n_step` rewards, shape `(K, B)`.
        factor: Discount of what follows `next_obs`, shape `(K, B)`.
        next_obs: Shape `(K, B, O)`.
    """

    obs: Tensor
    action: Tensor
    total: Tensor
    factor: Tensor
    next_obs: Tensor

    def grouped(self, num_tasks: int) -> "Transitions":
        """Return rows of lanes as rows of their tasks."""
        return Transitions(
            **{
                name: rows.reshape(num_tasks, -1, *rows.shape[2:])
                for name, rows in vars(self).items()
            }
        )

    def joined(self, other: "Transitions") -> "Transitions":
        """Return these rows and those of another."""
        pairs = {name: (rows, getattr(other, name)) for name, rows in vars(self).items()}
        return Transitions(**{name: torch.cat(pair, dim=1) for name, pair in pairs.items()})


def running_returns(rewards: FloatArray, discount: float) -> FloatArray:
    """Return the discounted sum of rewards until every step of an episode, shape `(T,)`."""
    total, sums = 0.0, []
    for reward in rewards.tolist():
        total = discount * total + reward
        sums.append(total)
    return np.array(sums, np.float32)


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


class Learner:
    """Networks, their targets and optimisers: one `update` at a time.

    Args:
        config: How to learn.
        device: Where to compute.
    """

    def __init__(self, config: FastTD3Config, device: torch.device) -> None:
        self._config = config
        self._device = device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.networks = Networks(config, config.tasks).to(device)
        self.target = copy.deepcopy(self.networks.critics).requires_grad_(False)
        self.discounts = discounts(config.tasks).to(device)
        self._atoms = torch.linspace(-RETURN_LIMIT, RETURN_LIMIT, config.num_atoms, device=device)
        # Both moments of all parameters are one fused step.
        self.optimizers = {
            name: torch.optim.AdamW(
                network.parameters(),
                lr=config.learning_rate,
                weight_decay=config.weight_decay,
                fused=True,
            )
            for name, network in (
                ("actor", self.networks.actor),
                ("critics", self.networks.critics),
            )
        }
        self.generator = torch.Generator(device).manual_seed(config.seed)
        self.updates = 0

    def update(
        self, batch: Transitions, num_demos: int = 0, imitation: float = 0.0
    ) -> dict[str, Tensor]:
        """Learn from normalised observations and scaled rewards; return the losses.

        Args:
            batch: Of which the last rows of every task are demonstrations.
            num_demos: How many.
            imitation: Weight of their imitation.
        """
        config, networks = self._config, self.networks
        self.updates += 1
        is_low = config.precision == "bfloat16"
        with torch.autocast(self._device.type, torch.bfloat16, is_low):
            inputs = networks.inputs(batch.obs)
            with torch.no_grad():
                target = self._target_distribution(batch)
            logits = networks.values(inputs, batch.action, networks.critics)
            # Summed over groups: a task's own networks learn as fast as if they were alone.
            cross_entropy = -(target * functional.log_softmax(logits, dim=-1)).sum(-1)
            critic_loss = cross_entropy.mean(-1).sum() / networks.tasks_per_group
        _step(self.optimizers["critics"], critic_loss)
        losses = {"critic_loss": cross_entropy.detach().mean()}
        if self.updates % config.policy_delay == 0:
            with torch.autocast(self._device.type, torch.bfloat16, is_low):
                action = networks.act(inputs)
                value = self._value(inputs, action, networks.critics)
                actor_loss = -value.mean(-1).sum() / networks.tasks_per_group
                if num_demos and imitation:
                    error = (action - batch.action)[:, -num_demos:].square().mean(1)
                    error = error.sum(-1) / networks.action_masks.sum(-1)
                    actor_loss = actor_loss + imitation * error.sum() / networks.tasks_per_group
            _step(self.optimizers["actor"], actor_loss)
            losses["value"] = value.detach().mean()
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.target.parameters()),
                [p.detach() for p in networks.critics.parameters()],
                config.target_rate,
            )
        return losses

    def _value(self, inputs: Tensor, actions: Tensor, critics: GroupedMLP) -> Tensor:
        """Return the lower of both critics' mean returns, shape `(K, B)`."""
        probs = functional.softmax(self.networks.values(inputs, actions, critics), dim=-1)
        return (probs @ self._atoms).min(0).values

    def _target_distribution(self, batch: Transitions) -> Tensor:
        """Return the target of both critics, shape `(K, B, N)`."""
        networks, config = self.networks, self._config
        inputs = networks.inputs(batch.next_obs)
        action = networks.act(inputs)
        noise = torch.randn(action.shape, generator=self.generator, device=self._device)
        noise = (config.target_noise * noise).clamp(-_SMOOTHING_CLIP, _SMOOTHING_CLIP)
        action = (action + noise).clamp(-1, 1) * networks.action_masks[:, None]
        probs = functional.softmax(networks.values(inputs, action, self.target), dim=-1)
        moved = projected(probs, batch.total, batch.factor, self._atoms)
        first_is_lower = (moved[0] @ self._atoms) < (moved[1] @ self._atoms)
        return torch.where(first_is_lower[..., None], moved[0], moved[1])


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()


class BestActors:
    """The actor of every task that has played its greedy environment best.

    Args:
        actor: Whose groups are the tasks.
    """

    _MEMORY = 0.5
    """Share of the running score that an episode leaves as it was."""

    def __init__(self, actor: GroupedMLP) -> None:
        self.tensors = {name: t.detach().clone() for name, t in actor.named_parameters()}
        num_tasks = next(iter(self.tensors.values())).shape[1]
        self.score = np.full(num_tasks, -1.0)
        self._running = np.full(num_tasks, np.nan)

    def numbers(self) -> dict[str, list[float]]:
        """Return the scores, for `restore`."""
        return {"score": self.score.tolist(), "running": self._running.tolist()}

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, list[float]]) -> None:
        """Put back actors and scores."""
        self.tensors = dict(tensors)
        self.score, self._running = np.array(numbers["score"]), np.array(numbers["running"])

    def see(self, task_index: int, score: float, actor: GroupedMLP) -> None:
        """Take in the score of a greedy episode, and keep the actor if it is the best so far."""
        before = self._running[task_index]
        now = score if np.isnan(before) else self._MEMORY * before + (1 - self._MEMORY) * score
        self._running[task_index] = now
        if now > self.score[task_index]:
            self.score[task_index] = now
            for name, parameter in actor.named_parameters():
                self.tensors[name][:, task_index] = parameter.detach()[:, task_index]


class Trainer:
    """A run in a folder; a run that is there goes on from its last snapshot.

    Snapshots are taken when all environments begin an episode at once, and hold the replay.

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
        self.config = config
        self.out = Path(out)
        self._on_progress = on_progress
        self._device = device = torch.device(config.device)
        num_tasks = len(config.tasks)
        self.learner = Learner(config, device)
        self._slot_task = torch.arange(num_tasks, device=device).repeat_interleave(config.copies)
        self._num_slots = len(self._slot_task)
        self._ring = Ring(self._num_slots, config.replay_capacity, device)
        self._obs_scale = ObsNormaliser(num_tasks, MAX_OBS_DIM, device)
        self._reward_scale = RewardNormaliser(self._slot_task, self.learner.discounts, device)
        self._noise = torch.zeros(self._num_slots, 1, device=device)
        self._best = BestActors(self.learner.networks.actor) if config.keep_best else None
        self.env_steps = 0
        self._is_snapshot_due = False
        self._episodes_begun = np.zeros(self._num_slots, np.int64)
        self._scores = np.full(self._num_slots, np.nan)
        self._demos = self._load_demos()

    def run(self) -> None:
        """Train to the end.

        Raises:
            RunError: If another process is at work in the run's folder.
        """
        config = self.config
        with locked(self.out):
            described = dataclasses.asdict(config)
            if open_run(self.out, described, may_change=("env_steps", "workers")):
                self._restore()
            log = RunLog(
                self.out,
                described,
                env_steps=self.env_steps,
                updates=self.learner.updates,
                wandb=None,
            )
            if self.env_steps < config.env_steps:
                self._play(log)
            self.save()
            log.close()

    def save(self) -> None:
        """Write the checkpoint that `mmbench evaluate --agent fasttd3` plays."""
        actor = dict(self.learner.networks.actor.state_dict())
        if self._best is not None:
            actor = {
                name: torch.where(self._best_known(tensor), self._best.tensors[name], tensor)
                for name, tensor in actor.items()
            }
        tensors = prefixed("actor", actor) | prefixed("obs", self._obs_scale.state())
        described = dataclasses.asdict(self.config)
        with (
            replacing(self.out / WEIGHTS) as weights,
            replacing(self.out / DESCRIPTION) as description,
        ):
            save_file({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, weights)
            description.write_text(json.dumps(described, indent=2))

    def _best_known(self, tensor: Tensor) -> Tensor:
        """Return, shaped like a stack's tensor, for which tasks a best actor is known."""
        assert self._best is not None
        known = torch.from_numpy(self._best.score >= 0).to(self._device)
        return known.view(1, -1, *[1] * (tensor.ndim - 2))

    def _play(self, log: RunLog) -> None:
        config, device = self.config, self._device
        envs = make_vec(config.tasks, copies=config.copies, num_workers=config.workers)
        lanes = torch.arange(self._num_slots, device=device)
        losses: dict[str, Tensor] = {}
        try:
            obs, _ = envs.reset(seed=[self._next_seed(slot) for slot in range(self._num_slots)])
            self._queue_seeds(envs, range(self._num_slots))
            first = np.ones(self._num_slots, bool)
            while self.env_steps < config.env_steps:
                seen = torch.from_numpy(obs.copy()).to(device)
                began = torch.from_numpy(first).to(device)
                action = self._act(seen, began)
                envs.step_async(action.cpu().numpy())
                self._obs_scale.update(seen, self._slot_task)
                if self.env_steps >= config.start_steps * self._num_slots:
                    losses = self._learn() or losses
                obs, reward, _, truncated, info = envs.step_wait()
                rewards = torch.from_numpy(reward.astype(np.float32)).to(device)
                self._reward_scale.update(rewards, began)
                self._ring.add(lanes, seen, action, rewards)
                self.env_steps += self._num_slots
                self._end_episodes(envs, truncated, info)
                first = truncated
                self._after_step(log, losses, all_begin=bool(truncated.all()))
        finally:
            envs.close()

    def _act(self, obs: Tensor, first: Tensor) -> Tensor:
        """Return what to play, with exploration, shape `(S, A)`."""
        config, networks = self.config, self.learner.networks
        shape, generator = (self._num_slots, 1), self.learner.generator
        drawn = torch.rand(shape, generator=generator, device=self._device)
        drawn = config.min_noise + (config.max_noise - config.min_noise) * drawn
        if config.keep_best:
            drawn[:: config.copies] = 0.0  # the first copy of every task is greedy
        self._noise = torch.where(first[:, None], drawn, self._noise)
        scaled = self._obs_scale(obs, self._slot_task)
        with torch.no_grad():
            grouped = scaled.reshape(len(config.tasks), config.copies, -1)
            action = networks.act(networks.inputs(grouped)).reshape(self._num_slots, -1)
        noise = torch.randn(action.shape, generator=generator, device=self._device)
        mask = networks.action_masks[self._slot_task]
        return (action + self._noise * noise).clamp(-1, 1) * mask

    def _learn(self) -> dict[str, Tensor]:
        config = self.config
        num_demos = round(config.demo_share * config.batch_size) if self._demos else 0
        end = config.imitation_end * config.env_steps
        left = max(0.0, 1.0 - self.env_steps / end) if end else 0.0
        losses: dict[str, Tensor] = {}
        for _ in range(config.updates_per_vector_step):
            batch = self._batch(num_demos)
            losses |= self.learner.update(batch, num_demos, config.imitation_coef * left)
        return losses

    def _batch(self, num_demos: int) -> Transitions:
        """Return rows of every task, from demonstrations and from the environments."""
        config, learner = self.config, self.learner
        num_tasks = len(config.tasks)
        per_slot = -(-(config.batch_size - num_demos) // config.copies)
        discount = learner.discounts
        batch = self._ring.sample(
            per_slot, discount[self._slot_task], config.n_step, learner.generator
        ).grouped(num_tasks)
        if self._demos is not None and num_demos:
            demos = self._demos.sample(num_demos, discount, config.n_step, learner.generator)
            batch = batch.joined(demos)
        tasks = torch.arange(num_tasks, device=self._device)[:, None]
        return dataclasses.replace(
            batch,
            obs=self._obs_scale(batch.obs, tasks),
            next_obs=self._obs_scale(batch.next_obs, tasks),
            total=self._reward_scale(batch.total, tasks),
        )

    def _end_episodes(self, envs: Any, truncated: NDArray[np.bool_], info: Any) -> None:
        """Write the last observations of episodes that have ended, and say what comes next."""
        ended = np.flatnonzero(truncated)
        if not len(ended):
            return
        last = np.stack([info["final_obs"][slot] for slot in ended])
        lanes = torch.from_numpy(ended).to(self._device)
        self._ring.add(lanes, torch.from_numpy(last).to(self._device), None, None)
        self._queue_seeds(envs, ended.tolist())
        for slot in ended.tolist():
            score = float(info["final_info"]["score"][slot])
            self._scores[slot] = score
            if self._best is not None and slot % self.config.copies == 0:
                self._best.see(slot // self.config.copies, score, self.learner.networks.actor)

    def _next_seed(self, slot: int) -> int:
        number, copy_index = divmod(slot, self.config.copies)
        first = training_seed(self.config.tasks[number], self.config.seed, copy_index)
        self._episodes_begun[slot] += 1
        return first + int(self._episodes_begun[slot]) - 1

    def _queue_seeds(self, envs: Any, slots: Sequence[int]) -> None:
        for slot in slots:
            envs.set_next_seed(slot, self._next_seed(slot))

    def _after_step(self, log: RunLog, losses: dict[str, Tensor], *, all_begin: bool) -> None:
        vector_steps = self.env_steps // self._num_slots
        if vector_steps % LOG_INTERVAL == 0 or self.env_steps >= self.config.env_steps:
            scores = {
                name: float(np.nanmean(own))
                for name, own in zip(
                    self.config.tasks,
                    self._scores.reshape(-1, self.config.copies),
                    strict=True,
                )
                if not np.isnan(own).all()
            }
            numbers = {name: float(loss) for name, loss in losses.items()}
            log.losses("training", self.env_steps, self.learner.updates, numbers)
            mean = float(np.mean(list(scores.values()))) if scores else math.nan
            note = f"score while exploring {mean:.3f}" if scores else ""
            self._on_progress(Progress("training", self.env_steps, self.config.env_steps, note))
        interval = self.config.eval_interval
        if self.env_steps // interval > (self.env_steps - self._num_slots) // interval:
            self._evaluate(log)
            self._is_snapshot_due = True
        if all_begin and self._is_snapshot_due:
            self._save_snapshot()
            self._is_snapshot_due = False

    def _load_demos(self) -> Ring | None:
        """Return demonstrations, one lane per task, and scale observations and rewards by them."""
        config, device = self.config, self._device
        if config.demos is None:
            return None
        path = None if config.demos == SHIPPED else config.demos
        demonstrations = load(config.tasks, path=path)
        num_rows = dict.fromkeys(config.tasks, 0)
        for record in demonstrations.records:
            num_rows[record.task_id] += record.length + 1
        ring = Ring(len(config.tasks), max(num_rows.values()), device)
        returns: list[list[FloatArray]] = [[] for _ in config.tasks]
        number = {name: index for index, name in enumerate(config.tasks)}
        for done, shown in enumerate(demonstrations, start=1):
            index = number[shown.task_id]
            ring.add_episode(index, shown.observations, shown.actions, shown.rewards)
            obs = functional.pad(
                torch.from_numpy(shown.observations),
                (0, MAX_OBS_DIM - shown.observations.shape[1]),
            ).to(device)
            self._obs_scale.update(obs, torch.full((len(obs),), index, device=device))
            discount = float(self.learner.discounts[index])
            returns[index].append(running_returns(shown.rewards, discount))
            self._on_progress(Progress("loading demonstrations", done, len(demonstrations)))
        self._reward_scale.restore(_moments(returns, self._reward_scale.state(), device))
        return ring

    def _evaluate(self, log: RunLog) -> None:
        """Play evaluation episodes in environments of their own."""
        if not self.config.eval_episodes:
            return
        self.save()

        def fasttd3(tasks: Sequence[str], **options: Any) -> FastTD3Agent:
            return FastTD3Agent(self.out, tasks, device=self.config.device)

        result = evaluate(
            fasttd3,
            tasks=self.config.tasks,
            episodes=self.config.eval_episodes,
            out=self.out / "evaluations" / f"{self.env_steps:09d}",
            workers=self.config.workers,
        )
        returns: dict[str, list[float]] = {}
        for record in result.episodes:
            returns.setdefault(record.task_id, []).append(record.episode_return)
        log.evaluation(
            self.env_steps,
            {name: float(scores.mean()) for name, scores in result.scores.items()},
            {name: float(np.mean(own)) for name, own in returns.items()},
        )

    def _save_snapshot(self) -> None:
        learner = self.learner
        tensors = prefixed("networks", learner.networks.state_dict())
        tensors |= prefixed("target", dict(learner.target.state_dict()))
        for name, optimizer in learner.optimizers.items():
            tensors |= prefixed(f"optimizer.{name}", optimizer_tensors(optimizer))
        tensors |= prefixed("obs", self._obs_scale.state())
        tensors |= prefixed("reward", self._reward_scale.state())
        tensors |= prefixed("ring", self._ring.state())
        tensors |= {"noise": self._noise, "generator": learner.generator.get_state()}
        if self._best is not None:
            tensors |= prefixed("best", self._best.tensors)
        numbers = {
            "env_steps": self.env_steps,
            "updates": learner.updates,
            "episodes_begun": (self._episodes_begun - 1).tolist(),
            "best": None if self._best is None else self._best.numbers(),
        }
        save_snapshot(self.out, tensors, numbers)

    def _restore(self) -> None:
        tensors, numbers = load_snapshot(self.out, self.config.device)
        learner = self.learner
        learner.networks.load_state_dict(part("networks", tensors))
        learner.target.load_state_dict(part("target", tensors))
        for name, optimizer in learner.optimizers.items():
            restore_moments(optimizer, part(f"optimizer.{name}", tensors))
        self._obs_scale.restore(part("obs", tensors))
        self._reward_scale.restore(part("reward", tensors))
        self._ring.restore(part("ring", tensors))
        self._noise = tensors["noise"]
        learner.generator.set_state(tensors["generator"].cpu())
        if self._best is not None:
            self._best.restore(part("best", tensors), numbers["best"])
        self.env_steps, learner.updates = numbers["env_steps"], numbers["updates"]
        self._episodes_begun = np.array(numbers["episodes_begun"], np.int64)


def _moments(
    returns: Sequence[Sequence[FloatArray]], state: Mapping[str, Tensor], device: torch.device
) -> dict[str, Tensor]:
    """Return the state of a reward normaliser that has seen running returns of every task."""
    joined = [np.concatenate(own).astype(np.float64) for own in returns]

    def column(numbers: Sequence[float]) -> Tensor:
        return torch.tensor(numbers, dtype=torch.float64, device=device)

    return {
        "count": column([len(own) for own in joined])[:, None],
        "mean": column([own.mean() for own in joined])[:, None],
        "std": column([own.std() for own in joined])[:, None],
        "largest": column([np.abs(own).max() for own in joined]),
        "return": state["return"],
    }


class FastTD3Agent:
    """Plays the actor of a checkpoint.

    Args:
        checkpoint: Folder that a run has written.
        tasks: One task id per slot. Tasks that shared networks were not trained on are played by
            their language, on the scale of the observations that they show.
        device: Where to compute.
    """

    def __init__(self, checkpoint: Path | str, tasks: Sequence[str], *, device: str) -> None:
        folder = Path(checkpoint)
        try:
            described = json.loads((folder / DESCRIPTION).read_text())
            tensors = load_file(folder / WEIGHTS, device=device)
            config = FastTD3Config(**{**described, "tasks": tuple(described["tasks"])})
        except (OSError, ValueError, TypeError, SafetensorError) as error:
            raise CheckpointError(f"{folder} is no checkpoint of fasttd3: {error}") from error
        self._device = torch.device(device)
        known = list(config.tasks)
        new = [name for name in dict.fromkeys(tasks) if name not in known]
        if new and (config.networks == "per-task" or config.encoder == "none"):
            raise CheckpointError(
                f"{folder} was trained without language on {len(known)} tasks, and {new[0]} is "
                "none of them"
            )
        self._networks = Networks(config, known).to(device).eval()
        self._networks.actor.load_state_dict(part("actor", tensors))
        self._scale = ObsNormaliser(len(known), MAX_OBS_DIM, device)
        self._scale.restore(part("obs", tensors))
        self._task = torch.tensor([known.index(name) for name in tasks], device=device)

    def act(self, obs: Any, *, first: NDArray[np.bool_]) -> FloatArray:
        """Return actions, shape `(num_slots, MAX_ACTION_DIM)`."""
        rows = torch.from_numpy(np.asarray(obs, np.float32)).to(self._device)
        with torch.no_grad():
            scaled = self._scale(rows, self._task)
            return self._networks.act_for(scaled, self._task).cpu().numpy()


def make(tasks: Sequence[str], *, checkpoint: str | None, device: str, seed: int) -> Agent:
    """Build the agent from a run's folder; its actions do not depend on `seed`."""
    if checkpoint is None:
        raise CheckpointError("fasttd3 needs a run's folder; give --checkpoint")
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
