"""Gymnasium's Box2D games, changed as MMBench changes them, as a Simulator."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from mmbench.domains.box2d.bipedal_walker import BipedalWalkerGame
from mmbench.domains.box2d.lunar_lander import LunarLanderGame
from mmbench.replayed import ReplayedSimulator
from mmbench.simulator import AssetVariant, FloatArray, Image, Transition
from mmbench.spec import TaskSpec

ACTION_REPEAT = 2


class _Game(Protocol):
    fields: tuple[str, ...]
    """Attributes that change during an episode."""
    is_blind: bool
    """Whether observations may lack what rewards do not depend on."""

    @property
    def bodies(self) -> Sequence[Any]:
        """The moving bodies: trunk first, then legs."""

    def start(self, rng: np.random.Generator) -> FloatArray: ...

    def advance(self, action: FloatArray) -> float: ...

    def observe(self) -> FloatArray: ...

    def draw(self, height: int, width: int) -> Image: ...


class _RoughState(NamedTuple):
    seed: int
    bodies: list[tuple[Any, ...]]
    contacts: list[bool]
    fields: dict[str, Any]


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

    def simplify(self) -> None:
        """Leave out the rangefinder, which rewards do not depend on."""
        self.game.is_blind = True
        self._begin(self._seed)

    def get_rough_state(self) -> _RoughState:
        """Return places and velocities, without the impulses between bodies in contact."""
        trunk, *legs = self.game.bodies
        places = [
            (tuple(b.position), b.angle, tuple(b.linearVelocity), b.angularVelocity, b.awake)
            for b in (trunk, *legs)
        ]
        contacts = [getattr(leg, "ground_contact", False) for leg in legs]
        fields = {name: copy.deepcopy(getattr(self.game, name)) for name in self.game.fields}
        return _RoughState(self._seed, places, contacts, fields)

    def set_rough_state(self, state: _RoughState) -> None:
        """Go to about the state of a simulator of the same task; for planning only."""
        if state.seed != self._seed:
            self._begin(state.seed)
        self._actions = []
        trunk, *legs = self.game.bodies
        for body, (position, angle, velocity, spin, is_awake) in zip(
            (trunk, *legs), state.bodies, strict=True
        ):
            body.transform = (position, angle)
            body.linearVelocity, body.angularVelocity = velocity, spin
            body.awake = is_awake
        for leg, has_contact in zip(legs, state.contacts, strict=True):
            leg.ground_contact = has_contact
        for name, value in state.fields.items():
            setattr(self.game, name, copy.deepcopy(value))

    def render(self, height: int, width: int) -> Image:
        """Draw the scene."""
        return self.game.draw(height, width)

    def close(self) -> None:
        """Nothing to free: worlds go with the object."""
