"""How a world model is asked for actions, while it is trained, evaluated and timed."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmbench import FloatArray
from newt_agent.config import PlannerConfig
from newt_agent.int8.world_model import Int8WorldModel
from newt_agent.planner import Plan, plan, shifted
from newt_agent.precision import PLAIN, Acceleration
from newt_agent.world_model import Contexts, PolicySample, WorldModel


class Player:
    """Acts in slots, step after step: encodes what they see, and asks the policy or plans.

    What follows from the weights alone is computed once, until `weights_changed`.

    Args:
        model: The world model.
        task: The slots' rows of its tables, shape `(E,)`.
        discount: Of the slots, shape `(E,)`.
        config: Of planning.
        generator: Of all noise.
        acceleration: How to compute.
        open_loop: Env steps played of a plan.
        plays_best: Whether the best sequence of a plan is played, not one drawn among the elites.

    Attributes:
        mean: Where the next plan starts, shape `(E, H, A)`.
    """

    def __init__(
        self,
        model: WorldModel,
        task: Tensor,
        *,
        discount: Tensor,
        config: PlannerConfig,
        generator: torch.Generator,
        acceleration: Acceleration = PLAIN,
        open_loop: int = 1,
        plays_best: bool = False,
    ) -> None:
        self.mask = model.action_masks[task]
        self._model = model
        self._task = task
        self._discount = discount
        self._config = config
        self._generator = generator
        self._acceleration = acceleration
        self._open_loop = open_loop
        self._plays_best = plays_best
        shape = (len(task), model.config.horizon, model.config.action_dim)
        self.mean = torch.zeros(shape, device=task.device)
        self._plan: Plan | None = None
        self._num_played = 0
        self.weights_changed()

    def weights_changed(self) -> None:
        """Forget what was computed of the weights."""
        self._known_contexts: Contexts | None = None
        self._known_planning_model: WorldModel | Int8WorldModel | None = None

    def noise(self) -> Tensor:
        """Draw standard normal noise for the actions, shape `(E, A)`."""
        return torch.randn(self.mask.shape, generator=self._generator, device=self.mask.device)

    @torch.no_grad()
    def ask_policy(
        self, states: FloatArray, features: FloatArray | None, noise: Tensor | None = None
    ) -> PolicySample:
        """Return what the policy answers; without noise its sample is its mean.

        Args:
            states: Padded observations, shape `(E, O)`.
            features: Of their images, shape `(E, F)`.
            noise: Standard normal, shape `(E, A)`.
        """
        z = self._encoded(states, features)
        noise = torch.zeros_like(self.mask) if noise is None else noise
        return self._model.act(z, self._contexts(), self.mask, noise)

    @torch.no_grad()
    def plan(
        self,
        states: FloatArray,
        features: FloatArray | None,
        first: NDArray[np.bool_],
        *,
        prior_weight: float = 0.0,
    ) -> Plan:
        """Return a plan whose action is to be played now; perhaps the last one, moved on.

        Args:
            states: Padded observations, shape `(E, O)`.
            features: Of their images, shape `(E, F)`.
            first: Whether an episode begins, shape `(E,)`.
            prior_weight: How much the plan starts from the policy.
        """
        is_old = self._num_played % self._open_loop == 0
        if self._plan is None or is_old or first.any():
            self._num_played = 0
            is_first = torch.from_numpy(np.asarray(first)).to(self.mean.device)
            self._plan = plan(
                self._planning_model(),
                self._encoded(states, features),
                self._task,
                context=self._contexts(),
                discount=self._discount,
                start=torch.where(is_first[:, None, None], 0.0, self.mean),
                config=self._config,
                generator=self._generator,
                prior_weight=prior_weight,
                is_deterministic=self._plays_best,
                acceleration=self._acceleration,
            )
            self.mean = self._plan.mean
        else:
            self._plan = self._plan._replace(action=self.mean[:, 0])
        self._num_played += 1
        self.mean = shifted(self.mean)
        return self._plan

    def _encoded(self, states: FloatArray, features: FloatArray | None) -> Tensor:
        device = self.mask.device
        return self._model.encode(
            torch.from_numpy(states).to(device),
            self._contexts(),
            None if features is None else torch.from_numpy(features).to(device),
        )

    def _contexts(self) -> Contexts:
        if self._known_contexts is None:
            self._known_contexts = self._model.contexts(frozen=True).of(self._task)
        return self._known_contexts

    def _planning_model(self) -> WorldModel | Int8WorldModel:
        if self._known_planning_model is None:
            self._known_planning_model = self._acceleration.for_planning(self._model)
        return self._known_planning_model
