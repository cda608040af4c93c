"""Fly through coins in a scrolling scene, past asteroids."""

from mmbench.domains.miniarcade.games.game import SCREEN, Game, clip, integer, uniform

WIDTH, HEIGHT = 28, 18
COIN_RADIUS, ASTEROID_RADIUS = 9, 18
SCROLL = 12
_THRUST, _DAMPING = 0.65, 0.95
_X_LIMITS, _Y_LIMITS = (0.0, 196.0), (0.0, 206.0)
_MAX_COINS, _SPACING = 4, 27


class Spaceship(Game):
    """+1 for a coin, -2 for every step in touch with an asteroid."""

    name = "spaceship"

    def reset(self) -> None:
        self.x, self.y, self.vx, self.vy = 40.0, 112.0, 0.0, 0.0
        self.is_hit = False
        self.asteroid: list[float] | None = None
        # Twice, so that an asteroid stands in the way as often as in the original.
        self._place_group()
        self._place_group()

    def step(self, action: list[float]) -> float:
        self.vx += _THRUST * action[0]
        self.vy += _THRUST * action[1]
        self.x += self.vx
        self.y += self.vy
        self.vx *= _DAMPING
        self.vy *= _DAMPING
        self.x, self.y = clip(self.x, *_X_LIMITS), clip(self.y, *_Y_LIMITS)
        left, top = int(self.x), int(self.y)
        reward = self._meet_asteroid(left, top)
        for coin in self.coins:
            coin[0] -= SCROLL
        if all(coin[2] or coin[0] < -COIN_RADIUS for coin in self.coins):
            self._place_group()
        for coin in self.coins:
            x, y, is_taken = coin
            if (
                not is_taken
                and left - COIN_RADIUS < x < left + WIDTH + COIN_RADIUS
                and top - COIN_RADIUS < y < top + HEIGHT + COIN_RADIUS
            ):
                coin[2] = True
                reward += 1.0
        return reward

    def observe(self) -> list[float]:
        values = [self.x / SCREEN, self.y / SCREEN, self.vx / 10, self.vy / 10]
        for x, y, is_taken in self.coins:
            values += (-1.0, -1.0) if is_taken else (x / SCREEN, y / SCREEN)
        values += [-1.0] * (2 * (_MAX_COINS - len(self.coins)))
        if self.asteroid is None:
            values += (-1.0, -1.0)
        else:
            values += (self.asteroid[0] / SCREEN, self.asteroid[1] / SCREEN)
        return values

    def _meet_asteroid(self, left: int, top: int) -> float:
        if self.asteroid is None:
            self.is_hit = False
            return 0.0
        self.asteroid[0] -= SCROLL
        x, y = self.asteroid
        rock = int(x - ASTEROID_RADIUS)  # truncates toward zero, also left of the picture
        self.is_hit = (
            left < rock + 2 * ASTEROID_RADIUS
            and rock < left + WIDTH
            and top - ASTEROID_RADIUS < y < top + HEIGHT + ASTEROID_RADIUS
        )
        if x < -ASTEROID_RADIUS:
            self.asteroid = None
        return -2.0 if self.is_hit else 0.0

    def _place_group(self) -> None:
        rng = self.rng
        count = integer(rng, 2, _MAX_COINS)
        start = int(SCREEN) + integer(rng, 20, 59)
        y = integer(rng, 30, 193)
        self.coins = []
        for k in range(count):
            self.coins.append([start + _SPACING * k, y, False])
            draw = rng.random()
            turn = 0 if draw < 0.4 else 1 if draw < 0.7 else -1
            y = min(204, max(20, y + 18 * turn))
        if self.asteroid is None and rng.random() < 0.5:
            x = start + _SPACING * (count + 2) + uniform(rng, -30, 30)
            self.asteroid = [x, float(integer(rng, 40, 183))]
