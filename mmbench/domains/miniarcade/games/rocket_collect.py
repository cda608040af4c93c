"""Collect coins between bouncing asteroids."""

import math

from mmbench.domains.miniarcade.games.game import SCREEN, Game, clip, distance, integer, uniform

ROCKET_RADIUS, COIN_RADIUS, ASTEROID_RADIUS = 10.0, 9.0, 14.0
_THRUST, _DAMPING, _MAX_SPEED = 0.75, 0.98, 4.0
_LIMITS = (15.0, 209.0)
_MAX_ASTEROIDS, _ASTEROID_PERIOD = 3, 150
_HIT_STEPS = 6
_NEAR, _FAR = ASTEROID_RADIUS, SCREEN - ASTEROID_RADIUS
_DIAGONAL = math.sqrt(2) * SCREEN

# An asteroid: x, y, vx, vy, entered (0 or 1), step of its appearance.
Asteroid = list[float]


class RocketCollect(Game):
    """+1 for a coin, -0.2 for every step in touch with an asteroid, a little for being near."""

    name = "rocket_collect"

    def reset(self) -> None:
        self.x, self.y, self.vx, self.vy = 112.0, 184.0, 0.0, 0.0
        self.num_coins = 0
        self.hit_timer = 0
        self._place_coin()
        self.asteroids = [self._new_asteroid(0)]

    def step(self, action: list[float]) -> float:
        vx = _DAMPING * (self.vx + _THRUST * action[0])
        vy = _DAMPING * (self.vy + _THRUST * action[1])
        speed = distance(vx, vy)
        if speed > _MAX_SPEED:
            vx, vy = vx * _MAX_SPEED / speed, vy * _MAX_SPEED / speed
        self.vx, self.vy = vx, vy
        self.x, self.y = clip(self.x + vx, *_LIMITS), clip(self.y + vy, *_LIMITS)
        for asteroid in self.asteroids:
            _drift(asteroid)
        gap = distance(self.x - self.coin_x, self.y - self.coin_y)
        reward = 0.002 * (1 - clip(gap / _DIAGONAL, 0, 1))
        if gap < ROCKET_RADIUS + COIN_RADIUS:
            reward += 1.0
            self.num_coins += 1
            self._place_coin()
        for x, y, *_ in self.asteroids:
            if distance(self.x - x, self.y - y) < ROCKET_RADIUS + ASTEROID_RADIUS:
                reward -= 0.2
                self.hit_timer = _HIT_STEPS
        next_step = self.num_steps + 1
        while len(self.asteroids) < min(1 + next_step // _ASTEROID_PERIOD, _MAX_ASTEROIDS):
            self.asteroids.append(self._new_asteroid(next_step))
        if self.hit_timer > 0:
            self.hit_timer -= 1
        return reward

    def observe(self) -> list[float]:
        x, y, coin_x, coin_y = self.x, self.y, self.coin_x, self.coin_y
        values = [x / SCREEN, y / SCREEN, self.vx / _MAX_SPEED, self.vy / _MAX_SPEED]
        values += (coin_x / SCREEN, coin_y / SCREEN)
        values += ((coin_x - x) / SCREEN, (coin_y - y) / SCREEN, float(self.hit_timer > 0))
        for ax, ay, avx, avy, *_ in self.asteroids:
            values += (ax / SCREEN, ay / SCREEN, avx / _MAX_SPEED, avy / _MAX_SPEED)
        values += [0.0] * (4 * (_MAX_ASTEROIDS - len(self.asteroids)))
        return values

    def _place_coin(self) -> None:
        self.coin_x, self.coin_y = integer(self.rng, 30, 193), integer(self.rng, 40, 111)

    def _new_asteroid(self, step: int) -> Asteroid:
        rng = self.rng
        side, along = integer(rng, 0, 3), float(integer(rng, 20, 203))
        x, y = ((along, -28.0), (along, 252.0), (-28.0, along), (252.0, along))[side]
        dx, dy = uniform(rng, 56, 168) - x, uniform(rng, 56, 168) - y
        speed = uniform(rng, 1.0, 2.2) / (distance(dx, dy) + 1e-6)
        return [x, y, speed * dx, speed * dy, 0.0, float(step)]


def _drift(asteroid: Asteroid) -> None:
    asteroid[0] += asteroid[2]
    asteroid[1] += asteroid[3]
    x, y = asteroid[0], asteroid[1]
    if not asteroid[4] and _NEAR <= x <= _FAR and _NEAR <= y <= _FAR:
        asteroid[4] = 1.0
    if asteroid[4]:
        for axis in (0, 1):
            if asteroid[axis] < _NEAR:
                asteroid[axis], asteroid[axis + 2] = _NEAR, -asteroid[axis + 2]
            elif asteroid[axis] > _FAR:
                asteroid[axis], asteroid[axis + 2] = _FAR, -asteroid[axis + 2]
