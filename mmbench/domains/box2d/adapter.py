"""Gymnasium's Box2D games, changed as MMBench changes them, as a Simulator."""

from typing import Protocol

import numpy as np

from mmbench.domains.box2d.bipedal_walker import BipedalWalkerGame
from mmbench.domains.box2d.lunar_lander import LunarLanderGame
from mmbench.replayed import ReplayedSimulator
from mmbench.simulator import AssetVariant, FloatArray, Image, Transition
from mmbench.spec import TaskSpec

ACTION_REPEAT = 2


class _Game(Protocol):
    def start(self, rng: np.random.Generator) -> FloatArray: ...

    def advance(self, action: FloatArray) -> float: ...

    def observe(self) -> FloatArray: ...

    def draw(self, height: int, width: int) -> Image: ...


class Box2DSimulator(ReplayedSimulator):
    """A bipedal walker or a lunar lander, going on after a crash."""

    assets: AssetVariant = "official"

    def __init__(self, spec: TaskSpec, *, pictures: bool) -> None:
        super().__init__()
        self.game: _Game = (
            BipedalWalkerGame(spec.params["terrain"])
            if "terrain" in spec.params
            else LunarLanderGame(spec.params["mission"])
        )

    def start(self, seed: int) -> FloatArray:
        """Build a new world; nothing of the last one is left in it."""
        return self.game.start(np.random.default_rng(seed))

    def advance(self, action: FloatArray) -> Transition:
        """Play the action for two physics steps."""
        reward = 0.0
        for _ in range(ACTION_REPEAT):
            reward += self.game.advance(action)
        return Transition(self.game.observe(), reward, False)

    def render(self, height: int, width: int) -> Image:
        """Draw the scene."""
        return self.game.draw(height, width)

    def close(self) -> None:
        """Nothing to free: worlds go with the object."""
