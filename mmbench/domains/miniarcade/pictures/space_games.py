"""Pictures of rocket collect and spaceship."""

from mmbench.domains.miniarcade.games import rocket_collect, spaceship
from mmbench.domains.miniarcade.games.game import Rng, decoration_rng, distance
from mmbench.domains.miniarcade.games.rocket_collect import RocketCollect
from mmbench.domains.miniarcade.games.spaceship import Spaceship
from mmbench.domains.miniarcade.pictures.canvas import (
    BLACK,
    GOLD,
    GOLD_RIM,
    SIZE,
    WHITE,
    Canvas,
    Colour,
    jagged,
)

_HULL, _FIN = (180, 180, 255), (100, 100, 200)


def paint_rocket_collect(canvas: Canvas, game: RocketCollect) -> None:
    """A rocket in a purple night with coins and rocks."""
    rng = decoration_rng(game)
    canvas.gradient((10, 0, 20), (30, 0, 60), 0, SIZE)
    _stars(canvas, rng, 40, 0.0)
    x, y = game.x, game.y
    speed = distance(game.vx, game.vy)
    for side in (-1, 1):
        canvas.polygon(_FIN, [(x + 5 * side, y + 4), (x + 12 * side, y + 16), (x, y + 10)])
    if speed > 0.05:
        length = 3 + 4 * speed + game.num_steps % 2
        canvas.polygon((255, 150, 30), [(x - 4, y + 10), (x + 4, y + 10), (x, y + 10 + length)])
    canvas.polygon(_HULL, [(x, y - 14), (x + 8, y + 10), (x - 8, y + 10)])
    canvas.disc(GOLD, game.coin_x, game.coin_y, rocket_collect.COIN_RADIUS)
    canvas.disc((200, 120, 0), game.coin_x, game.coin_y, rocket_collect.COIN_RADIUS, rim=2)
    for ax, ay, _, _, _, born in game.asteroids:
        radii = rocket_collect.ASTEROID_RADIUS + rng.integers(-3, 4, 8)
        angle = float(rng.uniform(-0.02, 0.02)) * (game.num_steps - born)
        _rock(canvas, (120, 120, 120), ax, ay, radii.tolist(), angle)
    canvas.number(WHITE, game.num_coins, 4, 4)
    if game.hit_timer > 0:
        canvas.tint((220, 40, 40), 80)
        turn = (game.num_steps * 7919 + game.decoration_seed) % 49
        canvas.shift(turn % 7 - 3, turn // 7 - 3, BLACK)


def paint_spaceship(canvas: Canvas, game: Spaceship) -> None:
    """A ship flying right through coins and a rock."""
    rng = decoration_rng(game)
    _stars(canvas, rng, 50, 6.0 * game.num_steps)
    x, y = int(game.x), int(game.y)
    speed = distance(game.vx, game.vy)
    if speed > 0.1:
        for factor, colour in ((1.0, (255, 230, 90)), (0.7, (255, 170, 50)), (0.5, (255, 110, 30))):
            length = factor * min(28.0, 14 + 4 * speed) * (0.95 + 0.1 * (game.num_steps % 2))
            width = factor * (4 + 0.3 * speed)
            tail = [(x, y + 9 - width), (x, y + 9 + width), (x - length, y + 9)]
            canvas.polygon(colour, tail)
    canvas.rect(_FIN, x + 3, y - 2, 3, 22)
    canvas.polygon(_HULL, [(x, y), (x, y + 18), (x + 28, y + 9)])
    for cx, cy, is_taken in game.coins:
        if not is_taken:
            canvas.disc(GOLD, cx, cy, spaceship.COIN_RADIUS)
            canvas.disc(GOLD_RIM, cx, cy, spaceship.COIN_RADIUS, rim=2)
    if game.asteroid is not None:
        radii = (spaceship.ASTEROID_RADIUS * rng.uniform(0.7, 1.3, 10)).tolist()
        ax, ay = game.asteroid
        _rock(canvas, (100, 100, 100), ax, ay, radii, 0.02 * game.num_steps)
    if game.is_hit:
        canvas.tint((220, 60, 60), 40)


def _stars(canvas: Canvas, rng: Rng, count: int, scrolled: float) -> None:
    for _ in range(count):
        x, y = SIZE * rng.random(), SIZE * rng.random()
        canvas.disc(WHITE, (x - scrolled) % SIZE, y, 1)


def _rock(
    canvas: Canvas, colour: Colour, x: float, y: float, radii: list[float], angle: float
) -> None:
    outline = jagged(x, y, radii, angle)
    canvas.polygon(colour, outline)
    canvas.polygon((60, 60, 60), outline, outline=2)
