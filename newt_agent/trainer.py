"""Training: pretraining on demonstrations, then acting and learning in turns."""

import dataclasses
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmbench import MMBenchError, evaluate, make_vec, task
from mmbench.checks import at_least, between
from mmbench.errors import UsageError
from mmbench.files import locked, replacing
from mmbench.language import EncoderName, embedding_dim
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import choose_tasks
from mmbench.seeding import training_seed
from mmbench.training.demonstrations import demonstration_replay
from mmbench.training.devices import checked_device
from mmbench.training.log import RunLog
from mmbench.training.processes import Group
from mmbench.training.replay import Replay, Sampling, join
from mmbench.training.run import (
    SNAPSHOT,
    SNAPSHOT_INTERVAL,
    load_snapshot,
    open_run,
    optimizer_tensors,
    part,
    prefixed,
    restore_optimizer,
    save_snapshot,
)
from mmbench.training.tables import discounts
from mmbench.vision import DINOV2, ImageEncoder
from newt_agent.acceleration import Precision, acceleration
from newt_agent.agent import Newt, encode, observed
from newt_agent.checkpoint import Checkpoint, new_model, save_checkpoint
from newt_agent.config import LearningConfig, NewtConfig, PlannerConfig, SizeName
from newt_agent.learner import Learner
from newt_agent.loading import load
from newt_agent.planner import plan, shifted
from newt_agent.world_model import WorldModel

JOURNAL = "journal"
_MAY_CHANGE = ("workers", "wandb", "compile")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What a run does; planner and losses are by default the original's."""

    tasks: tuple[str, ...]
    """Task ids."""
    copies: int = 1
    """Environments per task."""
    encoder: EncoderName = "minilm"
    """Text encoder; `none` trains without language."""
    size: SizeName = "S"
    """XS (our own), S (2M parameters), B (7M), L (20M) or XL (82M)."""
    checkpoint: str | None = None
    """Folder or `.pt` file to start from; its size, text encoder and vision network count then."""
    obs: Literal["state", "state+rgb"] = "state"
    """Whether the model sees pictures as well."""
    vision: str = DINOV2
    """Network that makes vectors of pictures: a name on the Hugging Face hub, or a folder."""
    env_steps: int = 100_000
    """Env steps to play, over all environments."""
    seeding_episodes: int = 5
    """Episodes of the longest task that every environment plays before learning begins."""
    updates_per_env_step: float = 0.075
    """Gradient steps per env step."""
    batch_size: int = 1024
    """Sub-sequences per update."""
    demos: str | None = None
    """`shipped`, or a directory of demonstrations; none by default."""
    demo_share: float = 0.5
    """Share of demonstrations in a batch."""
    pretrain_updates: int = 0
    """Updates on demonstrations before the first env step."""
    constraint_end: float = 0.5
    """Share of the run over which plans start from the policy rather than from the last plan,
    falling from 1 to 0; only after pretraining, or from a checkpoint."""
    replay_capacity: int = 1_000_000
    """Rows of the replay buffer."""
    sampling: Sampling = "task"
    """How sub-sequences are drawn from the buffer."""
    eval_interval: int = 10_000
    """Env steps between evaluations."""
    eval_episodes: int = 3
    """Episodes per task of an evaluation."""
    seed: int = 0
    """Of networks, environments, noise and batches."""
    device: str = "cpu"
    """Where to compute, e.g. cuda."""
    precision: Precision = "auto"
    """Of the products in planning; auto is int8 or bfloat16 where the hardware is made for it."""
    compile: bool = False
    """Fuse with torch.compile: starts a minute or two later, then learns and plans faster."""
    workers: int = 1
    """Worker processes for environments; 0 plays in this process."""
    wandb: str | None = None
    """Project of Weights & Biases to log to as well."""
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)

    def __post_init__(self) -> None:
        at_least(1, copies=self.copies, batch_size=self.batch_size)
        at_least(0, env_steps=self.env_steps)
        at_least(1, replay_capacity=self.replay_capacity, eval_interval=self.eval_interval)
        at_least(1, eval_episodes=self.eval_episodes)
        at_least(0, seeding_episodes=self.seeding_episodes, pretrain_updates=self.pretrain_updates)
        at_least(0, updates_per_env_step=self.updates_per_env_step, seed=self.seed)
        at_least(0, workers=self.workers)
        between(0, 1, demo_share=self.demo_share, constraint_end=self.constraint_end)
        for name in self.tasks:
            task(name)
        if len(set(self.tasks)) < len(self.tasks):
            raise UsageError("a task is named twice; --copies plays it several times")
        if self.pretrain_updates and self.demos is None:
            raise UsageError("pretraining needs demonstrations; give --demos")
        checked_device(self.device)


