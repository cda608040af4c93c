"""Pictures of the games on a plain field: air hockey, bird attack, chase and evade, pong."""

import itertools
import math

from mmbench.domains.miniarcade.games import air_hockey, bird_attack, chase_evade, pong
from mmbench.domains.miniarcade.games.air_hockey import AirHockey
from mmbench.domains.miniarcade.games.bird_attack import BirdAttack
from mmbench.domains.miniarcade.games.chase_evade import ChaseEvade
from mmbench.domains.miniarcade.games.pong import Pong
from mmbench.domains.miniarcade.pictures.canvas import (
    BLACK,
    GREEN,
    GREY,
    ORANGE,
    WHITE,
    Canvas,
    Colour,
)

_RINK_LINE, _MID_LINE, _BIRD = (200, 200, 200), (80, 80, 80), (200, 200, 200)


def paint_air_hockey(canvas: Canvas, game: AirHockey) -> None:
    """A rink from above with two goals."""
    left, right, top, bottom = (
        air_hockey.LEFT,
        air_hockey.RIGHT,
        air_hockey.TOP,
        air_hockey.BOTTOM,
    )
    canvas.line(_MID_LINE, (left, 112), (right, 112), 2)
    for x in (left, right):
        canvas.line(_RINK_LINE, (x, top), (x, bottom), 2)
    for y in (top, bottom):
        canvas.line(_RINK_LINE, (left, y), (air_hockey.MOUTH[0], y), 2)
        canvas.line(_RINK_LINE, (air_hockey.MOUTH[1], y), (right, y), 2)
    canvas.disc(WHITE, game.x, game.y, air_hockey.PUCK_RADIUS)
    canvas.disc(ORANGE, game.agent[0], game.agent[1], air_hockey.MALLET_RADIUS)
    canvas.disc(GREY, game.opponent[0], game.opponent[1], air_hockey.MALLET_RADIUS)
    canvas.number(GREY, game.goals[1], 107, 3)
    canvas.number(ORANGE, game.goals[0], 107, 206)


def paint_bird_attack(canvas: Canvas, game: BirdAttack) -> None:
    """A turret below a flock; the boss is an M at the top."""
    low, side = bird_attack.LOW, bird_attack.HIGH - bird_attack.LOW
    canvas.rect(WHITE, low, low, side, side, outline=2)
    for x, y, hit_points in game.birds:
        corners = [(x, y), (x + 14, y), (x + 7, y + 12)]
        canvas.polygon(_BIRD, corners, outline=0 if hit_points > 1 else 2)
    for x, y in game.shots:
        canvas.rect(ORANGE, x - 2, y - 6, 4, 6)
    for x, y in game.bird_shots:
        canvas.rect(_BIRD, x - 2, y, 4, 6)
    canvas.rect(ORANGE, game.x, 184, 14, 8)
    canvas.polygon(ORANGE, [(game.x + 3, 184), (game.x + 11, 184), (game.x + 7, 178)])
    if game.has_boss:
        x, y = game.boss
        shade = int(200 * (1 - game.fade / bird_attack.FADE_STEPS))
        points = [(x + 16 * (k - 2), y + (8 if k % 2 == 0 else -8)) for k in range(5)]
        for start, end in itertools.pairwise(points):
            canvas.line((shade, shade, shade), start, end, 3)
    if game.ball is not None:
        canvas.disc(_BIRD, game.ball[0], game.ball[1], bird_attack.BALL_RADIUS)
    if game.stun > 0:
        alpha = 140 * game.stun / bird_attack.STUN_STEPS
        canvas.tint((220, 30, 10), alpha, (low, low, side, side))
    canvas.number((80, 200, 110) if game.kills >= 16 else WHITE, game.kills, 24, 2)


def paint_chase_evade(canvas: Canvas, game: ChaseEvade) -> None:
    """Two little figures on a round platform with three pillars."""
    evader = ORANGE if game.is_evader else GREEN
    pursuer = GREEN if game.is_evader else ORANGE
    sky = [
        [int(0.75 * a + 0.25 * b) for a, b in zip(colour, evader, strict=True)]
        for colour in ((130, 185, 180), (80, 170, 180))
    ]
    canvas.gradient(sky[0], sky[1], 0, 224)
    x, y = chase_evade.CENTRE
    canvas.disc((40, 40, 45), x, y, chase_evade.ARENA_RADIUS)
    canvas.disc((220, 220, 220), x, y, chase_evade.ARENA_RADIUS, rim=2)
    canvas.line(GREY, (x, y), (x, y - 24), 2)
    canvas.polygon(evader, [(x, y - 24), (x + 12, y - 20), (x, y - 16)])
    for ox, oy in game.obstacles:
        canvas.disc((130, 130, 130), ox, oy, chase_evade.OBSTACLE_RADIUS)
    _walker(canvas, ORANGE, game.agent, game.num_steps)
    _walker(canvas, GREEN, game.opponent, game.num_steps)
    if game.catch is not None:
        cx, cy, step, agent_was_caught = game.catch
        age = game.num_steps - step
        if age < 12:
            radius = 10 + 40 * math.sin(math.pi * age / 12)
            canvas.disc(ORANGE if agent_was_caught else GREEN, cx, cy, radius, rim=3)
    if game.change_steps is not None:
        digit = 3 - game.change_steps // chase_evade.ROLE_CHANGE_STEP
        if digit > 0:
            canvas.number(pursuer, digit, x - 9, y - 70, dot=6)
    # Who is being hunted: a band in the evader's colour at the top.
    canvas.rect(BLACK, 3, 3, 50, 12)
    canvas.rect(evader, 5, 5, 46, 8)


def paint_pong(canvas: Canvas, game: Pong) -> None:
    """A court with two paddles and a square ball."""
    canvas.rect(WHITE, pong.LOW, pong.LOW, pong.SIDE, pong.SIDE, outline=2)
    size = (pong.PADDLE_WIDTH, pong.PADDLE_HEIGHT)
    canvas.rect(ORANGE, pong.AGENT_X, game.agent_y, *size)
    canvas.rect(GREY, pong.OPPONENT_X, game.opponent_y, *size)
    canvas.rect(WHITE, math.floor(game.x - 3.5), math.floor(game.y - 3.5), pong.BALL, pong.BALL)
    canvas.number(ORANGE, game.points[0], 36, 2)
    digits = len(str(game.points[1]))
    canvas.number(GREY, game.points[1], 191 - 12 * digits, 2)


def _walker(canvas: Canvas, colour: Colour, body: list[float], step: int) -> None:
    x, y, vx, vy = body
    is_moving = abs(vx) + abs(vy) > 0.1
    stride = 2 if is_moving and step // 3 % 2 else 0
    canvas.rect((60, 50, 40), x - 4, y + 6 - stride, 3, 4)
    canvas.rect((60, 50, 40), x + 1, y + 4 + stride, 3, 4)
    canvas.ellipse((235, 220, 200), x, y + 1, 6, 7)
    canvas.rect(colour, x - 6, y + 2, 12, 3)
    canvas.polygon(colour, [(x - 6, y - 3), (x + 6, y - 3), (x, y - 11)])
