"""What is planned for where the reward alone shows no way: privileged, and never recorded.

Each function takes the simulator after a step and the step's reward, and returns the step's value.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from mmbench.domains.miniarcade.games.cartpole import TRACK_LIMIT

Objective = Callable[[Any, float], float]


def reward(simulator: Any, reward: float) -> float:
    """The reward itself."""
    return reward


def finger_turn(simulator: Any, reward: float) -> float:
    """Bring the spinner's tip to the target, and the finger to the spinner."""
    physics = simulator.physics
    return reward - 4.0 * max(0.0, float(physics.dist_to_target())) - 0.3 * _gap_to_spinner(physics)


def finger_spin(simulator: Any, reward: float) -> float:
    """Spin it, ever faster; come near it."""
    physics = simulator.physics
    return reward + min(1.0, -float(physics.hinge_velocity()) / 15) - 0.3 * _gap_to_spinner(physics)


def _gap_to_spinner(physics: Any) -> float:
    data = physics.named.data
    return float(np.linalg.norm(data.site_xpos["touchtop"] - data.xpos["spinner"]))


def cup(simulator: Any, reward: float) -> float:
    """Bring the ball above the cup, then into it."""
    physics = simulator.physics
    x, z = physics.ball_to_target()
    return 2 * reward - float(np.hypot(x, z))


def hopper_stand(simulator: Any, reward: float) -> float:
    """Raise the torso above the foot, upright."""
    return reward + _stance(simulator.physics)


def hopper_hop(simulator: Any, reward: float) -> float:
    """Stand, and move ahead."""
    physics = simulator.physics
    return reward + _stance(physics) + 0.3 * min(2.0, float(physics.speed()))


def hopper_back(simulator: Any, reward: float) -> float:
    """Stand, and move back."""
    physics = simulator.physics
    return reward + _stance(physics) + 0.3 * min(1.0, -float(physics.speed()))


def _stance(physics: Any) -> float:
    upright = float(physics.named.data.xmat["torso", "zz"])
    return 0.5 * min(0.6, float(physics.height())) + 0.5 * upright


def gymnasium_run(simulator: Any, reward: float) -> float:
    """Move ahead, rather than just stand, which most of the first rewards are for."""
    return reward + 3 * float(simulator.env.data.qvel[0]) if reward > 0 else reward


def game_pole(simulator: Any, reward: float) -> float:
    """Raise the pole, on the track: the reward of the task that is not sparse."""
    game = simulator.game
    if abs(game.x) > TRACK_LIMIT:
        return 0.0
    return 1.0 - min(abs(float(game.angle)), np.pi / 2) / (np.pi / 2)


def fish(simulator: Any, reward: float) -> float:
    """Bring the mouth to the target."""
    return reward - 2 * float(np.linalg.norm(simulator.physics.mouth_to_target()))


OBJECTIVES: Mapping[str, Objective] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            *(reward, cup, finger_spin, finger_turn, fish),
            *(hopper_back, hopper_hop, hopper_stand, game_pole, gymnasium_run),
        )
    }
)
