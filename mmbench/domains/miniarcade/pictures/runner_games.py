"""Pictures of coinrun and cowboy."""

import math

from mmbench.domains.miniarcade.games.coinrun import COIN_RADIUS, CoinRun
from mmbench.domains.miniarcade.games.cowboy import KINDS, Cowboy
from mmbench.domains.miniarcade.games.game import decoration_rng
from mmbench.domains.miniarcade.games.runner import GROUND_Y, LEFT, SCROLL, Runner
from mmbench.domains.miniarcade.pictures.canvas import BLACK, GOLD, GOLD_RIM, Canvas

_TAN, _CRIMSON, _DRESS = (225, 190, 150), (220, 20, 60), (139, 69, 19)


def paint_coinrun(canvas: Canvas, game: CoinRun) -> None:
    """A girl running through meadows, coins in the air."""
    rng = decoration_rng(game)
    canvas.gradient((173, 216, 230), (255, 182, 193), 0, GROUND_Y)
    canvas.gradient((76, 130, 78), (112, 170, 112), GROUND_Y, 224 - GROUND_Y)
    canvas.line((50, 100, 55), (0, GROUND_Y), (224, GROUND_Y), 2)
    scrolled = SCROLL * game.num_steps
    for _ in range(4):
        speed, start, y = 0.18 + 0.24 * rng.random(), 300 * rng.random(), 15 + 60 * rng.random()
        x = (start - speed * scrolled) % 300 - 40
        for dx, radius in ((-12, 8), (0, 12), (13, 9)):
            canvas.disc((255, 215, 225), x + dx, y, radius)
    for _ in range(8):
        x = (300 * rng.random() - scrolled) % 300 - 20
        y = GROUND_Y + 6 + 28 * rng.random()
        canvas.ellipse((95, 110, 95), x, y, 4, 2)
        canvas.line((60, 140, 60), (x + 25, y), (x + 23, y - 6), 1)
        canvas.line((60, 140, 60), (x + 25, y), (x + 28, y - 5), 1)
    y = _limbs(canvas, game.runner, game.num_steps)
    canvas.polygon(_DRESS, [(LEFT + 9, y + 9), (LEFT + 16, y + 25), (LEFT + 2, y + 25)])
    canvas.disc(_CRIMSON, LEFT + 9, y + 5, 7)
    canvas.disc(_TAN, LEFT + 11, y + 6, 5)
    for x, coin_y, is_taken in game.coins:
        if not is_taken:
            canvas.disc(GOLD, x, coin_y, COIN_RADIUS)
            canvas.disc(GOLD_RIM, x, coin_y, COIN_RADIUS, rim=2)
            glint = 3 * math.sin(0.3 * game.num_steps)
            canvas.disc((255, 250, 200), x - 2 + glint, coin_y - 3, 2)
    for x, coin_y, step in game.taken:
        age = game.num_steps - step
        if age < 12:
            for k in range(8):
                angle = math.pi * k / 4
                canvas.disc(
                    (255, 255, 160),
                    x + 2 * age * math.cos(angle),
                    coin_y + 2 * age * math.sin(angle),
                    1,
                )


def paint_cowboy(canvas: Canvas, game: Cowboy) -> None:
    """A cowboy running through a desert with cacti."""
    rng = decoration_rng(game)
    canvas.gradient((150, 190, 220), (210, 220, 235), 0, GROUND_Y)
    radius, x, y = 12 + 8 * rng.random(), 224 - (20 + 20 * rng.random()), 15 + 20 * rng.random()
    canvas.glow((230, 212, 100), x, y, 2.2 * radius, 90)
    canvas.disc((230, 212, 100), x, y, radius)
    canvas.gradient((196, 166, 135), (140, 110, 90), GROUND_Y, 224 - GROUND_Y)
    canvas.line((120, 85, 60), (0, GROUND_Y), (224, GROUND_Y), 2)
    for _ in range(10):
        shift = 400 * rng.random() + game.left
        canvas.ellipse((120, 95, 75), shift % 260 - 15, GROUND_Y + 6 + 30 * rng.random(), 3, 2)
    for offset, width, height in KINDS[game.kind]:
        left, top = game.left + offset, GROUND_Y - height
        canvas.rect((108, 138, 72), left, top, width, height, rounding=4)
        canvas.rect((108, 138, 72), left - 4, top + height // 3, 4, 10)
        canvas.rect((108, 138, 72), left + width, top + height // 3 + 5, 4, 10)
    y = _limbs(canvas, game.runner, 0 if game.is_blocked else game.num_steps)
    canvas.rect(_DRESS, LEFT + 4, y + 10, 10, 12, rounding=2)
    canvas.disc(_TAN, LEFT + 9, y + 5, 5)
    canvas.rect(BLACK, LEFT + 1, y, 16, 2)
    canvas.polygon(BLACK, [(LEFT + 4, y), (LEFT + 14, y), (LEFT + 9, y - 8)])
    if game.is_blocked:
        canvas.tint((220, 60, 60), 20)


def _limbs(canvas: Canvas, runner: Runner, step: int) -> int:
    """Draw arms and legs in one of two poses; return the top edge."""
    y = int(runner.y)
    swing = 5 if not runner.is_on_ground or step // 3 % 2 else -5
    middle = LEFT + 9
    for side in (1, -1):
        canvas.line(BLACK, (middle, y + 22), (middle + side * swing, y + 33), 2)
        canvas.line(BLACK, (middle, y + 13), (middle - side * swing - side, y + 20), 2)
    return y