class Trainer:
    """A run in a folder; a run that is there goes on from its last snapshot, bit for bit.

    Snapshots are taken when all environments begin an episode at once: an environment is then a
    function of its seed.

    Args:
        config: What to do.
        out: The run's folder.
        on_progress: Called now and then.
    """

    def __init__(
        self,
        config: TrainConfig,
        out: Path | str,
        on_progress: OnProgress = ignore_progress,
    ) -> None:
        choose_tasks(config.tasks)
        self.config = config
        self.out = Path(out)
        self._on_progress = on_progress
        self._last_score: float | None = None
        device = torch.device(config.device)
        self._group = Group(device)
        self._device = self._group.device(device)
        self._acceleration = acceleration(
            self._device, precision=config.precision, compile=config.compile
        )
        self._images = self._image_encoder()
        self.model, self._encoder, target_q = self._new_model()
        self._discounts = discounts(config.tasks).to(self._device)
        seed = config.seed + self._group.rank
        self.learner = Learner(
            *(self.model, self._discounts, config.learning, seed, self._acceleration, self._group)
        )
        if target_q:
            self.learner.target_q.load_state_dict(target_q)
        self._rng = np.random.default_rng(seed)
        self._generator = torch.Generator(self._device).manual_seed(seed + 1)
        if len(config.tasks) % self._group.size:
            raise UsageError(
                f"{len(config.tasks)} tasks cannot be shared evenly by {self._group.size} processes"
            )
        # With several processes, each plays its share of the tasks.
        own = np.arange(len(config.tasks))[self._group.rank :: self._group.size]
        self._tasks = tuple(config.tasks[index] for index in own)
        self._slot_task = np.repeat(own, config.copies)
        self._num_slots = len(self._slot_task)
        self._steps_at_once = self._num_slots * self._group.size
        longest = max(task(name).max_episode_steps for name in config.tasks)
        self._seeding_steps = (
            0
            if config.pretrain_updates
            else config.seeding_episodes * longest * self._steps_at_once
        )
        self._replay = self._new_replay()
        self._demos = self._load_demos()
        self.env_steps = 0
        self.updates = 0
        self._pretrained = 0
        self._tokens = 0.0
        self._episodes_begun = np.zeros(self._num_slots, np.int64)
        self._mean = torch.zeros(
            *(self._num_slots, self.model.config.horizon, self.model.config.action_dim),
            device=self._device,
        )
        self._journal: list[tuple[int, dict[str, NDArray[Any]]]] = []
        self._num_journals = 0
        self._open()
        self._log = (
            RunLog(
                self.out,
                dataclasses.asdict(config),
                env_steps=self.env_steps,
                updates=self.updates + self._pretrained,
                wandb=config.wandb,
            )
            if self._group.is_first
            else None
        )

    def run(self) -> None:
        """Train to the end.

        Raises:
            RunError: If another process is at work in the run's folder.
        """
        with locked(self._folder):
            self._pretrain()
            if self.env_steps < self.config.env_steps:
                self._play()
            if self._log is not None:
                self.save(self.out / "final")
                self._log.close()

    def save(self, folder: Path) -> None:
        """Write a checkpoint that `mmbench evaluate --agent newt` plays."""
        save_checkpoint(folder, self._checkpoint())

    # Parts -----------------------------------------------------------------------------------

    def _image_encoder(self) -> ImageEncoder | None:
        if self.config.obs == "state":
            return None
        return ImageEncoder(self.config.vision, str(self._device))

    def _new_model(self) -> tuple[WorldModel, EncoderName, Mapping[str, Tensor]]:
        """Return the model, the text encoder, and the target networks if they are known."""
        config = self.config
        feature_dim = self._images.feature_dim if self._images else 0
        encoder, size, loaded = config.encoder, config.size, None
        if config.checkpoint is not None:
            loaded = load(config.checkpoint, device=str(self._device), single_task=config.tasks[0])
            encoder, size = loaded.encoder, loaded.model.config.size
        model_config = NewtConfig(
            size=size,
            embedding_dim=embedding_dim(encoder),
            feature_dim=feature_dim,
            planner=config.planner,
            learning=config.learning,
        )
        model = new_model(model_config, config.tasks, encoder, config.seed).to(self._device)
        if loaded is not None:
            model.load_networks(loaded.model)
        self._group.share(model)
        return model, encoder, loaded.target_q if loaded else {}

    # Pretraining -----------------------------------------------------------------------------

    def _pretrain(self) -> None:
        total = self.config.pretrain_updates
        while self._pretrained < total:
            assert self._demos is not None
            batch = self._demos.sample(self._batch_size, self._rng, self._device)
            metrics = self.learner.pretrain(batch)
            self._pretrained += 1
            if self._pretrained % 100 == 0 or self._pretrained == total:
                self._log_losses(metrics)
                self._on_progress(Progress("pretraining", self._pretrained, total))
            if self._pretrained == total:
                self._evaluate()
            if self._pretrained == total or self._pretrained % SNAPSHOT_INTERVAL == 0:
                self._save_snapshot()

    @property
    def _batch_size(self) -> int:
        """This process's share of a batch."""
        return self.config.batch_size // self._group.size

    # Acting and learning ---------------------------------------------------------------------

    def _play(self) -> None:
        config = self.config
        envs = make_vec(
            self._tasks,
            copies=config.copies,
            num_workers=config.workers,
            obs_type=config.obs,
        )
        try:
            obs, _ = envs.reset(seed=[self._next_seed(slot) for slot in range(self._num_slots)])
            self._queue_seeds(envs, range(self._num_slots))
            first = np.ones(self._num_slots, bool)
            states, features = observed(obs, self._images)
            episodes = [_Episode(row) for row in _rows(states, features)]
            metrics: dict[str, Tensor] = {}
            while self.env_steps < config.env_steps:
                actions = self._act(states, features, first)
                obs, rewards, _, truncated, info = envs.step(actions)
                states, features = observed(obs, self._images)
                self.env_steps += self._steps_at_once
                rows = _rows(states, features)
                reached = list(rows)
                ended = np.flatnonzero(truncated).tolist()
                if ended:
                    last = _of_slots(info["final_obs"], ended)
                    for slot, row in zip(ended, _rows(*observed(last, self._images)), strict=True):
                        reached[slot] = row
                for slot, episode in enumerate(episodes):
                    episode.add(actions[slot], float(rewards[slot]), reached[slot])
                if ended:
                    restarted = info["final_info"]["worker_restarted"]
                    for slot in ended:
                        if not restarted[slot]:  # else a worker died, and the episode is lost
                            self._keep(int(self._slot_task[slot]), episodes[slot])
                        episodes[slot] = _Episode(rows[slot])
                    self._queue_seeds(envs, ended)
                first = truncated
                if self.env_steps >= self._seeding_steps:
                    metrics = self._learn() or metrics
                all_begin = self._group.agree(bool(truncated.all()), self._device)
                self._after_step(metrics, all_begin=all_begin)
        finally:
            envs.close()

    def _act(
        self,
        states: NDArray[np.float32],
        features: NDArray[np.float32] | None,
        first: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        slot_task = torch.from_numpy(self._slot_task).to(self._device)
        mask = self.model.action_masks[slot_task]
        is_seeding = self.env_steps < self._seeding_steps
        if is_seeding and not self.config.checkpoint:
            drawn = 2 * torch.rand(mask.shape, generator=self._generator, device=self._device) - 1
            return (mask * drawn).cpu().numpy()
        with torch.no_grad():
            context = self.model.contexts(frozen=True).of(slot_task)
            z = encode(self.model, states, features, context)
            if is_seeding:
                noise = torch.randn(mask.shape, generator=self._generator, device=self._device)
                return self.model.act(z, context, mask, noise).action.cpu().numpy()
        is_first = torch.from_numpy(first).to(self._device)
        found = plan(
            self._acceleration.for_planning(self.model),
            z,
            slot_task,
            context=context,
            discount=self._discounts[slot_task],
            start=torch.where(is_first[:, None, None], 0.0, self._mean),
            config=self.config.planner,
            generator=self._generator,
            prior_weight=self._prior_weight(),
            acceleration=self._acceleration,
        )
        self._mean = shifted(found.mean)
        noise = torch.randn(mask.shape, generator=self._generator, device=self._device)
        explored = (found.action + found.std * noise).clamp(-1, 1) * mask
        return explored.cpu().numpy()

    def _prior_weight(self) -> float:
        if not (self.config.pretrain_updates or self.config.checkpoint):
            return 0.0
        end = self.config.constraint_end * self.config.env_steps
        return max(0.0, 1.0 - self.env_steps / end) if end else 0.0

    def _learn(self) -> dict[str, Tensor]:
        config = self.config
        self._tokens += self._steps_at_once * config.updates_per_env_step
        metrics: dict[str, Tensor] = {}
        while self._tokens >= 1 and self._replay.num_episodes:
            self._tokens -= 1
            batch_size = self._batch_size
            num_demos = round(config.demo_share * batch_size) if self._demos else 0
            batch = self._replay.sample(batch_size - num_demos, self._rng, self._device)
            if self._demos and num_demos:
                demos = self._demos.sample(num_demos, self._rng, self._device)
                batch = join([demos, batch])
            metrics = self.learner.update(batch)
            self.updates += 1
        return metrics

    def _after_step(self, metrics: dict[str, Tensor], *, all_begin: bool) -> None:
        config = self.config
        total, step = config.env_steps, self.env_steps
        before = step - self._steps_at_once
        crossed = step // config.eval_interval > before // config.eval_interval
        score = self._evaluate() if crossed or step >= total else None
        if all_begin:
            self._log_losses(metrics)
            self._save_snapshot()
        if all_begin or score is not None or step % (50 * self._steps_at_once) == 0:
            self._last_score = self._last_score if score is None else score
            note = "" if self._last_score is None else f"score {self._last_score:.3f}"
            self._on_progress(Progress("training", step, total, note))

    # Episodes --------------------------------------------------------------------------------

    def _next_seed(self, slot: int) -> int:
        copy = slot % self.config.copies
        name = self.config.tasks[self._slot_task[slot]]
        seed = training_seed(name, self.config.seed, copy) + int(self._episodes_begun[slot])
        self._episodes_begun[slot] += 1
        return seed

    def _queue_seeds(self, envs: Any, slots: Sequence[int]) -> None:
        for slot in slots:
            envs.set_next_seed(slot, self._next_seed(slot))

    def _keep(self, task_index: int, episode: "_Episode") -> None:
        arrays = episode.arrays()
        self._replay.add(
            *(task_index, arrays["obs"], arrays["action"], arrays["reward"], arrays.get("feature"))
        )
        self._journal.append((task_index, arrays))

    def _new_replay(self) -> Replay:
        config = self.model.config
        return Replay(
            self.config.replay_capacity,
            feature_dim=config.feature_dim,
            obs_dim=config.obs_dim,
            action_dim=config.action_dim,
            num_tasks=len(self.config.tasks),
            horizon=config.horizon,
            sampling=self.config.sampling,
            folder=self._folder / "replay",
        )

    def _load_demos(self) -> Replay | None:
        if self.config.demos is None:
            return None
        return demonstration_replay(
            self.config.tasks,
            self.config.demos,
            feature_dim=self.model.config.feature_dim,
            horizon=self.model.config.horizon,
            has_clock=self.model.config.has_clock,
            sampling=self.config.sampling,
            images=self._images,
            on_progress=self._on_progress,
        )

    # Evaluation and logs ---------------------------------------------------------------------

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(
            model=self.model,
            tasks=self.config.tasks,
            encoder=self._encoder,
            target_q=self.learner.target_q.state_dict(),
            vision=self._images.name if self._images else None,
        )

    def _evaluate(self) -> float | None:
        """Play evaluation episodes in environments of their own; return the mean score."""
        if self._log is None:
            return None

        def newt(tasks: Sequence[str], **options: Any) -> Newt:
            return Newt(
                self._checkpoint(),
                tasks,
                device=str(self._device),
                seed=options["seed"],
                prior_weight=self._prior_weight(),
                precision=self.config.precision,
                compile=self.config.compile,
            )

        folder = self.out / "evaluations" / f"{self.env_steps:09d}"
        shutil.rmtree(folder, ignore_errors=True)
        result = evaluate(
            newt,
            tasks=self.config.tasks,
            episodes=self.config.eval_episodes,
            out=folder,
            seed=self.config.seed,
            workers=self.config.workers,
            obs_type=self.config.obs,
        )
        scores = {name: float(np.mean(values)) for name, values in result.scores.items()}
        returns: dict[str, list[float]] = {}
        for record in result.episodes:
            returns.setdefault(record.task_id, []).append(record.episode_return)
        means = {name: float(np.mean(values)) for name, values in returns.items()}
        self._log.evaluation(self.env_steps, scores, means)
        self.save(self.out / "latest")
        return float(np.mean(list(scores.values())))

    def _log_losses(self, metrics: dict[str, Tensor]) -> None:
        if not metrics:
            return
        numbers = {name: float(value) for name, value in sorted(metrics.items())}
        if not all(math.isfinite(number) for number in numbers.values()):
            raise MMBenchError(
                f"training diverged after {self.updates} updates: a loss is not finite; "
                f"the last snapshot is in {self._folder / SNAPSHOT}"
            )
        if self._log is not None:
            phase = "training" if self.env_steps else "pretraining"
            updates = self._pretrained + self.updates
            self._log.losses(phase, self.env_steps, updates, numbers)

    # Snapshots -------------------------------------------------------------------------------

    @property
    def _folder(self) -> Path:
        """Where this process keeps its state."""
        return self.out if self._group.is_first else self.out / f"process-{self._group.rank}"

    def _open(self) -> None:
        """Start the folder of a run, or go on with the one that is there."""
        described = {**dataclasses.asdict(self.config), "num_processes": self._group.size}
        if open_run(self._folder, described, may_change=_MAY_CHANGE):
            self._load_snapshot()

    def _save_snapshot(self) -> None:
        """Write everything that the rest of the run depends on."""
        if self._journal:
            self._write_journal()
        learner = self.learner
        tensors = {
            "mean": self._mean,
            "scale": learner.scale.value,
            "generator": self._generator.get_state(),
            "learner_generator": learner.generator.get_state(),
            **prefixed("model", self.model.state_dict()),
            **prefixed("target", learner.target_q.state_dict()),
        }
        for name, optimizer in self._optimizers().items():
            tensors |= prefixed(name, optimizer_tensors(optimizer))
        numbers = {
            "env_steps": self.env_steps,
            "updates": self.updates,
            "pretrained": self._pretrained,
            "tokens": self._tokens,
            # The episodes that run now have begun, and the one after each is queued.
            "episodes_begun": np.maximum(self._episodes_begun - 2, 0).tolist(),
            "num_journals": self._num_journals,
            "warmups": [warmup.last_epoch for warmup in learner.warmups],
            "rng": self._rng.bit_generator.state,
        }
        save_snapshot(self._folder, tensors, numbers)

    def _load_snapshot(self) -> None:
        tensors, numbers = load_snapshot(self._folder, self.config.device)
        learner = self.learner
        self.model.load_state_dict(part("model", tensors))
        learner.target_q.load_state_dict(part("target", tensors))
        for (name, optimizer), warmup, num_done in zip(
            self._optimizers().items(), learner.warmups, numbers["warmups"], strict=True
        ):
            restore_optimizer(optimizer, warmup, part(name, tensors), num_done)
        learner.scale.value = tensors["scale"]
        self._mean = tensors["mean"]
        self._generator.set_state(tensors["generator"].cpu())
        learner.generator.set_state(tensors["learner_generator"].cpu())
        self.env_steps = numbers["env_steps"]
        self.updates = numbers["updates"]
        self._pretrained = numbers["pretrained"]
        self._tokens = numbers["tokens"]
        self._episodes_begun = np.array(numbers["episodes_begun"], np.int64)
        self._num_journals = numbers["num_journals"]
        self._rng.bit_generator.state = numbers["rng"]
        for number in range(self._num_journals):
            self._read_journal(number)

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "model_optimizer": self.learner.model_optimizer,
            "policy_optimizer": self.learner.policy_optimizer,
        }

    def _write_journal(self) -> None:
        """Write the episodes since the last snapshot, so that the buffer can be filled again."""
        folder = self._folder / JOURNAL
        folder.mkdir(exist_ok=True)
        arrays: dict[str, NDArray[Any]] = {
            "task": np.array([number for number, _ in self._journal]),
            "length": np.array([len(episode["reward"]) for _, episode in self._journal]),
        }
        for name in self._journal[0][1]:
            arrays[name] = np.concatenate([episode[name] for _, episode in self._journal])
        file = folder / f"{self._num_journals:06d}.npz"
        with replacing(file) as partial, partial.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **arrays)
        self._num_journals += 1
        self._journal.clear()

    def _read_journal(self, index: int) -> None:
        file = self._folder / JOURNAL / f"{index:06d}.npz"
        with np.load(file, allow_pickle=False) as opened:
            arrays = dict(opened)
        numbers, lengths = arrays.pop("task").tolist(), arrays.pop("length").tolist()
        at = dict.fromkeys(arrays, 0)
        for number, length in zip(numbers, lengths, strict=True):
            episode = {}
            for name, rows in arrays.items():
                num_rows = length if name in ("action", "reward") else length + 1
                episode[name] = rows[at[name] : at[name] + num_rows]
                at[name] += num_rows
            self._replay.add(number, **episode)


