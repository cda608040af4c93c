"""What is planned for where the reward alone shows no way: privileged, and never recorded.

Each function takes the simulator after a step and the step's reward, and returns the step's value.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

_LIFE = 5e-4
Objective = Callable[[Any, float], float]


def reward(simulator: Any, reward: float) -> float:
    """The reward itself."""
    return reward


def acrobot(simulator: Any, reward: float) -> float:
    """Raise the tip, and swing hard while it hangs."""
    physics = simulator.physics
    upper, lower = physics.vertical()
    return 3 * reward + 0.5 * (upper + lower) / 2


def finger_turn(simulator: Any, reward: float) -> float:
    """Bring the spinner's tip to the target, and the finger to the spinner."""
    physics = simulator.physics
    return (
        2 * reward
        - max(0.0, float(physics.dist_to_target()))
        + 0.2 * float(np.any(physics.touch() > 0))
    )


def cup(simulator: Any, reward: float) -> float:
    """Bring the ball above the cup, then into it."""
    physics = simulator.physics
    x, z = physics.ball_to_target()
    return 2 * reward - float(np.hypot(x, z))


def reacher(simulator: Any, reward: float) -> float:
    """Bring the finger to the target."""
    return (
        reward
        - 2 * float(simulator.physics.finger_to_target_dist())
        - 0.01 * float(np.abs(simulator.physics.data.qvel).sum())
    )


def pole(simulator: Any, reward: float) -> float:
    """Raise the pole and stay in the middle."""
    physics = simulator.physics
    return (
        reward
        + float(
            physics.pole_angle_cosine()[0]
            if np.ndim(physics.pole_angle_cosine())
            else physics.pole_angle_cosine()
        )
        - 0.1 * abs(float(physics.cart_position()))
        - 0.01 * float(np.abs(physics.angular_vel()).sum())
    )


def pendulum(simulator: Any, reward: float) -> float:
    physics = simulator.physics
    return reward + 0.5 * float(physics.pole_vertical())


def hopper_stand(simulator: Any, reward: float) -> float:
    """Raise the torso above the foot."""
    physics = simulator.physics
    up = float(physics.named.data.xmat["torso", "zz"])
    return reward + 0.5 * min(0.6, float(physics.height())) + 0.5 * up


def hopper_hop(simulator: Any, reward: float) -> float:
    physics = simulator.physics
    return (
        reward
        + 0.5 * min(0.6, float(physics.height()))
        + 0.5 * float(physics.named.data.xmat["torso", "zz"])
        + 0.3 * min(2.0, float(physics.speed()))
    )


def hopper_back(simulator: Any, reward: float) -> float:
    physics = simulator.physics
    return (
        reward
        + 0.5 * min(0.6, float(physics.height()))
        + 0.5 * float(physics.named.data.xmat["torso", "zz"])
        + 0.3 * min(1.0, -float(physics.speed()))
    )


def game_pole(simulator: Any, reward: float) -> float:
    """Raise the pole; angles are never wrapped."""
    game = simulator.game
    return reward + float(np.cos(game.angle)) - 0.5 * abs(game.angle) - 0.2 * abs(game.x)


def fish(simulator: Any, reward: float) -> float:
    """Bring the mouth to the target."""
    return reward - 2 * float(np.linalg.norm(simulator.physics.mouth_to_target()))


def console(simulator: Any, reward: float) -> float:
    """Score, and stay alive."""
    return reward + _LIFE * simulator.score_range * int(simulator.ale.lives())


OBJECTIVES: Mapping[str, Objective] = MappingProxyType(
    {
        f.__name__: f
        for f in (
            reward,
            acrobot,
            finger_turn,
            cup,
            reacher,
            pole,
            pendulum,
            hopper_stand,
            hopper_hop,
            hopper_back,
            game_pole,
            fish,
            console,
        )
    }
)
