"""Jump over cacti; touching one stops the world."""

from mmbench.domains.miniarcade.games.game import SCREEN, Game, integer
from mmbench.domains.miniarcade.games.runner import (
    GROUND_Y,
    HEIGHT,
    LEFT,
    RESTING_TOP,
    RIGHT,
    SCROLL,
    WIDTH,
    Runner,
)

_SPAWN_X = 264
# Parts of each kind of obstacle: distance from its left edge, width, height.
KINDS = (
    ((0, 15, 25),),
    ((0, 20, 40),),
    ((0, 15, 25), (20, 20, 40)),
    ((0, 20, 40), (25, 15, 25)),
)


class Cowboy(Game):
    """+1 for every step that the world scrolls, -1 for every step that it does not."""

    name = "cowboy"

    def reset(self) -> None:
        self.runner = Runner()
        self.is_blocked = False
        self._place_obstacle()

    @property
    def right(self) -> int:
        """Right edge of the obstacle's bounding box."""
        return self.left + max(offset + width for offset, width, _ in KINDS[self.kind])

    @property
    def top(self) -> int:
        """Top edge of the obstacle's bounding box."""
        return GROUND_Y - max(height for _, _, height in KINDS[self.kind])

    def step(self, action: list[float]) -> float:
        runner = self.runner
        runner.jump_and_fall(action[0])
        right, top = self.right, self.top
        is_beside = self.left < RIGHT and right > LEFT
        if is_beside and int(runner.y) + HEIGHT > top and runner.v > 0:
            overlap = min(RIGHT, right) - max(LEFT, self.left)
            if 2 * overlap > WIDTH:
                runner.y, runner.v = float(top - HEIGHT), 0.0
        self.is_blocked = is_beside and int(runner.y) + HEIGHT > top
        if not self.is_blocked:
            self.left -= SCROLL
            if self.right < 0:
                self._place_obstacle()
        return -1.0 if self.is_blocked else 1.0

    def observe(self) -> list[float]:
        return [(self.runner.y - RESTING_TOP) / SCREEN, self.runner.v / 10, self.left / SCREEN]

    def _place_obstacle(self) -> None:
        self.kind = integer(self.rng, 0, len(KINDS) - 1)
        self.left = _SPAWN_X
