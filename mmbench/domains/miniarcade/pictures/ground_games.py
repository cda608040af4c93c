"""Pictures of coconut dodge, highway and landing."""

import math

from mmbench.domains.miniarcade.games import coconut_dodge, highway, landing
from mmbench.domains.miniarcade.games.coconut_dodge import CoconutDodge
from mmbench.domains.miniarcade.games.game import decoration_rng
from mmbench.domains.miniarcade.games.highway import Highway
from mmbench.domains.miniarcade.games.landing import Landing
from mmbench.domains.miniarcade.pictures.canvas import BLACK, SIZE, WHITE, Canvas, Colour

_HUSK, _HUSK_RIM, _PULP = (133, 102, 62), (90, 65, 40), (225, 210, 180)
_SKIN = (222, 178, 140)
_VEHICLES = {
    highway.BLUE: (95, 135, 212),
    highway.YELLOW: (227, 188, 34),
    highway.TRUCK: (82, 140, 66),
}
_RED = (220, 60, 60)


def paint_coconut_dodge(canvas: Canvas, game: CoconutDodge) -> None:
    """A traveller on a beach at sunset under falling coconuts."""
    rng = decoration_rng(game)
    canvas.gradient((80, 40, 120), (252, 165, 3), 12, 92)
    for _ in range(22):
        canvas.disc((235, 215, 225), float(rng.integers(18, 206)), float(rng.integers(18, 60)), 1)
    canvas.rect((192, 175, 132), 0, 104, SIZE, 108)
    for amplitude, phase, colour in (
        (rng.uniform(3, 5), rng.uniform(0, 6.3), (205, 188, 146)),
        (rng.uniform(4.5, 6), rng.uniform(0, 6.3), (182, 165, 122)),
    ):
        dune = [(x, 110 + amplitude * math.sin(x / 25 + phase)) for x in range(0, SIZE + 1, 8)]
        canvas.polygon(colour, [*dune, (SIZE, 140), (0, 140)])
    for trunk, foot, height in ((68, 120, 75), (164, 110, 38)):
        canvas.line((35, 20, 35), (trunk, foot), (trunk + height // 10, foot - height), 3)
        for k in range(7):
            angle = math.pi * (k / 6 + 1)
            reach = 0.35 * height
            top = (trunk + height // 10, foot - height)
            tip = (top[0] + reach * math.cos(angle), top[1] + 0.6 * reach * math.sin(angle) + 6)
            canvas.line((30, 25, 35), top, tip, 3)
    for x, y, _, _, radius, crack in game.coconuts:
        if crack > 0:
            gap = 8 * (1 - crack / coconut_dodge.CRACK_STEPS)
            for side in (-1, 1):
                canvas.ellipse(_HUSK, x + side * (gap + radius / 2), y, radius / 2, radius)
                canvas.ellipse(_PULP, x + side * (gap + radius / 3), y, radius / 4, radius - 2)
        else:
            canvas.disc(_HUSK, x, y, radius)
            canvas.disc(_HUSK_RIM, x, y, radius, rim=2)
            canvas.disc((165, 135, 95), x - 2, y - 2, 2)
    _traveller(canvas, game)
    for box in ((0, 0, SIZE, 12), (0, 212, SIZE, 12), (0, 0, 12, SIZE), (212, 0, 12, SIZE)):
        canvas.rect(BLACK, *box)
    canvas.rect((230, 230, 230), 10, 10, 204, 204, outline=2)
    if game.hit_timer > 0:
        canvas.tint((186, 108, 24), 70)
        turn = (game.num_steps * 7919 + game.decoration_seed) % 49
        canvas.shift(turn % 7 - 3, turn // 7 - 3, BLACK)


def _traveller(canvas: Canvas, game: CoconutDodge) -> None:
    x, swing = game.x, 4 * math.sin(0.12 * game.x)
    for side in (-1, 1):
        canvas.line((90, 60, 50), (x + 3 * side, 198), (x + 3 * side + side * swing, 205), 3)
        canvas.line(_SKIN, (x + 6 * side, 190), (x + 9 * side, 196 - side * swing), 2)
    canvas.ellipse((200, 80, 70), x, 194, 7, 9)
    canvas.disc(_SKIN, x, 181, 5)


def paint_highway(canvas: Canvas, game: Highway) -> None:
    """A five-lane road from above; traffic comes from the right."""
    canvas.rect((97, 133, 80), 0, 0, SIZE, SIZE)
    canvas.rect((60, 60, 60), 0, 18, SIZE, 188)
    for y in (18, 204):
        canvas.rect((210, 210, 210), 0, y, SIZE, 2)
    for y in (55, 93, 130, 168):
        for x in range(-int(highway.SCROLL * game.num_steps) % 24 - 24, SIZE, 24):
            canvas.rect((230, 230, 230), x, y, 14, 2)
    for vehicle in game.vehicles:
        if vehicle.is_active:
            _car(canvas, _VEHICLES[vehicle.kind], int(vehicle.x), vehicle.top, vehicle.length)
    x, y = int(game.x), int(game.y)
    _car(canvas, _RED, x, y, highway.CAR_LENGTH)
    canvas.polygon((240, 130, 130), [(x + 32, y + 5), (x + 40, y + 9), (x + 32, y + 13)])
    if game.flash > 0:
        canvas.tint(_RED, 50)


def _car(canvas: Canvas, colour: Colour, x: int, y: int, length: int) -> None:
    for wheel_x in (x + 4, x + length - 9):
        canvas.rect(BLACK, wheel_x, y - 2, 6, 3)
        canvas.rect(BLACK, wheel_x, y + highway.CAR_HEIGHT - 1, 6, 3)
    canvas.rect(colour, x, y, length, highway.CAR_HEIGHT)
    canvas.rect((30, 30, 30), x, y, length, highway.CAR_HEIGHT, outline=1)


def paint_landing(canvas: Canvas, game: Landing) -> None:
    """A helicopter above a ship."""
    rng = decoration_rng(game)
    canvas.rect((150, 190, 255), 0, 0, SIZE, SIZE)
    for _ in range(40):
        canvas.disc((190, 215, 255), float(rng.integers(0, SIZE)), float(rng.integers(0, 170)), 1)
    canvas.rect((50, 120, 200), 0, landing.WATER_Y, SIZE, SIZE - landing.WATER_Y)
    left, direction = game.deck_left, game.ship_direction
    right, top = left + landing.DECK_WIDTH, landing.DECK_TOP
    canvas.polygon(
        (130, 130, 135), [(left, 195), (right, 195), (right - 10, 211), (left + 10, 211)]
    )
    bow = right if direction > 0 else left
    canvas.polygon(WHITE, [(bow, top), (bow + 10 * direction, top), (bow, 195)])
    canvas.rect(WHITE, left, top, landing.DECK_WIDTH, landing.DECK_HEIGHT)
    canvas.rect((150, 150, 150), left, top, landing.DECK_WIDTH, landing.DECK_HEIGHT, outline=1)
    cabin = left + 6 if direction > 0 else right - 24
    canvas.rect(WHITE, cabin, top - 12, 18, 12)
    for k in range(3):
        canvas.rect((110, 150, 190), cabin + 2 + 5 * k, top - 9, 4, 4)
    middle = left + 35
    canvas.line((90, 90, 90), (middle, top), (middle, top - 10), 1)
    canvas.polygon((220, 40, 40), [(middle, top - 10), (middle + 8, top - 7), (middle, top - 4)])
    x, y = int(game.x), int(game.y)
    body = (195, 210, 225)
    canvas.rect(body, x - 8, y + 7, 10, 3)
    canvas.polygon(body, [(x, y + 9), (x + 12, y), (x + 28, y + 9), (x + 12, y + 16)])
    canvas.polygon((120, 160, 200), [(x + 16, y + 3), (x + 24, y + 8), (x + 16, y + 9)])
    canvas.line((50, 50, 60), (x + 4, y + 17), (x + 24, y + 17), 2)
    canvas.line((50, 50, 60), (x - 2, y - 3), (x + 30, y - 3), 2)
    canvas.line((50, 50, 60), (x + 14, y - 3), (x + 14, y + 2), 1)
    if game.has_contact:
        canvas.tint((80, 220, 120), 40)
