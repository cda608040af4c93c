"""Gymnasium's Box2D games, changed as MMBench changes them, as a Simulator.

Box2D has no way to copy a world: its solver keeps impulses and contact orders that Python cannot
read. A snapshot is therefore the episode so far (start and actions), and going back to it plays
those actions again, which is exact but takes as long as the episode did.
"""

from typing import NamedTuple, Protocol

import numpy as np

from mmbench.domains.box2d.bipedal_walker import BipedalWalkerGame
from mmbench.domains.box2d.lunar_lander import LunarLanderGame
from mmbench.simulator import AssetVariant, FloatArray, Image, Transition
from mmbench.spec import TaskSpec

ACTION_REPEAT = 2


class _Game(Protocol):
    def start(self, rng: np.random.Generator) -> FloatArray: ...

    def advance(self, action: FloatArray) -> tuple[FloatArray, float]: ...

    def draw(self, height: int, width: int) -> Image: ...


class _State(NamedTuple):
    rng: np.random.Generator
    actions: tuple[FloatArray, ...]


class Box2DSimulator:
    """A bipedal walker or a lunar lander, going on after a crash."""

    assets: AssetVariant = "official"

    def __init__(self, spec: TaskSpec, *, pictures: bool) -> None:
        self._game: _Game = (
            BipedalWalkerGame(spec.params["terrain"])
            if "terrain" in spec.params
            else LunarLanderGame(spec.params["mission"])
        )
        self._start_rng = np.random.default_rng(0)
        self._actions: list[FloatArray] = []

    def reset(self, rng: np.random.Generator) -> FloatArray:
        """Build a new world; nothing of the last one is left in it."""
        self._start_rng = _copy_generator(rng)
        self._actions = []
        return self._game.start(rng)

    def step(self, action: FloatArray) -> Transition:
        """Play the action for two physics steps."""
        self._actions.append(action)
        reward = 0.0
        for _ in range(ACTION_REPEAT):
            obs, inner_reward = self._game.advance(action)
            reward += inner_reward
        return Transition(obs, reward, False)

    def render(self, height: int, width: int) -> Image:
        """Draw the scene."""
        return self._game.draw(height, width)

    def get_state(self) -> _State:
        """Return the episode so far."""
        return _State(self._start_rng, tuple(self._actions))

    def set_state(self, state: _State) -> None:
        """Play the episode of the snapshot again."""
        self.reset(_copy_generator(state.rng))
        for action in state.actions:
            self.step(action)

    def close(self) -> None:
        """Nothing to free: worlds go with the object."""


def _copy_generator(rng: np.random.Generator) -> np.random.Generator:
    bits = np.random.PCG64()
    bits.state = rng.bit_generator.state
    return np.random.Generator(bits)
