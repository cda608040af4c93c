"""Who plays demonstrations."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmbench.agent import (
    Agent,
    EpisodeSeeded,
    Expert,
    Privileged,
    build_agent,
    find_agent,
)
from mmbench.demos.beam import BeamPlayer, BeamSettings
from mmbench.demos.planner import Planner
from mmbench.demos.plans import DEFAULT_PLAN, PLANS, SCRIPTS, SEARCHED
from mmbench.env import TaskEnv
from mmbench.episodes import Trajectory
from mmbench.errors import DemonstrationError
from mmbench.simulator import FloatArray
from mmbench.spec import MAX_OBS_DIM, TaskSpec

AUTO, SCRIPTED, PLAN, SEARCH = "auto", "scripted", "plan", "search"


def expert_for(task: TaskSpec, expert: str) -> str:
    """Return who plays `task` when `expert` is asked for.

    `auto` takes a script if there is one, else a search through the whole episode in games, and
    planning in all other tasks.

    Raises:
        DemonstrationError: If a script or a search is asked for and the task has none.
        UnknownAgentError: If `expert` is none of these and no agent.
    """
    if expert == AUTO:
        if task.id in SCRIPTS:
            return SCRIPTED
        return SEARCH if task.id in SEARCHED else PLAN
    if expert == SCRIPTED and task.id not in SCRIPTS:
        raise DemonstrationError(f"{task.id} has no scripted expert; use --expert plan")
    if expert == SEARCH and task.id not in SEARCHED:
        raise DemonstrationError(f"{task.id} cannot be searched; use --expert plan")
    if expert not in (SCRIPTED, PLAN, SEARCH):
        find_agent(expert)
    return expert


def build_expert(
    env: TaskEnv,
    expert: str,
    *,
    budget: float = 1.0,
    memory: Sequence[Trajectory] = (),
    checkpoint: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Expert:
    """Return the expert for the episode that `env` has just begun.

    Args:
        env: The environment, after its reset.
        expert: `scripted`, `plan`, `search`, or an agent as `mmbench evaluate --agent` takes it.
        budget: Factor on the number of action sequences that are tried.
        memory: Earlier episodes of the task; planning tries what was done in similar states.
        checkpoint: For an agent.
        options: For an agent.
    """
    task = env.task
    assert env.episode_seed is not None
    if expert == SCRIPTED:
        script: Expert = importlib.import_module(SCRIPTS[task.id]).build(env)
        return script
    if expert == PLAN:
        settings = PLANS.get(task.id, DEFAULT_PLAN)
        return Planner(env, settings.scaled(budget), seed=env.episode_seed, memory=memory)
    if expert == SEARCH:
        return BeamPlayer(env, BeamSettings().scaled(budget))
    factory = find_agent(expert)
    if isinstance(factory, Privileged):
        return _EveryEpisode(factory, expert, checkpoint, options or {})
    agent = build_agent(
        factory,
        (task.id,),
        name=expert,
        checkpoint=checkpoint,
        device="cpu",
        seed=env.episode_seed,
        options=options or {},
    )
    return _AgentExpert(agent)


class _EveryEpisode:
    """Plays one episode after another with a privileged player, which is made for one."""

    def __init__(
        self, factory: Privileged, name: str, checkpoint: str | None, options: Mapping[str, Any]
    ) -> None:
        self._factory = factory
        self._given: dict[str, Any] = {"name": name, "checkpoint": checkpoint, "options": options}
        self._player: Expert | None = None

    def __call__(self, env: TaskEnv) -> FloatArray:
        if env.env_steps == 0 or self._player is None:
            assert env.episode_seed is not None
            self._player = self._factory.begin(
                env, device="cpu", seed=env.episode_seed, **self._given
            )
        return self._player(env)


class _AgentExpert:
    """Lets an agent play the one slot that there is."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def __call__(self, env: TaskEnv) -> FloatArray:
        obs = np.zeros((1, MAX_OBS_DIM), np.float32)
        obs[0, : env.task.obs_dim] = env.last_state
        if env.env_steps == 0 and isinstance(self._agent, EpisodeSeeded):
            self._agent.begin_episodes(np.array([0]), np.array([env.episode_seed]))
        actions = self._agent.act(obs, first=np.array([env.env_steps == 0]))
        return np.asarray(actions[0, : env.task.action_dim], np.float32)
