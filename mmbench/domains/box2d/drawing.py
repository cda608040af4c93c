"""Pictures of the Box2D games, drawn on an off-screen surface."""

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmbench.simulator import Image

if TYPE_CHECKING:
    from mmbench.domains.box2d.bipedal_walker import BipedalWalkerGame
    from mmbench.domains.box2d.lunar_lander import LunarLanderGame

_WALKER_VIEW = 224 / 15  # world units across the picture
_LANDER_VIEW = 400 / 30
_OVERSAMPLING = 2

Point = tuple[float, float]
Colour = tuple[int, int, int]


class _Canvas:
    """A pygame surface seen in world units, y upward."""

    def __init__(self, height: int, width: int, view: float, left: float) -> None:
        import pygame  # pictures only; stepping needs no drawing library

        self.pygame = pygame
        self.size = (width * _OVERSAMPLING, height * _OVERSAMPLING)
        self.surface = pygame.Surface(self.size)
        self._output = (width, height)
        self._scale = (self.size[0] / view, self.size[1] / view)
        self._left = left

    def pixel(self, point: Sequence[float]) -> Point:
        return (
            (point[0] - self._left) * self._scale[0],
            self.size[1] - point[1] * self._scale[1],
        )

    def polygon(self, colour: Colour, points: Sequence[Sequence[float]], outline: int = 0) -> None:
        pixels = [self.pixel(p) for p in points]
        self.pygame.draw.polygon(self.surface, colour, pixels, outline)

    def line(self, colour: Colour, start: Point, end: Point, width: int) -> None:
        self.pygame.draw.line(self.surface, colour, self.pixel(start), self.pixel(end), width)

    def body(self, colour: Colour, edge: Colour, body: Any) -> None:
        for fixture in body.fixtures:
            corners = [body.transform * vertex for vertex in fixture.shape.vertices]
            self.polygon(colour, corners)
            self.polygon(edge, corners, outline=2)

    def disc(self, colour: tuple[int, int, int, int], centre: Point, radius: float) -> None:
        overlay = self.pygame.Surface(self.size, self.pygame.SRCALPHA)
        self.pygame.draw.circle(overlay, colour, self.pixel(centre), radius * self._scale[0])
        self.surface.blit(overlay, (0, 0))

    def image(self) -> Image:
        small = self.pygame.transform.smoothscale(self.surface, self._output)
        return np.ascontiguousarray(self.pygame.surfarray.array3d(small).swapaxes(0, 1))


def draw_walker(game: "BipedalWalkerGame", height: int, width: int) -> Image:
    """Draw the terrain and the robot; the view scrolls with the hull."""
    left = game.hull.position.x - _WALKER_VIEW / 5
    canvas = _Canvas(height, width, _WALKER_VIEW, left)
    canvas.surface.fill((215, 215, 252))
    for k in range(-1, 12):  # clouds move at half the speed of the ground
        x = left + (k * 6.3 - 0.5 * left) % 75 - 6
        y = 11.2 + 0.9 * math.sin(2.1 * k)
        cloud = [
            (x + 2.6 * math.cos(a) + 0.4 * math.sin(3 * a), y + 0.8 * math.sin(a))
            for a in (2 * math.pi * i / 9 for i in range(9))
        ]
        canvas.polygon((250, 250, 255), cloud)
    ground = list(zip(game.terrain_x, game.terrain_y, strict=True))
    canvas.polygon((112, 150, 82), [(ground[0][0], 0.0), *ground, (ground[-1][0], 0.0)])
    for start, end in itertools.pairwise(ground):
        canvas.line((76, 204, 76), start, end, 3)
    for block in game.blocks:
        canvas.polygon((255, 255, 255), block)
        canvas.polygon((153, 153, 153), block, outline=2)
    for leg, colour in zip(game.legs, ((128, 51, 102),) * 2 + ((178, 101, 152),) * 2, strict=True):
        edge = (colour[0] - 50, colour[1] - 25, colour[2] - 50)
        canvas.body(colour, edge, leg)
    canvas.body((127, 51, 229), (76, 76, 127), game.hull)
    return canvas.image()


def draw_lander(game: "LunarLanderGame", height: int, width: int) -> Image:
    """Draw the whole world with flags, or the goal disc where the mission has one."""
    canvas = _Canvas(height, width, _LANDER_VIEW, 0.0)
    canvas.surface.fill((20, 10, 15))
    canvas.polygon((230, 215, 220), [(0.0, 0.0), *game.ground, (_LANDER_VIEW, 0.0)])
    main, side = game.engine_power
    position, angle = game.lander.position, game.lander.angle
    down = (math.sin(angle), -math.cos(angle))
    if main > 0:
        for k in range(3):
            reach = 0.6 + 0.3 * k * main
            spot = (position.x + down[0] * reach, position.y + down[1] * reach)
            canvas.disc((190, 90, 70, 220 - 60 * k), spot, 0.12)
    if side != 0:
        reach = math.copysign(0.7, side)
        spot = (position.x + down[1] * reach, position.y - down[0] * reach)
        canvas.disc((170, 110, 100, 220), spot, 0.1)
    for body in (*game.legs, game.lander):
        canvas.body((128, 102, 230), (77, 77, 128), body)
    if game.goal is not None:
        canvas.disc((204, 204, 0, 104), game.goal, 1.0)
    else:
        for x in (game.helipad_x1, game.helipad_x2):
            top = game.helipad_y + 50 / 30
            canvas.line((255, 255, 255), (x, game.helipad_y), (x, top), 2)
            canvas.polygon((204, 204, 0), [(x, top), (x, top - 1 / 3), (x + 5 / 6, top - 1 / 6)])
    return canvas.image()
