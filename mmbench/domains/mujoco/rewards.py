"""What MMBench makes of the rewards of Gymnasium's environments, whose episodes end at no fall.

Source:
    arXiv:2511.19584. The equations themselves are Gymnasium's (`gymnasium.envs.mujoco.*_v4`).
"""


def while_healthy(reward: float, is_healthy: bool) -> float:
    """Leave out negative rewards, and charge 1 for a simulator step in an unhealthy state."""
    return max(0.0, reward) if is_healthy else -1.0


def until_failure(reward: float, has_failed: bool) -> float:
    """Earn nothing from the first failure on."""
    return 0.0 if has_failed else reward
