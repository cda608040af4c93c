"""Meta-World's own scripted policies, which stay where the goal holds."""

import warnings

import numpy as np
from metaworld.policies import ENV_POLICY_MAP

from mmbench.agent import Expert
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

_HAND = slice(0, 3)
_OBJECT = slice(4, 7)
_GOAL = slice(-3, None)
_STEERED = ("mw-handle-press", "mw-handle-press-side", "mw-sweep-into")
"""Tasks whose object moves on by itself: the hand brings it back to the goal."""


def build(env: TaskEnv) -> Expert:
    """Return the policy of the environment's task.

    The policies drive on after a success, and episodes are judged at their last step.
    """
    policy = ENV_POLICY_MAP[env.task.params["environment"].removesuffix("-goal-observable")]()
    was_success = False

    def act(env: TaskEnv) -> FloatArray:
        nonlocal was_success
        was_success = was_success or env.is_success
        obs = env.last_state.astype(np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some policies say that they ask for too much
            action = policy.get_action(obs)
        if was_success and env.task.id in _STEERED:
            action[_HAND] = 10 * (obs[_GOAL] - obs[_OBJECT])
        elif env.is_success:
            action[_HAND] = 0.0
        return np.clip(action, -1, 1).astype(np.float32)

    return act
