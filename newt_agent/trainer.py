"""Training: pretraining on demonstrations, then acting, and learning while environments step."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmbench import FloatArray, MMBenchError, task
from mmbench.errors import UsageError
from mmbench.files import locked
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import choose_tasks
from mmbench.training.collector import Collector, Seen
from mmbench.training.demonstrations import demonstration_replay
from mmbench.training.evaluation import evaluate_run
from mmbench.training.journal import Episode, Journal
from mmbench.training.log import RunLog
from mmbench.training.prefetch import drawn_ahead
from mmbench.training.processes import Group
from mmbench.training.replay import Batch, Replay, join
from mmbench.training.run import (
    SNAPSHOT,
    SNAPSHOT_INTERVAL,
    count_of,
    open_run,
    restoring,
    save_snapshot,
)
from mmbench.training.stopwatch import Stopwatch
from mmbench.training.tables import discounts
from mmbench.vision import ImageEncoder
from newt_agent.agent import Newt
from newt_agent.beginning import begin, checkpoint_before, new_scale
from newt_agent.checkpoint import Checkpoint, save_checkpoint
from newt_agent.choosing import choose_plays
from newt_agent.config import TrainConfig
from newt_agent.learner import Learner
from newt_agent.loading import load
from newt_agent.player import Player
from newt_agent.precision import acceleration

JOURNAL = "journal"
_MAY_CHANGE = ("workers", "wandb", "compile", "choose_episodes")
_OLDER_RUNS = {"num_processes": 1, "normalise": False, "practice": False, "imitate": "all"}
"""What runs were, in other words than today's defaults, when they could not yet say so."""


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


