"""Every number of Newt in one place."""

from dataclasses import dataclass, field
from typing import Literal

from mmbench import MAX_ACTION_DIM, MAX_OBS_DIM, task
from mmbench.checks import at_least, between
from mmbench.errors import UsageError
from mmbench.language import EncoderName
from mmbench.training.devices import checked_device
from mmbench.training.replay import Sampling
from mmbench.vision import DINOV2

SizeName = Literal["XS", "S", "M", "B", "L", "XL"]
Precision = Literal["auto", "float32", "bfloat16", "int8"]
UpdatePrecision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """Widths and counts of the networks.

    Source:
        arXiv:2511.19584, model sizes; parameter counts are in the tests. XS and M are our own.
    """

    encoder_width: int
    mlp_width: int
    latent_dim: int
    num_encoder_layers: int
    num_q: int


SIZES: dict[SizeName, ModelSize] = {
    # Our own: enough for single tasks, on a CPU.
    "XS": ModelSize(
        encoder_width=128, mlp_width=128, latent_dim=128, num_encoder_layers=2, num_q=2
    ),
    "S": ModelSize(encoder_width=128, mlp_width=256, latent_dim=384, num_encoder_layers=2, num_q=3),
    # Our own, and what ships: an encoder wide enough for 200 tasks.
    "M": ModelSize(encoder_width=512, mlp_width=512, latent_dim=512, num_encoder_layers=3, num_q=2),
    "B": ModelSize(encoder_width=256, mlp_width=512, latent_dim=512, num_encoder_layers=2, num_q=5),
    "L": ModelSize(
        encoder_width=1024, mlp_width=1024, latent_dim=512, num_encoder_layers=3, num_q=5
    ),
    "XL": ModelSize(
        encoder_width=2048, mlp_width=2048, latent_dim=704, num_encoder_layers=4, num_q=7
    ),
}


@dataclass(frozen=True, kw_only=True)
class PlannerConfig:
    """Model-predictive path integral control in latent space."""

    num_iterations: int = 6
    """Refinements of the action distribution."""
    num_samples: int = 512
    """Action sequences per environment, those of the policy included."""
    num_elites: int = 64
    """Best sequences, which the distribution is fitted to."""
    num_policy_samples: int = 24
    """Sequences that follow the policy."""
    min_std: float = 0.05
    """Lower bound of the standard deviation of actions."""
    max_std: float = 2.0
    """Upper bound, and the standard deviation to start with."""
    temperature: float = 0.5
    """Weight of a sequence: exp(temperature (value - best value))."""


@dataclass(frozen=True, kw_only=True)
class LearningConfig:
    """Losses and optimisation."""

    consistency_coef: float = 20.0
    reward_coef: float = 0.1
    value_coef: float = 0.1
    entropy_coef: float = 1e-4
    pretrain_prior_coef: float = 1.0
    """Weight of the behaviour-cloning error in pretraining. The original configures 10 and applies
    1."""
    prior_coef: float = 1.0
    """Weight of the behaviour-cloning error online."""
    rho: float = 0.5
    """Weight of a time step relative to the one before; normalised over horizon + 1."""
    learning_rate: float = 3e-4
    encoder_rate_factor: float = 0.3
    policy_eps: float = 1e-5
    """Adam's epsilon for the policy; 1e-8 elsewhere."""
    max_grad_norm: float = 20.0
    warmup_updates: int = 0
    """Updates over which learning rates rise, of each optimiser by itself; the original's runs with
    demonstrations take 5000."""
    target_rate: float = 0.01
    """Share of the way that the target networks and the running scale go in an update."""
    target: Literal["ema", "online"] = "ema"
    """Q networks of the target: a moving average, or the online ones, which is what the original's
    compiled runs do."""
    scale: Literal["shared", "per-task"] = "shared"
    """Whether values are scaled by their spread over all tasks, or over each task alone."""


