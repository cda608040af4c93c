"""An agent against episodes: asked for its actions, and its episodes written down."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.agent import Agent, EpisodeSeeded
from mmbench.episodes import EpisodeRecord
from mmbench.errors import AgentError
from mmbench.registry import get_task
from mmbench.simulator import FloatArray
from mmbench.spec import MAX_ACTION_DIM
from mmbench.vector import MultitaskVectorEnv
from mmbench.vector.layout import STAY_IDLE


class Match:
    """An agent against episodes.

    Args:
        envs: The slots that they are played in.
        agent: Built for these slots.
        agent_name: Stands in the records.
        seeds: Of the episodes, per task.
        keep: Is given episodes as soon as they are finished.
        on_env_steps: Is told how many env steps were played; less than none if they were lost.
    """

    def __init__(
        self,
        envs: MultitaskVectorEnv,
        agent: Agent,
        agent_name: str,
        seeds: Mapping[str, Sequence[int]],
        *,
        keep: Callable[[Sequence[EpisodeRecord]], None],
        on_env_steps: Callable[[int], None],
    ) -> None:
        self._envs = envs
        self._agent = agent
        self._agent_name = agent_name
        self._queues = {task: deque(of_task) for task, of_task in seeds.items()}
        self._keep = keep
        self._on_env_steps = on_env_steps
        self._specs = [get_task(task) for task in envs.tasks]
        n = envs.num_envs
        self._actions: list[list[FloatArray]] = [[] for _ in range(n)]
        self._rewards: list[list[float]] = [[] for _ in range(n)]

    def play(self) -> None:
        """Play all episodes, each once.

        Raises:
            AgentError: If the agent answers with something that is not an action.
        """
        envs = self._envs
        obs, _ = envs.reset(seed=[self._next_seed(task) for task in envs.tasks])
        seeds, active = envs.episode_seeds, envs.active
        self._queue_next_seeds(active)
        first = active.copy()
        while active.any():
            if first.any() and isinstance(self._agent, EpisodeSeeded):
                self._agent.begin_episodes(np.flatnonzero(first), seeds[first])
            actions = self._ask(obs, first, active)
            obs, rewards, _, truncated, info = envs.step(actions)
            for slot in np.flatnonzero(active):
                self._actions[slot].append(actions[slot, : self._specs[slot].action_dim].copy())
                self._rewards[slot].append(rewards[slot])
            self._on_env_steps(int(active.sum()))
            if truncated.any():
                self._finish(truncated, seeds, info["final_info"])
                seeds, active = envs.episode_seeds, envs.active
                # A slot whose worker was replaced plays the same episode again; what follows it
                # was queued before.
                is_new = truncated & active & ~info["final_info"]["worker_restarted"]
                self._queue_next_seeds(is_new)
            first = truncated & active

    def _next_seed(self, task: str) -> int:
        queue = self._queues[task]
        return queue.popleft() if queue else STAY_IDLE

    def _queue_next_seeds(self, begun: NDArray[np.bool_]) -> None:
        """Tell slots that have begun an episode which one follows it."""
        for slot in np.flatnonzero(begun):
            self._envs.set_next_seed(int(slot), self._next_seed(self._envs.tasks[slot]))

    def _ask(self, obs: Any, first: NDArray[np.bool_], active: NDArray[np.bool_]) -> FloatArray:
        answer = self._agent.act(obs, first=first)
        expected = (self._envs.num_envs, MAX_ACTION_DIM)
        try:
            actions = np.asarray(answer, np.float32)
        except (TypeError, ValueError):
            raise AgentError(
                f"agent {self._agent_name!r} answered with a {type(answer).__name__}, "
                f"expected float32 actions of shape {expected}"
            ) from None
        if actions.shape != expected:
            raise AgentError(
                f"agent {self._agent_name!r} answered with shape {actions.shape}, "
                f"expected {expected}"
            )
        is_used = self._envs.action_mask & active[:, None]
        broken = ~np.isfinite(actions) & is_used
        if broken.any():
            slot, entry = (int(i) for i in np.argwhere(broken)[0])
            raise AgentError(
                f"agent {self._agent_name!r} answered with {actions[slot, entry]} in entry "
                f"{entry} of its action for {self._envs.tasks[slot]}, expected finite numbers"
            )
        return np.where(is_used, actions, np.float32(0))

    def _finish(
        self,
        truncated: NDArray[np.bool_],
        seeds: NDArray[np.int64],
        final: Mapping[str, NDArray[Any]],
    ) -> None:
        records = []
        stand_ins = self._envs.uses_stand_ins
        for slot in np.flatnonzero(truncated):
            actions, rewards = self._actions[slot], self._rewards[slot]
            self._actions[slot], self._rewards[slot] = [], []
            if final["worker_restarted"][slot]:
                self._on_env_steps(-len(rewards))
                continue  # the slot plays this episode once more
            spec = self._specs[slot]
            records.append(
                EpisodeRecord.now(
                    spec,
                    seed=int(seeds[slot]),
                    actions=actions,
                    rewards=rewards,
                    info={name: values[slot] for name, values in final.items()},
                    agent=self._agent_name,
                    assets="stand-in" if stand_ins[slot] else "official",
                )
            )
        if records:
            self._keep(records)
