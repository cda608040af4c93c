"""The bipedal walker on five terrains."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.envs.box2d import bipedal_walker as gym_walker

from mmbench.domains.box2d import rewards
from mmbench.domains.box2d.drawing import draw_walker
from mmbench.simulator import FloatArray, Image

STEP = gym_walker.TERRAIN_STEP
BASE_HEIGHT = gym_walker.TERRAIN_HEIGHT
NUM_POINTS = gym_walker.TERRAIN_LENGTH
PAD_POINTS = gym_walker.TERRAIN_STARTPAD
# The original changed the package's picture size and scale after import; of all that depends on
# them only these see the new values.
VELOCITY_SCALE = 0.3 * (224 / 15) / 50
TERRAIN_NOISE = 1 / 15
CLOUD_HEIGHT = 11.2

_PIT_DEPTH = 3 * STEP


def _see_nothing(*arguments: Any) -> None:
    """Stand in for the world's ray casts, which take half of a step's time."""


class BipedalWalkerGame(gym_walker.BipedalWalker):
    """Gymnasium's walker with MMBench's terrains, reward and observation scale."""

    def __init__(self, terrain: str) -> None:
        self._make_heights = _TERRAINS[terrain]
        self._shaping = 0.0
        self._obs = np.zeros(24, np.float32)
        self.is_blind = False
        super().__init__()

    fields = ("game_over", "scroll", "prev_shaping", "_shaping")

    @property
    def bodies(self) -> list[Any]:
        """Hull and legs."""
        return [self.hull, *self.legs]

    def start(self, rng: np.random.Generator) -> FloatArray:
        """Start an episode in a new world and return its first observation."""
        self.np_random = rng
        self._destroy()
        self.world = gym_walker.Box2D.b2World()
        if self.is_blind:
            self.world.RayCast = _see_nothing
        self._obs, _ = self.reset()
        self._shaping = self._potential()
        return self.observe()

    def advance(self, action: FloatArray) -> float:
        """Play one physics step; return the clipped inner reward."""
        self._obs, *_ = self.step(action)
        potential = self._potential()
        gain = potential - self._shaping
        self._shaping = potential
        is_lost = self.game_over or self.hull.position.x < 0
        return rewards.walker(gain, action.tolist(), is_lost)

    def observe(self) -> FloatArray:
        """Return gymnasium's observation with MMBench's scale of velocities."""
        velocity = self.hull.linearVelocity
        self._obs[2] = VELOCITY_SCALE * velocity.x
        self._obs[3] = VELOCITY_SCALE * velocity.y
        return self._obs

    def draw(self, height: int, width: int) -> Image:
        """Draw the scene around the walker."""
        return draw_walker(self, height, width)

    def _potential(self) -> float:
        return rewards.walker_potential(self.hull.position.x, self.hull.angle)

    def _generate_terrain(self, hardcore: bool) -> None:
        """Lay the ground and the blocks (called by gymnasium's reset)."""
        heights, blocks = self._make_heights(self.np_random)
        self.terrain_x = [i * STEP for i in range(NUM_POINTS)]
        self.terrain_y = heights
        self.terrain = []
        for corners in blocks:
            self.fd_polygon.shape.vertices = corners
            self.terrain.append(self.world.CreateStaticBody(fixtures=self.fd_polygon))
        self.blocks = list(blocks)
        for i in range(NUM_POINTS - 1):
            self.fd_edge.shape.vertices = [
                (self.terrain_x[i], heights[i]),
                (self.terrain_x[i + 1], heights[i + 1]),
            ]
            self.terrain.append(self.world.CreateStaticBody(fixtures=self.fd_edge))

    def _generate_clouds(self) -> None:
        """Decoration belongs to the drawing."""


Blocks = list[list[tuple[float, float]]]
Heights = tuple[list[float], Blocks]


def _flat(rng: np.random.Generator) -> Heights:
    return [BASE_HEIGHT] * NUM_POINTS, []


def _rough(keep: float, pull: float, noise: float) -> Callable[[np.random.Generator], Heights]:
    def heights(rng: np.random.Generator) -> Heights:
        slope, y = 0.0, BASE_HEIGHT
        points = []
        for i in range(NUM_POINTS):
            slope = keep * slope + pull * float(np.sign(BASE_HEIGHT - y))
            if i > PAD_POINTS:
                slope += noise * rng.uniform(-1, 1)
            y = min(5.5, max(1.0, y + slope))
            points.append(y)
        return points, []

    return heights


def _hills(rng: np.random.Generator) -> Heights:
    base = BASE_HEIGHT + rng.uniform(-1.0, -0.8)
    amplitude = rng.uniform(0.4, 0.8)
    wavelength = rng.uniform(7.0, 14.0)
    return [
        min(5.5, max(1.0, base + amplitude * math.sin(2 * math.pi * i * STEP / wavelength)))
        for i in range(NUM_POINTS)
    ], []


def _obstacles(rng: np.random.Generator) -> Heights:
    """Grass, stumps and pits in turn, as a state machine over the points."""
    state, counter, is_first = "grass", PAD_POINTS, False
    slope, y, y_before_pit = 0.0, BASE_HEIGHT, BASE_HEIGHT
    points: list[float] = []
    blocks: Blocks = []
    for i in range(NUM_POINTS):
        x = i * STEP
        if state == "grass" and not is_first:
            slope = 0.8 * slope + 0.01 * float(np.sign(BASE_HEIGHT - y))
            if i > PAD_POINTS:
                slope += TERRAIN_NOISE * rng.uniform(-1, 1)
            y = min(5.5, max(1.5, y + slope))
        elif state == "pit" and is_first:
            cells = int(rng.integers(2, 4))
            for left in (x, x + cells * STEP):
                blocks.append(_box(left, left + STEP, y - _PIT_DEPTH, y))
            counter = cells + 2
            y_before_pit = y
        elif state == "pit":
            y = y_before_pit - (_PIT_DEPTH if counter > 1 else 0.0)
        elif state == "stump" and is_first:
            cells = int(rng.integers(2, 4))
            blocks.append(_box(x, x + cells * STEP, y, y + 0.75 * cells * STEP))
            counter = cells
        is_first = False
        points.append(y)
        counter -= 1
        if counter == 0:
            counter = int(rng.integers(5, 10))
            state = ("stump", "pit")[int(rng.integers(2))] if state == "grass" else "grass"
            is_first = True
    return points, blocks


def _box(left: float, right: float, bottom: float, top: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


_TERRAINS: dict[str, Callable[[np.random.Generator], Heights]] = {
    "flat": _flat,
    "uneven": _rough(keep=0.8, pull=0.011, noise=TERRAIN_NOISE),
    "rugged": _rough(keep=0.75, pull=0.015, noise=2.25 * TERRAIN_NOISE),
    "hills": _hills,
    "obstacles": _obstacles,
}
