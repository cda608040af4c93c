"""Padded observations and actions, cut to what the tasks at hand need."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.errors import UsageError
from mmbench.registry import get_task
from mmbench.spec import MAX_ACTION_DIM
from mmbench.vector.env import MultitaskVectorEnv


class Narrow:
    """As wide as the widest task of a vector environment.

    Attributes:
        obs_dim: Entries of an observation.
        action_dim: Entries of an action.

    Raises:
        UsageError: If the vector environment observes images.
    """

    def __init__(self, envs: MultitaskVectorEnv) -> None:
        if envs.obs_type != "state":
            raise UsageError(f"obs_type is {envs.obs_type!r}, expected state")
        specs = [get_task(task) for task in envs.tasks]
        self.obs_dim = max(spec.obs_dim for spec in specs)
        self.action_dim = max(spec.action_dim for spec in specs)

    def obs(self, padded: Any) -> NDArray[np.float32]:
        """Cut the last axis of observations."""
        return np.ascontiguousarray(padded[..., : self.obs_dim])

    def actions(self, actions: Any) -> NDArray[np.float32]:
        """Pad actions, shape `(num_envs, action_dim)`, with zeros."""
        padded = np.zeros((len(actions), MAX_ACTION_DIM), np.float32)
        padded[:, : self.action_dim] = actions
        return padded
