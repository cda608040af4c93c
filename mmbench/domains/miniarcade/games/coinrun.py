"""Jump for groups of coins that pass by."""

from mmbench.domains.miniarcade.games.game import SCREEN, Game, fair_sign, integer
from mmbench.domains.miniarcade.games.runner import (
    HEIGHT,
    LEFT,
    RESTING_TOP,
    RIGHT,
    SCROLL,
    Runner,
)

COIN_RADIUS = 9
_MAX_COINS = 5
_SPACING, _STEP = 27, 18
_LOWEST, _HIGHEST = 173, 83


class CoinRun(Game):
    """+1 for every coin."""

    name = "coinrun"

    def reset(self) -> None:
        self.runner = Runner()
        self.taken: list[tuple[int, int, int]] = []  # x, y and step of coins just collected
        self._place_coins()

    def step(self, action: list[float]) -> float:
        self.runner.jump_and_fall(action[0])
        for coin in self.coins:
            coin[0] -= SCROLL
        if all(coin[2] or coin[0] < -COIN_RADIUS for coin in self.coins):
            self._place_coins()
        top = int(self.runner.y)
        reward = 0.0
        for coin in self.coins:
            x, y, is_taken = coin
            is_beside = LEFT - COIN_RADIUS < x < RIGHT + COIN_RADIUS
            if not is_taken and is_beside and top - COIN_RADIUS < y < top + HEIGHT + COIN_RADIUS:
                coin[2] = True
                reward += 1.0
                self.taken.append((x, y, self.num_steps))
        return reward

    def observe(self) -> list[float]:
        values = [(self.runner.y - RESTING_TOP) / SCREEN, self.runner.v / 10]
        for x, y, is_taken in self.coins:
            values += (-1.0, -1.0) if is_taken else (x / SCREEN, y / SCREEN)
        values += [-1.0] * (2 * (_MAX_COINS - len(self.coins)))
        return values

    def _place_coins(self) -> None:
        rng = self.rng
        count = integer(rng, 2, _MAX_COINS)
        x = int(SCREEN) + integer(rng, 20, 59)
        y = _LOWEST - _STEP * integer(rng, 1, 4)
        self.coins = [[x, y, False]]
        for _ in range(count - 1):
            x += _SPACING
            if rng.random() < 0.6:
                y = min(_LOWEST, max(_HIGHEST, y + int(fair_sign(rng)) * _STEP))
            self.coins.append([x, y, False])
        self.taken = [coin for coin in self.taken if self.num_steps - coin[2] < 15]
