"""The runner that coinrun and cowboy share: it stays in place, the world scrolls, it jumps."""

LEFT, WIDTH, HEIGHT = 40, 18, 30
RIGHT = LEFT + WIDTH
GROUND_Y = 184
RESTING_TOP = 154.0
SCROLL = 10
_JUMP_SPEED, _GRAVITY = 12.0, 1.0


class Runner:
    """Top edge `y` and vertical velocity `v`, both positive downward."""

    def __init__(self) -> None:
        self.y = RESTING_TOP
        self.v = 0.0

    @property
    def is_on_ground(self) -> bool:
        """Whether it stands and does not fall."""
        return self.y >= RESTING_TOP and self.v == 0.0

    def jump_and_fall(self, strength: float) -> None:
        """Jump with a strength in [0, 1] if it stands, and move one step."""
        if strength > 0 and self.y >= RESTING_TOP - 0.001:
            self.v = -_JUMP_SPEED * strength
        self.v += _GRAVITY
        self.y += self.v
        if self.y > RESTING_TOP:
            self.y, self.v = RESTING_TOP, 0.0
