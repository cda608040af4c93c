"""Every number of Newt in one place."""

from dataclasses import dataclass, field
from typing import Literal

from mmbench import MAX_ACTION_DIM, MAX_OBS_DIM

SizeName = Literal["XS", "S", "B", "L", "XL"]


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """Widths and counts of the networks.

    Source:
        arXiv:2511.19584, model sizes; parameter counts are in the tests. XS is not in the paper.
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
    prior_coef: float = 1.0
    """Weight of the behaviour-cloning error, in pretraining and online. The original configures 10
    and applies 1."""
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
    """Whether returns are scaled by their spread over all tasks, or over each task alone."""


@dataclass(frozen=True, kw_only=True)
class NewtConfig:
    """A world model and how it plans and learns."""

    size: SizeName = "L"
    """S (2M parameters), B (7M), L (20M) or XL (82M)."""
    obs_dim: int = MAX_OBS_DIM
    """Entries of the padded state."""
    action_dim: int = MAX_ACTION_DIM
    """Entries of the padded action."""
    embedding_dim: int = 512
    """Entries of a task's embedding; 0 without language."""
    feature_dim: int = 0
    """Entries of an image feature; 768 with DINOv2, 0 without images."""
    horizon: int = 3
    """Steps of the latent roll-out, in training and in planning."""
    has_normalised_obs: bool = False
    """Whether observations are normalised per task; the original sees them as they are."""
    has_clock: bool = False
    """Whether tasks whose experts walk to a rhythm show a clock; the original has none."""
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)

    @property
    def model_size(self) -> ModelSize:
        """The widths of `size`."""
        return SIZES[self.size]
