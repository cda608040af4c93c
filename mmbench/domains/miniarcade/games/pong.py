"""Paddle and ball against a scripted paddle."""

import math

from mmbench.domains.miniarcade.games.game import SCREEN, Game, clip, fair_sign, integer, uniform

LOW, HIGH = 20.0, 204.0
SIDE = HIGH - LOW
AGENT_X, OPPONENT_X = 30, 188
PADDLE_WIDTH, PADDLE_HEIGHT = 6, 40
BALL = 7
_PADDLE_Y = (20.0, 164.0)
_PADDLE_SPEED, _BALL_SPEED = 8.5, 8.0
_OPPONENT_ZONE = 0.3


class Pong(Game):
    """+1 for a ball past the right side, -1 for one past the left."""

    name = "pong"
    x: float
    y: float
    vx: float
    vy: float

    def reset(self) -> None:
        self.agent_y = self.opponent_y = 92.0
        self.points = [0, 0]
        self.is_in_zone = False
        self.delay = 0
        self._serve()

    def step(self, action: list[float]) -> float:
        self.agent_y = clip(self.agent_y + _PADDLE_SPEED * action[0], *_PADDLE_Y)
        self._move_opponent()
        self.x += self.vx
        self.y += self.vy
        if self.y < LOW + BALL or self.y > HIGH - BALL:
            self.vy = -self.vy
        left, top = math.floor(self.x - BALL / 2), math.floor(self.y - BALL / 2)
        if self.vx < 0 and _overlaps(left - AGENT_X, top - math.floor(self.agent_y)):
            self.vx = -self.vx
        if self.vx > 0 and _overlaps(left - OPPONENT_X, top - math.floor(self.opponent_y)):
            self.vx = -self.vx
        if self.x < LOW:
            self.points[1] += 1
            self._serve()
            return -1.0
        if self.x > HIGH:
            self.points[0] += 1
            self._serve()
            return 1.0
        return 0.0

    def observe(self) -> list[float]:
        return [
            self.x / SCREEN,
            self.y / SCREEN,
            self.vx / _BALL_SPEED,
            self.vy / _BALL_SPEED,
            self.agent_y / SCREEN,
            self.opponent_y / SCREEN,
        ]

    def _serve(self) -> None:
        angle = math.pi * uniform(self.rng, -0.5, 0.5)
        self.x = self.y = 112.0
        self.vx = _BALL_SPEED * fair_sign(self.rng) * math.cos(angle)
        self.vy = _BALL_SPEED * math.sin(angle)

    def _move_opponent(self) -> None:
        place = (self.x - LOW) / SIDE
        if place <= _OPPONENT_ZONE:
            self.is_in_zone = False
        else:
            if not self.is_in_zone:
                self.delay = integer(self.rng, 2, 6)
                self.is_in_zone = True
            if self.delay > 0:
                self.delay -= 1
            else:
                speed = _PADDLE_SPEED * (0.5 + 0.35 * clip((place - 0.3) / 0.65, 0, 1))
                self.opponent_y += speed if self.y - LOW > self.opponent_y else -speed
        self.opponent_y = clip(self.opponent_y, *_PADDLE_Y)


def _overlaps(left: int, top: int) -> bool:
    """Tell whether the ball and a paddle share a pixel; the ball's corner is seen from its."""
    return -BALL < left < PADDLE_WIDTH and -BALL < top < PADDLE_HEIGHT
