"""Pictures of the mine cart."""

import math

from mmbench.domains.miniarcade.games.cartpole import Cartpole
from mmbench.domains.miniarcade.games.game import decoration_rng
from mmbench.domains.miniarcade.pictures.canvas import Canvas

_PIXELS_PER_M = 32.5
_POLE_PIXELS = 39
_LANTERNS = (50, 154)
_EDGE = (100, 75, 45)


def paint(canvas: Canvas, game: Cartpole) -> None:
    """A mine shaft with rail, cart and pole; tremors shake the picture."""
    rng = decoration_rng(game)
    canvas.gradient((120, 90, 50), (90, 60, 35), 0, 224)
    phases = rng.uniform(0, 2 * math.pi, 2)
    for x, phase in zip(_LANTERNS, phases, strict=True):
        brightness = 0.9 + 0.35 * math.sin(2 * math.pi * game.num_steps / 60 + phase)
        canvas.glow((255, 220, 120), x + 6, 67, 55, 90 * min(1.3, max(0.4, brightness)))
        canvas.rect((255, 220, 90), x, 59, 12, 16, rounding=3)
    ceiling = [(224 * i / 11, 45.0 + int(rng.integers(0, 12))) for i in range(12)]
    canvas.polygon((85, 65, 45), [(0, 0), *ceiling, (224, 0)])
    canvas.rect(_EDGE, 0, 192, 224, 32)
    for _ in range(int(rng.integers(5, 8))):
        rock_x, rock_y = float(rng.integers(10, 214)), 224.0 - float(rng.integers(26, 34))
        size, shade = float(rng.integers(4, 8)), int(rng.integers(70, 110))
        canvas.ellipse((shade, shade - 25, shade - 35), rock_x, rock_y, size * 1.3, size)
    canvas.rect((125, 120, 120), 0, 161, 224, 6)
    px = round(112 + _PIXELS_PER_M * max(-50.0, min(50.0, game.x)))
    canvas.rect((180, 110, 60), px - 14, 147, 28, 14)
    canvas.rect((215, 155, 105), px - 14, 147, 28, 14, outline=2)
    for wheel in (px - 10, px + 9):
        canvas.disc((200, 200, 200), wheel, 161, 5)
    tip = (
        px + round(_POLE_PIXELS * math.sin(game.angle)),
        147 - round(_POLE_PIXELS * math.cos(game.angle)),
    )
    canvas.line((200, 140, 80), (px, 147), tip, 4)
    if game.is_jolted:
        for _ in range(6):
            canvas.disc((150, 120, 90), float(rng.integers(20, 204)), 50 + rng.random() * 120, 2)
    if game.tremor_left > 0:
        reach = min(5, int(5 * abs(game.tremor_strength) / 11))
        # A new shift every step, the same whenever this step is drawn.
        turn = (game.num_steps * 7919 + game.decoration_seed) % 9
        canvas.shift((turn % 3 - 1) * reach, (turn // 3 - 1) * reach, _EDGE)
