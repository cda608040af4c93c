"""A picture in the games' coordinates, drawn with pygame on a surface without a window."""

import math
from collections.abc import Sequence

import numpy as np
import pygame

from mmbench.simulator import Image

SIZE = 224
Colour = Sequence[int]
Point = tuple[float, float]

ORANGE = (255, 140, 0)
GREY = (180, 180, 180)
GREEN = (70, 160, 70)
GOLD, GOLD_RIM = (255, 215, 0), (200, 160, 0)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)

# Five rows of three bits per digit.
_FONT = {
    "0": (7, 5, 5, 5, 7),
    "1": (2, 6, 2, 2, 7),
    "2": (7, 1, 7, 4, 7),
    "3": (7, 1, 7, 1, 7),
    "4": (5, 5, 7, 1, 1),
    "5": (7, 4, 7, 1, 7),
    "6": (7, 4, 7, 5, 7),
    "7": (7, 1, 1, 1, 1),
    "8": (7, 5, 7, 5, 7),
    "9": (7, 5, 7, 1, 7),
}


class Canvas:
    """224 x 224 logical pixels, drawn at a whole multiple and scaled to the size asked for."""

    def __init__(self, height: int, width: int, background: Colour = BLACK) -> None:
        self._size = (width, height)
        self._scale = max(1, round(min(height, width) / SIZE))
        side = SIZE * self._scale
        self.surface = pygame.Surface((side, side))
        self.surface.fill(background)

    def rect(
        self,
        colour: Colour,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        outline: int = 0,
        rounding: int = 0,
    ) -> None:
        """Fill a rectangle, or draw its outline; corners are truncated like the games' own."""
        s = self._scale
        box = (int(x) * s, int(y) * s, int(width) * s, int(height) * s)
        pygame.draw.rect(self.surface, colour, box, outline * s, border_radius=rounding * s)

    def disc(self, colour: Colour, x: float, y: float, radius: float, *, rim: int = 0) -> None:
        """Fill a disc, or draw a ring of `rim` pixels inside its edge."""
        s = self._scale
        pygame.draw.circle(self.surface, colour, (int(x) * s, int(y) * s), radius * s, rim * s)

    def ellipse(self, colour: Colour, x: float, y: float, rx: float, ry: float) -> None:
        """Fill an ellipse with the given centre and semi-axes."""
        s = self._scale
        box = ((x - rx) * s, (y - ry) * s, 2 * rx * s, 2 * ry * s)
        pygame.draw.ellipse(self.surface, colour, pygame.Rect(box))

    def line(self, colour: Colour, start: Point, end: Point, width: int = 1) -> None:
        """Draw a line."""
        s = self._scale
        first, last = ((int(x) * s, int(y) * s) for x, y in (start, end))
        pygame.draw.line(self.surface, colour, first, last, width * s)

    def polygon(self, colour: Colour, points: Sequence[Point], *, outline: int = 0) -> None:
        """Fill a polygon, or draw its outline."""
        s = self._scale
        pixels = [(x * s, y * s) for x, y in points]
        pygame.draw.polygon(self.surface, colour, pixels, outline * s)

    def gradient(self, top: Colour, bottom: Colour, y: float, height: float) -> None:
        """Fill a band with a vertical gradient."""
        s = self._scale
        rows = max(1, int(height) * s)
        for row in range(rows):
            share = row / rows
            colour = [int(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)]
            line_y = int(y) * s + row
            pygame.draw.line(self.surface, colour, (0, line_y), (SIZE * s, line_y))

    def tint(
        self, colour: Colour, alpha: float, box: tuple[float, float, float, float] | None = None
    ) -> None:
        """Lay a translucent colour over the picture, or over the box (x, y, width, height)."""
        s = self._scale
        x, y, width, height = box or (0, 0, SIZE, SIZE)
        veil = pygame.Surface((int(width) * s, int(height) * s), pygame.SRCALPHA)
        veil.fill((*colour[:3], int(alpha)))
        self.surface.blit(veil, (int(x) * s, int(y) * s))

    def glow(self, colour: Colour, x: float, y: float, radius: float, alpha: float) -> None:
        """Draw a soft light that falls off toward its edge."""
        s = self._scale
        side = 2 * int(radius * s)
        light = pygame.Surface((side, side), pygame.SRCALPHA)
        for step in range(12, 0, -1):
            strength = alpha * (1 - step / 12) ** 2 + alpha / 40
            spot = (*colour[:3], int(min(255, strength)))
            pygame.draw.circle(light, spot, (side // 2, side // 2), side // 2 * step / 12)
        self.surface.blit(light, (int(x) * s - side // 2, int(y) * s - side // 2))

    def number(self, colour: Colour, value: int, x: float, y: float, dot: int = 3) -> None:
        """Write a number with its top left corner at (x, y); a digit is 3 x 5 dots."""
        for digit in str(value):
            for row, bits in enumerate(_FONT[digit]):
                for column in range(3):
                    if bits >> (2 - column) & 1:
                        self.rect(colour, x + column * dot, y + row * dot, dot, dot)
            x += 4 * dot

    def shift(self, dx: int, dy: int, fill: Colour) -> None:
        """Move the picture; the uncovered edge is filled."""
        s = self._scale
        moved = pygame.Surface(self.surface.get_size())
        moved.fill(fill)
        moved.blit(self.surface, (dx * s, dy * s))
        self.surface = moved

    def image(self) -> Image:
        """Return the picture, uint8, shape `(height, width, 3)`."""
        surface = self.surface
        if surface.get_size() != self._size:
            surface = pygame.transform.smoothscale(surface, self._size)
        return np.ascontiguousarray(pygame.surfarray.array3d(surface).swapaxes(0, 1))


def jagged(x: float, y: float, radii: Sequence[float], angle: float = 0.0) -> list[Point]:
    """Return the corners of a star-shaped polygon with the given radii."""
    count = len(radii)
    return [
        (
            x + radius * math.cos(angle + 2 * math.pi * k / count),
            y + radius * math.sin(angle + 2 * math.pi * k / count),
        )
        for k, radius in enumerate(radii)
    ]
