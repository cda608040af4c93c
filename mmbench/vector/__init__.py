"""Many tasks in one vector environment: few worker processes, shared memory."""

from mmbench.vector.env import MultitaskVectorEnv, make_vec

__all__ = ["MultitaskVectorEnv", "make_vec"]
