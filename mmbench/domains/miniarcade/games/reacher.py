"""A flat arm with two hinges."""

import math

from mmbench.domains.miniarcade.games.game import Game, clip, distance, uniform

_TIME_STEP = 0.02
_ELBOW_LIMIT = math.radians(160)
_TORQUE, _DRAG, _QUADRATIC_DRAG = (90.0, 180.0), (4.0, 38.0), (1.2, 0.05)
_MAX_SPEED = 30.0
_MARGIN_M = 0.015


class Reacher(Game):
    """+1 for every step with the fingertip in the disc. Lengths are metres, y upward."""

    name = "reacher"

    def __init__(self, upper_link_m: float, lower_link_m: float, target_radius_m: float) -> None:
        self.links = (upper_link_m, lower_link_m)
        self.target_radius = target_radius_m

    def reset(self) -> None:
        rng = self.rng
        self.angles = [
            uniform(rng, -math.pi, math.pi),
            uniform(rng, -_ELBOW_LIMIT, _ELBOW_LIMIT),
        ]
        self.speeds = [0.0, 0.0]
        angle = uniform(rng, 0, 2 * math.pi)
        radius = min(uniform(rng, 0.05, 0.20), sum(self.links) - _MARGIN_M)
        self.target = (radius * math.cos(angle), radius * math.sin(angle))

    @property
    def elbow(self) -> tuple[float, float]:
        """Place of the second hinge."""
        return self.links[0] * math.cos(self.angles[0]), self.links[0] * math.sin(self.angles[0])

    @property
    def fingertip(self) -> tuple[float, float]:
        """Place of the end of the arm."""
        x, y = self.elbow
        angle = self.angles[0] + self.angles[1]
        return x + self.links[1] * math.cos(angle), y + self.links[1] * math.sin(angle)

    def step(self, action: list[float]) -> float:
        for j in (0, 1):
            speed = self.speeds[j]
            drag = _DRAG[j] * speed + _QUADRATIC_DRAG[j] * abs(speed) * speed
            speed += _TIME_STEP * (_TORQUE[j] * action[j] - drag)
            self.speeds[j] = clip(speed, -_MAX_SPEED, _MAX_SPEED)
            self.angles[j] += _TIME_STEP * self.speeds[j]
        if abs(self.angles[1]) > _ELBOW_LIMIT:
            self.angles[1] = math.copysign(_ELBOW_LIMIT, self.angles[1])
            self.speeds[1] = 0.0
        x, y = self.fingertip
        gap = distance(self.target[0] - x, self.target[1] - y)
        return 1.0 if gap <= self.target_radius else 0.0

    def observe(self) -> list[float]:
        x, y = self.fingertip
        return [*self.angles, self.target[0] - x, self.target[1] - y, *self.speeds]