class Trainer:
    """A run in a folder; a run that is there goes on from its last snapshot, bit for bit.

    Snapshots are taken when all environments begin an episode at once: an environment is then a
    function of its seed.

    Args:
        config: What to do.
        out: The run's folder.
        on_progress: Called now and then.

    Attributes:
        times: Where the time of `run` goes.
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
        accelerated = acceleration(
            self._device,
            precision=config.precision,
            update_precision=config.update_precision,
            compile=config.compile,
        )
        self._images = (
            None if config.obs == "state" else ImageEncoder(config.vision, str(self._device))
        )
        feature_dim = self._images.feature_dim if self._images else 0
        begun = begin(config, str(self._device), feature_dim)
        self._group.share(begun.model)
        self.model, self._encoder, self._is_scaled = begun.model, begun.encoder, begun.is_scaled
        all_discounts = discounts(config.tasks).to(self._device)
        seed = config.seed + self._group.rank
        self.learner = Learner(
            *(self.model, all_discounts, config.learning, seed, accelerated, self._group)
        )
        if begun.target_q:
            self.learner.target_q.load_state_dict(begun.target_q)
        self._rng = np.random.default_rng(seed)
        self._generator = torch.Generator(self._device).manual_seed(seed + 1)
        self._demos = self._load_demos()
        self._replay = self._new_replay()
        self._journal = Journal(self._folder / JOURNAL)
        self._collector = self._new_collector()
        slot_task = torch.from_numpy(self._collector.slot_task).to(self._device)
        self._player = Player(
            *(self.model, slot_task),
            discount=all_discounts[slot_task],
            config=config.planner,
            generator=self._generator,
            acceleration=accelerated,
        )
        self._steps_at_once = self._collector.num_slots * self._group.size
        longest = max(task(name).max_episode_steps for name in config.tasks)
        is_seeded = config.seeding_after_pretraining or not config.pretrain_updates
        self._seeding_steps = (
            config.seeding_episodes * longest * self._steps_at_once if is_seeded else 0
        )
        self.env_steps = 0
        self.updates = 0
        self.times = Stopwatch()
        self._num_pretrained = 0
        self._updates_due = 0.0
        self._open()
        self._log = (
            RunLog(
                self.out,
                dataclasses.asdict(config),
                env_steps=self.env_steps,
                updates=self.updates + self._num_pretrained,
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
                self._save_final()
                self._log.close()

    def save(self, folder: Path) -> None:
        """Write a checkpoint that `mmbench evaluate --agent newt` plays."""
        save_checkpoint(folder, self._checkpoint())

    def _new_collector(self) -> Collector:
        """Return the environments; with several processes, each plays its share of the tasks."""
        config, group = self.config, self._group
        if len(config.tasks) % group.size:
            raise UsageError(
                f"{len(config.tasks)} tasks cannot be shared evenly by {group.size} processes"
            )
        return Collector(
            config.tasks,
            own=range(group.rank, len(config.tasks), group.size),
            copies=config.copies,
            seed=config.seed,
            obs_type=config.obs,
            workers=config.workers,
            images=self._images,
            on_episode=self._keep,
            clock_rates=self.model.clock_rate.cpu().numpy(),
        )

    def _new_replay(self) -> Replay:
        config = self.model.config
        replay = Replay(
            self.config.replay_capacity,
            feature_dim=config.feature_dim,
            obs_dim=config.obs_dim,
            action_dim=config.action_dim,
            num_tasks=len(self.config.tasks),
            horizon=config.horizon,
            sampling=self.config.sampling,
            folder=self._folder / "replay",
        )
        if self.config.demos_in_replay and self._demos is not None:
            replay.add_all(self._demos)
        return replay

    def _load_demos(self) -> Replay | None:
        if self.config.demos is None:
            return None
        return demonstration_replay(
            self.config.tasks,
            self.config.demos,
            feature_dim=self.model.config.feature_dim,
            horizon=self.model.config.horizon,
            has_clock=self.model.config.has_clock,
            has_practice=self.config.practice,
            sampling=self.config.sampling,
            images=self._images,
            on_progress=self._on_progress,
        )

    def _pretrain(self) -> None:
        total = self.config.pretrain_updates
        while self._num_pretrained < total:
            assert self._demos is not None
            self._scale_observations()
            with self.times.part("sampling"):
                batch = self._demos.sample(self._batch_size, self._rng, self._device)
            with self.times.part("learning"):
                metrics = self.learner.pretrain(batch)
            self._player.weights_changed()
            self._num_pretrained += 1
            done = self._num_pretrained
            if done % 100 == 0 or done == total:
                self._log_losses(metrics)
                self._on_progress(Progress("pretraining", done, total))
            if done == total:
                self._evaluate()
            if done == total or done % SNAPSHOT_INTERVAL == 0:
                self._save_snapshot()

    @property
    def _batch_size(self) -> int:
        """This process's share of a batch."""
        return self.config.batch_size // self._group.size

    def _play(self) -> None:
        metrics: dict[str, Tensor] = {}
        with self._collector as collector:
            while self.env_steps < self.config.env_steps:
                with self.times.part("acting"):
                    actions = self._act(collector.seen)
                with self.times.part("waiting"):
                    collector.send(actions)  # without workers, they are played now
                metrics = self._learn() or metrics
                with self.times.part("waiting"):
                    collector.receive()
                if not self._group.agree(collector.is_aligned, self._device):
                    collector.begin_anew()
                self.env_steps += self._steps_at_once
                self.times.stepping_s += collector.step_s
                all_begin = self._group.agree(collector.all_begin, self._device)
                self._after_step(metrics, all_begin=all_begin)

    def _act(self, seen: Seen) -> FloatArray:
        player = self._player
        if self.env_steps < self._seeding_steps:
            if self.config.checkpoint or self.config.pretrain_updates:
                noise = player.noise()
                return player.ask_policy(seen.states, seen.features, noise).action.cpu().numpy()
            shape = player.mask.shape
            drawn = 2 * torch.rand(shape, generator=self._generator, device=self._device) - 1
            return (player.mask * drawn).cpu().numpy()
        found = player.plan(*seen, prior_weight=self.config.prior_weight(self.env_steps))
        explored = (found.action + found.std * player.noise()).clamp(-1, 1) * player.mask
        return explored.cpu().numpy()

    def _scale_observations(self) -> None:
        """Fix the scale of the tasks that have none yet and whose observations are there now."""
        if self._is_scaled.all():
            return
        config, device = self.model.config, self._device
        tables = torch.zeros(3, len(self.config.tasks), config.obs_dim, device=device)
        buffers = [self._replay] if self._demos is None else [self._demos, self._replay]
        for number in np.flatnonzero(~self._is_scaled).tolist():
            seen = [b.observations(number) for b in buffers if b.has_episodes(number)]
            if seen:
                mean, std = new_scale(self.config, self.model, number, np.concatenate(seen))
                tables[:, number] = torch.stack((mean, std, torch.ones_like(mean)))
        self._group.average(tables)  # each process has seen its own tasks
        mean, std, known = tables
        rows = torch.nonzero(known[:, 0])[:, 0]
        share = known[rows]
        self.model.set_obs_scale(mean[rows] / share, std[rows] / share, rows)
        self._is_scaled[rows.cpu().numpy()] = True
        self._player.weights_changed()

    def _learn(self) -> dict[str, Tensor]:
        """Take the updates due for the step that is being played, on what was there before it."""
        config, seeding_steps = self.config, self._seeding_steps
        if self.env_steps + self._steps_at_once < seeding_steps:
            return {}
        self._updates_due += self._steps_at_once * config.updates_per_env_step
        if self.env_steps < max(1, seeding_steps):  # the first time
            self._updates_due += config.seeding_updates
        if self.env_steps < seeding_steps:
            return {}
        self._scale_observations()
        if self._updates_due < 1 or not self._replay.num_episodes:
            return {}
        num_updates = int(self._updates_due)
        self._updates_due -= num_updates
        metrics: dict[str, Tensor] = {}
        batches = drawn_ahead(self._draw_batch, num_updates)
        for _ in range(num_updates):
            with self.times.part("sampling"):
                batch = next(batches)
            with self.times.part("learning"):
                metrics = self.learner.update(batch)
            self.updates += 1
        self._player.weights_changed()
        return metrics

    def _draw_batch(self) -> Batch:
        config, batch_size = self.config, self._batch_size
        num_demos = round(config.demo_share * batch_size) if self._demos else 0
        batch = self._replay.sample(batch_size - num_demos, self._rng, self._device)
        if config.imitate == "demonstrations":
            batch = dataclasses.replace(batch, weight=torch.zeros_like(batch.reward))
        if self._demos and num_demos:
            demos = self._demos.sample(num_demos, self._rng, self._device)
            batch = join([demos, batch])
        return batch

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

    def _keep(self, number: int, episode: Episode, score: float) -> None:
        self._replay.add(
            *(number, episode["obs"], episode["action"], episode["reward"], episode.get("feature"))
        )
        self._journal.add(number, episode)

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(
            model=self.model,
            tasks=self.config.tasks,
            encoder=self._encoder,
            target_q=self.learner.target_q.state_dict(),
            vision=self._images.name if self._images else None,
            prior_weight=self.config.prior_weight(self.env_steps),
        )

    def _save_final(self) -> None:
        """Write the last checkpoint, with the better way to play each task if that is asked for."""
        checkpoint, config = self._checkpoint(), self.config
        if config.choose_episodes:
            checkpoint = choose_plays(
                checkpoint,
                episodes=config.choose_episodes,
                before=checkpoint_before(config, checkpoint),
                seed=config.seed + 1,  # other episodes than those that were learned from
                device=str(self._device),
                workers=config.workers,
                precision=config.precision,
                on_progress=self._on_progress,
            )
        save_checkpoint(self.out / "final", checkpoint)

    def _evaluate(self) -> float | None:
        """Save, and return the mean score of evaluation episodes in environments of their own."""
        if self._log is None:
            return None
        self.save(self.out / "latest")
        if self.config.eval_episodes == 0:
            return None

        def newt(tasks: Sequence[str], **options: Any) -> Newt:
            return Newt(
                self._checkpoint(),
                tasks,
                device=str(self._device),
                seed=options["seed"],
                precision=self.config.precision,
                compile=self.config.compile,
            )

        with self.times.part("evaluating"):
            return evaluate_run(
                newt,
                self._log,
                tasks=self.config.tasks,
                out=self.out,
                env_steps=self.env_steps,
                episodes=self.config.eval_episodes,
                seed=self.config.seed,
                workers=self.config.workers,
                obs_type=self.config.obs,
            )

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
            updates = self._num_pretrained + self.updates
            self._log.losses(phase, self.env_steps, updates, numbers)

    @property
    def _folder(self) -> Path:
        """Where this process keeps its state."""
        return self.out if self._group.is_first else self.out / f"process-{self._group.rank}"

    def _open(self) -> None:
        """Start the folder of a run, or go on with the one that is there."""
        described = {**dataclasses.asdict(self.config), "num_processes": self._group.size}
        # A run of before an option existed was one with its default.
        before = {**dataclasses.asdict(TrainConfig(tasks=())), **_OLDER_RUNS}
        if open_run(self._folder, described, may_change=_MAY_CHANGE, defaults=before):
            self._load_snapshot()

    def _save_snapshot(self) -> None:
        """Write everything that the rest of the run depends on."""
        self._journal.write()
        tensors = {
            "mean": self._player.mean,
            "generator": self._generator.get_state(),
            **self.learner.tensors(),
        }
        numbers = {
            "env_steps": self.env_steps,
            "updates": self.updates,
            "pretrained": self._num_pretrained,
            "tokens": self._updates_due,
            "episodes_begun": self._collector.episodes_begun(),
            "num_journals": self._journal.num_files,
            "warmups": self.learner.warmup_counts(),
            "rng": self._rng.bit_generator.state,
            "is_scaled": self._is_scaled.tolist(),
        }
        save_snapshot(self._folder, tensors, numbers)

    def _load_snapshot(self) -> None:
        with restoring(self._folder, self.config.device) as (tensors, numbers):
            self.learner.restore(tensors, numbers["warmups"])
            self._player.mean = tensors["mean"]
            self._generator.set_state(tensors["generator"].cpu())
            self.env_steps = count_of(numbers, "env_steps")
            self.updates = count_of(numbers, "updates")
            self._num_pretrained = count_of(numbers, "pretrained")
            self._updates_due = numbers["tokens"]
            self._collector.restore(numbers["episodes_begun"])
            self._rng.bit_generator.state = numbers["rng"]
            self._is_scaled |= np.array(numbers.get("is_scaled", False))
            self._journal.read(count_of(numbers, "num_journals"), self._replay)
