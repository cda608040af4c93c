"""Acting, and learning while environments step: runs of learners that play into a replay buffer.

A run in a folder that was stopped goes on from its last snapshot, bit for bit. Snapshots are taken
when all environments begin an episode at once: an environment is then a function of its seed.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mmbench import Agent, FloatArray, MMBenchError, task
from mmbench.checks import at_least
from mmbench.errors import UsageError
from mmbench.files import locked
from mmbench.language import EncoderName
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.training.collector import Collector
from mmbench.training.devices import checked_device
from mmbench.training.evaluation import evaluate_run
from mmbench.training.journal import Episode, Journal
from mmbench.training.log import RunLog
from mmbench.training.replay import Replay
from mmbench.training.run import SNAPSHOT, count_of, open_run, restoring, save_snapshot
from mmbench.training.tables import action_masks

_MAY_CHANGE = ("workers", "wandb")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What is played, and how much is learned."""

    tasks: tuple[str, ...]
    """Task ids."""
    copies: int = 1
    """Environments per task."""
    encoder: EncoderName = "minilm"
    """Text encoder; `none` trains without language."""
    env_steps: int = 100_000
    """Env steps to play, over all environments."""
    seeding_episodes: int = 5
    """Episodes of the longest task that every environment plays at random at first."""
    updates_per_env_step: float = 0.075
    """Gradient steps per env step."""
    replay_capacity: int = 1_000_000
    """Rows of the replay buffer."""
    eval_interval: int = 10_000
    """Env steps between evaluations."""
    eval_episodes: int = 3
    """Episodes per task of an evaluation."""
    seed: int = 0
    """Of networks, environments, noise and batches."""
    device: str = "cpu"
    """Where to compute, e.g. cuda."""
    workers: int = 1
    """Worker processes for environments; 0 plays in this process."""
    wandb: str | None = None
    """Project of Weights & Biases to log to as well."""

    def __post_init__(self) -> None:
        at_least(1, copies=self.copies, replay_capacity=self.replay_capacity)
        at_least(1, eval_interval=self.eval_interval, eval_episodes=self.eval_episodes)
        at_least(0, env_steps=self.env_steps, seeding_episodes=self.seeding_episodes)
        at_least(0, updates_per_env_step=self.updates_per_env_step, seed=self.seed)
        at_least(0, workers=self.workers)
        for name in self.tasks:
            task(name)
        if len(set(self.tasks)) < len(self.tasks):
            raise UsageError("a task is named twice; --copies plays it several times")
        checked_device(self.device)


