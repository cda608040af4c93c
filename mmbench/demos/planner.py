"""Planning in the simulator itself: sampling-based predictive control."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmbench.demos.objectives import OBJECTIVES
from mmbench.demos.plans import PlanSettings
from mmbench.env import TaskEnv
from mmbench.episodes import Trajectory
from mmbench.registry import get_task, load_simulator
from mmbench.simulator import (
    FloatArray,
    RoughlyRestorable,
    Simplifiable,
    SimState,
    Simulator,
)

_NUM_ELITES = 6
_NUM_KEPT = 3
_NUM_RECALLED = 3
_MIN_SCALE = 1e-3
_SCALES = (0.1, 0.3, 1.0, 1.5)


class Planner:
    """Plans with a simulator of its own, put to the state of the environment's.

    Every plan improves on the last one, shifted: noise splines of several widths are added to it,
    the best sequences are averaged with exponential weights, and the best of all that were tried is
    played. Where the planning model is exact, a plan does what it promised over its horizon.

    Source:
        MPPI (arXiv:1509.01149) with the splines of predictive sampling (arXiv:2212.00541).
    """

    def __init__(
        self,
        env: TaskEnv,
        settings: PlanSettings,
        *,
        seed: int,
        memory: Sequence[Trajectory] = (),
    ) -> None:
        self._settings = settings
        self._memory = _Memory(memory)
        self._rng = np.random.default_rng(seed)
        self._model = _planning_model(env.task.id)
        self._action_dim = env.task.action_dim
        self._kept: list[FloatArray] = []
        self._queue: list[FloatArray] = []
        self._objective = OBJECTIVES[settings.objective]

    def __call__(self, env: TaskEnv) -> FloatArray:
        """Return the next action, shape `(action_dim,)`."""
        if not self._queue:
            self._queue = list(self._plan(env))
        return self._queue.pop(0)

    def _plan(self, env: TaskEnv) -> FloatArray:
        """Return the actions to play now, shape `(replan, action_dim)`."""
        settings = self._settings
        state = _state_of(env.simulator)
        horizon = min(settings.horizon, env.task.max_episode_steps - env.env_steps)
        candidates = [_fitted(plan, horizon) for plan in self._kept]
        candidates += [_fitted(plan, horizon) for plan in self._memory.recall(env.last_state)]
        if not candidates:
            candidates = [np.zeros((horizon, self._action_dim), np.float32)]
        nominal = candidates[0]
        pool: list[tuple[float, FloatArray]] = []
        for _ in range(settings.num_iterations):
            num_new = settings.num_samples - len(candidates)
            candidates += [self._perturbed(nominal, i) for i in range(num_new)]
            pool += [(self._value(state, plan), plan) for plan in candidates]
            self._rng.shuffle(pool)  # equals come in any order
            pool = sorted(pool, key=lambda pair: -pair[0])[:_NUM_ELITES]
            nominal = _weighted_mean(pool)
            candidates = [nominal]
        num_played = min(settings.replan, horizon)
        self._kept = [plan[num_played:] for _, plan in pool[:_NUM_KEPT] if horizon > num_played]
        return pool[0][1][:num_played]

    def _perturbed(self, nominal: FloatArray, index: int) -> FloatArray:
        """Add a noise spline to a plan, or to none: the last of the scales forgets the plan."""
        settings = self._settings
        horizon = len(nominal)
        scale = _SCALES[index % len(_SCALES)]
        base = nominal if scale <= 1.0 else 0.0
        spacing = settings.spacing * (1 + index % 2)
        num_knots = -(-horizon // spacing) + 2
        knots = settings.noise * scale * self._rng.standard_normal((num_knots, self._action_dim))
        times = np.arange(horizon) / spacing + self._rng.random()
        lower = times.astype(int)
        share = (times - lower)[:, None]
        noise = (1 - share) * knots[lower] + share * knots[lower + 1]
        return np.clip(base + noise, -1, 1).astype(np.float32)

    def _value(self, state: SimState, plan: FloatArray) -> float:
        model = self._model
        _put(model, state)
        value = 0.0
        for action in plan:
            value += self._objective(model, model.step(action).reward)
        return value


@lru_cache(maxsize=1)
def _planning_model(task: str) -> Simulator:
    """Return a simulator to plan with; the episodes of a task share it."""
    model = load_simulator(get_task(task), pictures=False)
    if isinstance(model, Simplifiable):
        model.simplify()
    return model


def _state_of(simulator: Simulator) -> SimState:
    """Return a snapshot; a rough one where an exact one has to be replayed."""
    if isinstance(simulator, RoughlyRestorable):
        return simulator.get_rough_state()
    return simulator.get_state()


def _put(model: Simulator, state: SimState) -> None:
    if isinstance(model, RoughlyRestorable):
        model.set_rough_state(state)
    else:
        model.set_state(state)


class _Memory:
    """Finds what was done in states like the present one."""

    def __init__(self, trajectories: Sequence[Trajectory]) -> None:
        self._actions = [t.actions for t in trajectories]
        self._places = [(k, step) for k, a in enumerate(self._actions) for step in range(len(a))]
        if trajectories:
            # The observation after the last action has none to follow it.
            observed = np.concatenate([t.observations[:-1] for t in trajectories])
            self._scale = observed.std(axis=0) + _MIN_SCALE
            self._observed = observed / self._scale

    def recall(self, obs: FloatArray) -> list[FloatArray]:
        """Return the actions that followed the observations nearest to `obs`."""
        if not self._actions:
            return []
        distances = ((self._observed - obs / self._scale) ** 2).sum(axis=1)
        nearest = np.argsort(distances)[:_NUM_RECALLED]
        places = (self._places[int(i)] for i in nearest)
        return [self._actions[episode][step:] for episode, step in places]


def _fitted(plan: FloatArray, horizon: int) -> FloatArray:
    """Cut a plan to the horizon, or hold its last action."""
    missing = horizon - len(plan)
    if missing > 0:
        plan = np.concatenate([plan, np.repeat(plan[-1:], missing, axis=0)])
    return plan[:horizon]


def _weighted_mean(pool: list[tuple[float, FloatArray]]) -> FloatArray:
    values = np.array([value for value, _ in pool])
    spread = values.std() + 1e-9
    weights = np.exp((values - values.max()) / spread)
    stacked = np.stack([plan for _, plan in pool])
    mean: NDArray[np.float64] = np.tensordot(weights / weights.sum(), stacked, axes=1)
    return mean.astype(np.float32)