@dataclass(frozen=True, kw_only=True)
class NewtConfig:
    """A world model and how it plans and learns."""

    size: SizeName = "L"
    """XS, S (2M parameters), M (5M), B (7M), L (20M) or XL (82M)."""
    obs_dim: int = MAX_OBS_DIM
    """Entries of the padded state."""
    action_dim: int = MAX_ACTION_DIM
    """Entries of the padded action."""
    embedding_dim: int = 512
    """Entries of a task's embedding; 0 without language."""
    code_dim: int = 0
    """Entries of a code per task that is learned, as in TD-MPC2 (96 there); 0 for none."""
    feature_dim: int = 0
    """Entries of an image feature; 768 with DINOv2, 0 without images."""
    horizon: int = 3
    """Steps of the latent roll-out, in training and in planning."""
    has_normalised_obs: bool = False
    """Whether observations are normalised per task; the original sees them as they are."""
    has_residual_dynamics: bool = False
    """Whether the dynamics begin at "nothing changes"; the original's do not."""
    has_clock: bool = False
    """Whether tasks whose experts walk to a rhythm show a clock; the original has none."""
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)

    @property
    def model_size(self) -> ModelSize:
        """The widths of `size`."""
        return SIZES[self.size]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What a run does; planner and losses are by default the original's."""

    tasks: tuple[str, ...]
    """Task ids."""
    copies: int = 1
    """Environments per task."""
    encoder: EncoderName = "minilm"
    """Text encoder; `none` trains without language."""
    code_dim: int = 0
    """Entries of a code per task that is learned beside or instead of a text's; 0 for none."""
    normalise: bool = True
    """Whether observations are normalised per task, by what is there when learning begins."""
    clock: bool = False
    """Whether tasks whose experts walk to a rhythm have a clock in the observation."""
    residual: bool = False
    """Whether the dynamics begin at "nothing changes"; not in int8."""
    size: SizeName = "S"
    """XS (our own), S (2M parameters), B (7M), L (20M) or XL (82M)."""
    checkpoint: str | None = None
    """Folder or `.pt` file to start from; what it is like (size, text encoder, codes, normalised
    observations, clock, dynamics) counts then."""
    obs: Literal["state", "state+rgb"] = "state"
    """Whether the model sees pictures as well."""
    vision: str = DINOV2
    """Network that makes vectors of pictures: a name on the Hugging Face hub, or a folder."""
    env_steps: int = 100_000
    """Env steps to play, over all environments."""
    seeding_episodes: int = 5
    """Episodes of the longest task that every environment plays before learning begins."""
    seeding_updates: int = 0
    """Gradient steps at once when learning begins; as many as seeding steps in single-task
    TD-MPC2."""
    updates_per_env_step: float = 0.075
    """Gradient steps per env step."""
    batch_size: int = 1024
    """Sub-sequences per update."""
    demos: str | None = None
    """`shipped`, or a directory of demonstrations; none by default."""
    demo_share: float = 0.5
    """Share of demonstrations in a batch."""
    practice: bool = True
    """Whether disturbed demonstrations are learned from as well, and imitated by their labels."""
    demos_in_replay: bool = False
    """Whether the replay buffer begins with the demonstrations, as the original's does."""
    imitate: Literal["demonstrations", "all"] = "demonstrations"
    """What is imitated online: demonstrations, as much as they score, or, as in the original, what
    the agent itself has done as well."""
    pretrain_updates: int = 0
    """Updates on demonstrations before the first env step."""
    seeding_after_pretraining: bool = False
    """Whether the policy plays the seeding episodes after pretraining, as the original's does."""
    constraint_start: float = 0.0
    """Share of the run at which plans begin to start less from the policy; 0.02 in the original."""
    constraint_end: float = 0.5
    """Share of the run over which plans start from the policy rather than from the last plan,
    falling from 1 to 0; only after pretraining, or from a checkpoint. 0.12 in the original."""
    fresh: tuple[Literal["reward", "q", "policy"], ...] = ()
    """Networks that begin anew although there is a checkpoint."""
    replay_capacity: int = 1_000_000
    """Rows of the replay buffer."""
    sampling: Sampling = "task"
    """How sub-sequences are drawn from the buffer."""
    eval_interval: int = 10_000
    """Env steps between evaluations."""
    eval_episodes: int = 3
    """Episodes per task of an evaluation; 0 for none."""
    choose_episodes: int = 0
    """Episodes per task, of training seeds, that decide at the end whether the checkpoint plays the
    task by plans or by the policy alone, and whether anything was gained over the checkpoint that
    the run started from, which is kept otherwise; 0 leaves it at plans."""
    seed: int = 0
    """Of networks, environments, noise and batches."""
    device: str = "cpu"
    """Where to compute, e.g. cuda."""
    precision: Precision = "auto"
    """Of the products in planning; auto is what is fastest here, by a measurement of a second."""
    update_precision: UpdatePrecision = "float32"
    """Of the products in updates; auto is bfloat16 where the hardware is made for it."""
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
        at_least(0, eval_episodes=self.eval_episodes)
        at_least(0, seeding_episodes=self.seeding_episodes, pretrain_updates=self.pretrain_updates)
        at_least(0, updates_per_env_step=self.updates_per_env_step, seed=self.seed)
        at_least(0, workers=self.workers, code_dim=self.code_dim)
        at_least(0, choose_episodes=self.choose_episodes, seeding_updates=self.seeding_updates)
        between(0, 1, demo_share=self.demo_share, constraint_end=self.constraint_end)
        between(0, self.constraint_end, constraint_start=self.constraint_start)
        for name in self.tasks:
            task(name)
        if len(set(self.tasks)) < len(self.tasks):
            raise UsageError("a task is named twice; --copies plays it several times")
        if self.pretrain_updates and self.demos is None:
            raise UsageError("pretraining needs demonstrations; give --demos")
        if self.demos_in_replay and self.demos is None:
            raise UsageError("the buffer cannot begin with demonstrations; give --demos")
        if self.fresh and self.checkpoint is None:
            raise UsageError("without a checkpoint all networks begin anew; leave out --fresh")
        checked_device(self.device)

    def prior_weight(self, env_steps: int) -> float:
        """Return how much plans start from the policy after so many env steps, 0 to 1."""
        if self.constraint_end == 0 or not (self.pretrain_updates or self.checkpoint):
            return 0.0
        begin, end = self.constraint_start * self.env_steps, self.constraint_end * self.env_steps
        if env_steps >= end > 0:
            return 0.0
        return 1.0 if env_steps <= begin else 1.0 - (env_steps - begin) / (end - begin)