class Learner(Protocol):
    """What differs between algorithms.

    Attributes:
        replay: Where finished episodes go.
    """

    replay: Replay

    def explore(
        self, obs: FloatArray, task: NDArray[np.int64], first: NDArray[np.bool_]
    ) -> FloatArray:
        """Return actions with noise, shape `(E, A)`.

        Args:
            obs: Observations of the slots, shape `(E, O)`.
            task: Numbers of their tasks, shape `(E,)`.
            first: Where an episode begins, shape `(E,)`.
        """

    def update(self) -> Mapping[str, Tensor]:
        """Take a gradient step on what is in `replay`; return what is worth logging."""

    def snapshot(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and JSON numbers that `restore` goes on from, without `replay`."""

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Set the state that `snapshot` returned; `replay` holds its episodes already."""

    def save(self, folder: Path) -> None:
        """Write a checkpoint."""

    def player(self, tasks: Sequence[str]) -> Agent:
        """Return an agent that plays slots with the weights of now, without noise."""


class OnlineRun:
    """A run in a folder.

    Args:
        config: What to play.
        algorithm: The numbers of the algorithm, a dataclass: the run is theirs.
        learner: The algorithm.
        out: The run's folder.
        on_progress: Called now and then.

    Attributes:
        env_steps: Played so far, over all environments.
        updates: Of the learner so far.
    """

    def __init__(
        self,
        config: RunConfig,
        algorithm: Any,
        learner: Learner,
        out: Path,
        on_progress: OnProgress = ignore_progress,
    ) -> None:
        self.env_steps = 0
        self.updates = 0
        self._config = config
        self._described = dataclasses.asdict(config) | dataclasses.asdict(algorithm)
        self._learner = learner
        self._out = out
        self._on_progress = on_progress
        self._rng = np.random.default_rng(config.seed)
        self._journal = Journal(out / "journal")
        self._collector = Collector(
            config.tasks,
            own=range(len(config.tasks)),
            copies=config.copies,
            seed=config.seed,
            obs_type="state",
            workers=config.workers,
            images=None,
            on_episode=self._keep,
        )
        self._last_score: float | None = None
        self._tokens = 0.0

    def run(self) -> None:
        """Train to the end; `final` in the run's folder is the checkpoint.

        Raises:
            RunError: If the folder holds another run, or another process is at work in it.
        """
        with locked(self._out):
            if open_run(self._out, self._described, may_change=_MAY_CHANGE):
                self._load_snapshot()
            log = RunLog(
                self._out,
                self._described,
                env_steps=self.env_steps,
                updates=self.updates,
                wandb=self._config.wandb,
            )
            try:
                if self.env_steps < self._config.env_steps:
                    self._play(log)
                self._learner.save(self._out / "final")
            finally:
                log.close()

    def _play(self, log: RunLog) -> None:
        config, learner = self._config, self._learner
        longest = max(task(name).max_episode_steps for name in config.tasks)
        with self._collector as collector:
            num_slots = collector.num_slots
            seeding_steps = config.seeding_episodes * longest * num_slots
            masks = action_masks(config.tasks).numpy()[collector.slot_task]
            metrics: Mapping[str, Tensor] = {}
            while self.env_steps < config.env_steps:
                if self.env_steps < seeding_steps:
                    actions = masks * self._rng.uniform(-1, 1, masks.shape).astype(np.float32)
                else:
                    seen = collector.seen
                    actions = learner.explore(seen.states, collector.slot_task, seen.first)
                collector.send(actions)
                if self.env_steps + num_slots >= seeding_steps:
                    self._tokens += num_slots * config.updates_per_env_step
                # Beside the environments, on what was there before they stepped.
                is_learning = self.env_steps >= seeding_steps and learner.replay.num_episodes
                while self._tokens >= 1 and is_learning:
                    self._tokens -= 1
                    metrics = learner.update()
                    self.updates += 1
                collector.receive()
                if not collector.is_aligned:
                    collector.begin_anew()
                self.env_steps += num_slots
                self._after_step(log, metrics)

    def _after_step(self, log: RunLog, metrics: Mapping[str, Tensor]) -> None:
        config, step = self._config, self.env_steps
        num_slots, all_begin = self._collector.num_slots, self._collector.all_begin
        before = step - num_slots
        is_due = step // config.eval_interval > before // config.eval_interval
        if is_due or step >= config.env_steps:
            self._evaluate(log)
        if all_begin:
            self._log_losses(log, metrics)
            self._save_snapshot()
        if all_begin or is_due or step % (50 * num_slots) == 0:
            note = "" if self._last_score is None else f"score {self._last_score:.3f}"
            self._on_progress(Progress("training", step, config.env_steps, note))

    def _evaluate(self, log: RunLog) -> None:
        def player(tasks: Sequence[str], **options: Any) -> Agent:
            return self._learner.player(tasks)

        config = self._config
        self._last_score = evaluate_run(
            player,
            log,
            tasks=config.tasks,
            out=self._out,
            env_steps=self.env_steps,
            episodes=config.eval_episodes,
            seed=config.seed,
            workers=config.workers,
        )
        self._learner.save(self._out / "latest")

    def _log_losses(self, log: RunLog, metrics: Mapping[str, Tensor]) -> None:
        if not metrics:
            return
        numbers = {name: float(value.detach()) for name, value in sorted(metrics.items())}
        if not all(math.isfinite(number) for number in numbers.values()):
            raise MMBenchError(
                f"training diverged after {self.updates} updates: a loss is not finite; "
                f"the last snapshot is in {self._out / SNAPSHOT}"
            )
        log.losses("training", self.env_steps, self.updates, numbers)

    def _keep(self, task_index: int, episode: Episode, score: float) -> None:
        self._learner.replay.add(task_index, episode["obs"], episode["action"], episode["reward"])
        self._journal.add(task_index, episode)

    def _save_snapshot(self) -> None:
        """Write everything that the rest of the run depends on."""
        self._journal.write()
        tensors, numbers = self._learner.snapshot()
        own = {
            "env_steps": self.env_steps,
            "updates": self.updates,
            "tokens": self._tokens,
            "episodes_begun": self._collector.episodes_begun(),
            "num_journals": self._journal.num_files,
            "rng": self._rng.bit_generator.state,
        }
        save_snapshot(self._out, tensors, {"run": own, "learner": numbers})

    def _load_snapshot(self) -> None:
        with restoring(self._out, self._config.device) as (tensors, numbers):
            own = numbers["run"]
            self.env_steps = count_of(own, "env_steps")
            self.updates = count_of(own, "updates")
            self._tokens = own["tokens"]
            self._collector.restore(own["episodes_begun"])
            self._rng.bit_generator.state = own["rng"]
            self._journal.read(count_of(own, "num_journals"), self._learner.replay)
            self._learner.restore(tensors, numbers["learner"])
