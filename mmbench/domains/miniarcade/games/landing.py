"""Settle a helicopter on a drifting ship."""

from mmbench.domains.miniarcade.games.game import SCREEN, Game, clip, fair_sign, uniform

WIDTH, HEIGHT = 28, 18
WATER_Y = 179
DECK_WIDTH, DECK_HEIGHT, DECK_TOP = 70, 12, 183
DECK_ROW = 189
_DECK_BOTTOM = DECK_TOP + DECK_HEIGHT
_LANDED_Y = float(DECK_TOP - HEIGHT)
_THRUST, _GRAVITY, _DAMPING = 0.6, 0.2, 0.96
_LOCK_SPEED = 0.20


class Landing(Game):
    """Reward for standing on the deck, near its middle; hard touchdowns cost."""

    name = "landing"

    def reset(self) -> None:
        rng = self.rng
        self.x, self.y = uniform(rng, 12, 36), uniform(rng, 12, 36)
        self.vx, self.vy = uniform(rng, -0.3, 0.3), uniform(rng, -0.3, 0.3)
        self.ship_x = 74.0
        self.ship_direction = fair_sign(rng)
        self.ship_speed = 1.4 + uniform(rng, -0.3, 0.3)
        self.has_contact = False
        self.is_locked = False

    @property
    def ship_velocity(self) -> float:
        """Signed speed of the ship."""
        return self.ship_direction * self.ship_speed

    @property
    def deck_left(self) -> int:
        """Left edge of the deck, truncated."""
        return int(self.ship_x - 35)

    def step(self, action: list[float]) -> float:
        self.vx += _THRUST * action[0]
        self.vy += _THRUST * action[1]
        self.vy += _GRAVITY
        self.x += self.vx
        self.y += self.vy
        self.vx *= _DAMPING
        self.vy *= _DAMPING
        self.x, self.y = clip(self.x, 0.0, 196.0), clip(self.y, 0.0, 206.0)
        self._move_ship()
        impact = self.vy
        deck = self.deck_left
        left, top = self._resolve_overlap(int(self.x), int(self.y), deck)
        had_contact = self.has_contact
        self.has_contact = deck - 24 < left < deck + 66 and 162 <= top <= 168
        self._hold_on_deck()
        return self._reward(left, top, deck, impact if not had_contact else None)

    def observe(self) -> list[float]:
        return [
            self.x / SCREEN,
            self.y / SCREEN,
            self.vx / 10,
            self.vy / 10,
            self.ship_x / SCREEN,
            DECK_ROW / SCREEN,
            self.ship_velocity / 5,
        ]

    def _move_ship(self) -> None:
        self.ship_x += self.ship_velocity
        if self.ship_x - 35 <= 0:
            self.ship_x, self.ship_direction = 35.0, 1.0
        elif self.ship_x + 35 >= SCREEN:
            self.ship_x, self.ship_direction = 189.0, -1.0

    def _resolve_overlap(self, left: int, top: int, deck: int) -> tuple[int, int]:
        """Push the helicopter out of the deck; return its truncated corner."""
        right, bottom = left + WIDTH, top + HEIGHT
        deck_right = deck + DECK_WIDTH
        if not (left < deck_right and deck < right and top < _DECK_BOTTOM and bottom > DECK_TOP):
            return left, top
        depth_x = min(right - deck, deck_right - left)
        depth_y = min(bottom - DECK_TOP, _DECK_BOTTOM - top)
        if depth_y <= depth_x:
            if top + 9 < DECK_ROW:
                self.y, self.vy = _LANDED_Y, min(0.0, self.vy)
                self.vx *= 0.9
            else:
                self.y, self.vy = float(_DECK_BOTTOM), max(0.0, self.vy)
        elif left + 14 < deck + 35:
            self.x, self.vx = float(deck - WIDTH), min(0.0, self.vx)
        else:
            self.x, self.vx = float(deck_right), max(0.0, self.vx)
        return int(self.x), int(self.y)

    def _hold_on_deck(self) -> None:
        ship = self.ship_velocity
        if not self.has_contact:
            self.is_locked = False
            return
        self.vx = 0.7 * self.vx + 0.3 * ship
        if abs(self.vy) < _LOCK_SPEED and abs(self.vx - ship) < _LOCK_SPEED:
            self.is_locked = True
        if self.is_locked:
            self.vx, self.vy, self.y = ship, min(0.0, self.vy), _LANDED_Y

    def _reward(self, left: int, top: int, deck: int, impact: float | None) -> float:
        """Sum the terms; `impact` is the sink rate if there was no contact before."""
        dx, row = abs(left + 14 - (deck + 35)), top + 9
        centred = 1 - clip(dx / 35, 0, 1)
        reward = 0.0
        if self.has_contact:
            reward += 0.1 + 0.9 * centred
            if impact is not None:
                reward -= min(10.0, 2 * max(0.0, impact))
        if self.vy > 0:
            reward -= 0.001 * self.vy
        if row > DECK_TOP:
            reward -= 0.5
        else:
            reward += 0.025 * centred + 0.1 * (1 - clip(abs(row - DECK_ROW) / SCREEN, 0, 1))
        return reward
