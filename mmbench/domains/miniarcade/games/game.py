"""What a game is, and arithmetic that several share."""

import abc
import math
from typing import Any, ClassVar

import numpy as np

Rng = np.random.Generator

SCREEN = 224.0


class Game(abc.ABC):
    """A game's state and its rules.

    All randomness comes from the generator given to `reset`. Attributes are plain numbers, lists
    and the generator, so that a deep copy is a snapshot. Lengths are pixels of a 224 x 224 picture,
    x to the right and y downward; times are steps.
    """

    name: ClassVar[str]
    """Name of the picture that shows it."""

    rng: Rng
    decoration_seed = 0
    """Seed of everything that is only drawn."""
    num_steps = 0
    """Steps played since the reset."""

    def __init__(self, **params: Any) -> None:
        if params:
            raise TypeError(f"{type(self).__name__} takes no parameters, got {', '.join(params)}")

    def begin(self, rng: Rng) -> None:
        """Start an episode."""
        self.decoration_seed = int(rng.integers(2**31))
        self.rng = rng
        self.num_steps = 0
        self.reset()

    def play(self, action: list[float]) -> float:
        """Play one step; action entries are in [-1, 1]. Return the reward."""
        reward = self.step(action)
        self.num_steps += 1
        return reward

    @abc.abstractmethod
    def reset(self) -> None:
        """Set up the first state, drawing from `self.rng`."""

    @abc.abstractmethod
    def step(self, action: list[float]) -> float:
        """Advance the state; `self.num_steps` is the number of steps before this one."""

    @abc.abstractmethod
    def observe(self) -> list[float]:
        """Return the observation's entries."""

    def is_success(self) -> bool:
        """Whether the goal holds now; most games have none."""
        return False


def clip(value: float, low: float, high: float) -> float:
    """Bring a value into [low, high]."""
    return low if value < low else high if value > high else value


def fair_sign(rng: Rng) -> float:
    """Return -1 or 1."""
    return 1.0 if rng.random() < 0.5 else -1.0


def uniform(rng: Rng, low: float, high: float) -> float:
    """Draw from [low, high); much faster for one number than the generator's own method."""
    return low + (high - low) * rng.random()


def integer(rng: Rng, low: int, high: int) -> int:
    """Draw an integer, both ends included."""
    return low + int(rng.random() * (high - low + 1))


def decoration_rng(game: Game) -> Rng:
    """Return the generator of what is only drawn, the same for every picture of an episode."""
    return np.random.default_rng(game.decoration_seed)


def distance(x: float, y: float) -> float:
    """Return the length of (x, y)."""
    return math.sqrt(x * x + y * y)
