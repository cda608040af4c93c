"""Playing an episode and writing down what happened."""

from collections.abc import Callable

from mmbench.env import TaskEnv
from mmbench.episodes.record import EpisodeRecord
from mmbench.simulator import FloatArray


def record_episode(
    env: TaskEnv, act: Callable[[TaskEnv], FloatArray], *, agent: str
) -> EpisodeRecord:
    """Play the episode that `env` has just begun to its end.

    Args:
        env: The environment, after its reset.
        act: Called before every step; returns the action, float32, shape `(action_dim,)`.
        agent: Who plays.
    """
    assert env.episode_seed is not None
    actions, rewards = [], []
    is_over = False
    while not is_over:
        actions.append(act(env))
        _, reward, _, is_over, info = env.step(actions[-1])
        rewards.append(reward)
    return EpisodeRecord.now(
        env.task,
        seed=env.episode_seed,
        actions=actions,
        rewards=rewards,
        info=info,
        agent=agent,
        assets=env.simulator.assets,
    )
