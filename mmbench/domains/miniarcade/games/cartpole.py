"""A mine cart with a pole."""

import math

from mmbench.domains.miniarcade.games.game import Game, fair_sign, integer, uniform

TRACK_LIMIT = 2.4
_FORCE = 11.0
_TIME_STEP = 0.025
_GRAVITY = 9.81
_POLE_MASS, _TOTAL_MASS, _HALF_LENGTH = 0.11, 1.01, 0.6
_MASS_LENGTH = _POLE_MASS * _HALF_LENGTH
_START_SPREAD = 0.065
_SPARSE_ANGLE = 0.15
_TREMOR = 5.0


class Cartpole(Game):
    """Reward while the pole is up and the cart on the track; the angle is never wrapped."""

    name = "cartpole"

    def __init__(self, start: str, sparse: bool, tremor: bool) -> None:
        self.start_angle = math.pi if start == "swingup" else 0.0
        self.is_sparse = sparse
        self.has_tremors = tremor

    def reset(self) -> None:
        rng = self.rng
        self.x, self.v, self.angle, self.spin = (
            uniform(rng, -_START_SPREAD, _START_SPREAD) for _ in range(4)
        )
        self.angle += self.start_angle
        self.tremor_left = 0
        self.tremor_strength = 0.0
        self.countdown = integer(rng, 40, 80) if self.has_tremors else 0
        self.is_jolted = False

    def step(self, action: list[float]) -> float:
        push = self._tremor() if self.has_tremors else 0.0
        self.advance(_FORCE * action[0], push)
        if abs(self.x) > TRACK_LIMIT:
            return 0.0
        if self.is_sparse:
            return 1.0 if abs(self.angle) < _SPARSE_ANGLE else 0.0
        return 1.0 - min(abs(self.angle), math.pi / 2) / (math.pi / 2)

    def advance(self, force: float, push: float) -> None:
        """Integrate one time step (explicit Euler); `push` is added to the pole's acceleration."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        h = (force + _MASS_LENGTH * self.spin**2 * sin) / _TOTAL_MASS
        alpha = (_GRAVITY * sin - cos * h) / (
            _HALF_LENGTH * (4 / 3 - _POLE_MASS * cos**2 / _TOTAL_MASS)
        ) + push
        acceleration = h - _MASS_LENGTH * alpha * cos / _TOTAL_MASS
        self.x += _TIME_STEP * self.v
        self.v += _TIME_STEP * acceleration
        self.angle += _TIME_STEP * self.spin
        self.spin += _TIME_STEP * alpha

    def observe(self) -> list[float]:
        return [self.x, self.v, self.angle, self.spin]

    def _tremor(self) -> float:
        self.is_jolted = self.tremor_left > 0
        if self.is_jolted:
            self.tremor_left -= 1
            return self.tremor_strength
        self.countdown -= 1
        if self.countdown <= 0:
            rng = self.rng
            self.tremor_left = integer(rng, 5, 10)
            sign = fair_sign(rng)
            self.tremor_strength = _TREMOR * uniform(rng, 0.35, 1.0) * sign
            self.countdown = integer(rng, 50, 90)
        return 0.0