def train(
    config: TrainConfig, out: Path | str, on_progress: OnProgress = ignore_progress
) -> Checkpoint:
    """Train, or go on with the run that is in the folder; return its last checkpoint.

    Args:
        config: What to do.
        out: The run's folder.
        on_progress: Called now and then.

    Raises:
        RunError: If the folder holds another run, or another process is at work in it.
    """
    Trainer(config, out, on_progress).run()
    return load(Path(out) / "final")


_Row = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"""A state and the features of its picture."""


def _rows(states: NDArray[np.float32], features: NDArray[np.float32] | None) -> list[_Row]:
    if features is None:
        return [(state, None) for state in states]
    return list(zip(states, features, strict=True))


def _of_slots(obs: Any, slots: Sequence[int]) -> Any:
    """Return the observations of some slots, of one array or of several by name."""
    if isinstance(obs, dict):
        return {name: rows[slots] for name, rows in obs.items()}
    return obs[slots]


class _Episode:
    """An episode while it is played."""

    def __init__(self, first: _Row) -> None:
        self._rows = [first]
        self._actions: list[NDArray[np.float32]] = []
        self._rewards: list[float] = []

    def add(self, action: NDArray[np.float32], reward: float, reached: _Row) -> None:
        self._actions.append(action.copy())
        self._rewards.append(reward)
        self._rows.append(reached)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the arguments of `Replay.add`."""
        found = {
            "obs": np.stack([state for state, _ in self._rows]),
            "action": np.stack(self._actions),
            "reward": np.array(self._rewards, np.float32),
        }
        features = [feature for _, feature in self._rows if feature is not None]
        return found | ({"feature": np.stack(features)} if features else {})
