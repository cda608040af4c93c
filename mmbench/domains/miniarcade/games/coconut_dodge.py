"""Stay clear of falling coconuts."""

from mmbench.domains.miniarcade.games.game import Game, clip, distance, integer, uniform

LOW, HIGH = 12.0, 212.0
AGENT_RADIUS, AGENT_Y = 9.0, 200.0
CRACK_STEPS = 10
EPISODE_STEPS = 500
_X_LIMITS = (21.0, 203.0)
_THRUST, _DAMPING, _MAX_SPEED = 0.85, 0.97, 5.0
_HIT_STEPS = 6
_MAX_COCONUTS = 6

# A coconut: x, y, vx, vy, radius, steps until a cracked one is replaced (0 while it falls).
Coconut = list[float]


class CoconutDodge(Game):
    """-1 for every step in touch with a falling coconut."""

    name = "coconut_dodge"

    def reset(self) -> None:
        self.x, self.v = 112.0, 0.0
        self.hit_timer = 0
        self.coconuts = [self._drop(0)]
        self._sort()

    def step(self, action: list[float]) -> float:
        velocity = (self.v + _THRUST * action[0]) * _DAMPING
        self.v = clip(velocity, -_MAX_SPEED, _MAX_SPEED)
        self.x = clip(self.x + self.v, *_X_LIMITS)
        for index, coconut in enumerate(self.coconuts):
            if coconut[5] > 0:
                coconut[5] -= 1
                if coconut[5] == 0:
                    self.coconuts[index] = self._drop(self.num_steps)
            else:
                _fall(coconut)
        is_hit = any(
            c[5] == 0 and distance(c[0] - self.x, c[1] - AGENT_Y) < AGENT_RADIUS + c[4]
            for c in self.coconuts
        )
        if is_hit:
            self.hit_timer = _HIT_STEPS
        next_step = self.num_steps + 1
        target = 1 + int(5 * _difficulty(next_step))
        while len(self.coconuts) < target:
            self.coconuts.append(self._drop(next_step))
        if self.hit_timer > 0:
            self.hit_timer -= 1
        self._sort()
        return -1.0 if is_hit else 0.0

    def observe(self) -> list[float]:
        nearest = next((c for c in self.nearest_first if c[5] == 0), None)
        values = [(self.x - LOW) / 200, self.v / 5]
        values += (
            (0.0, -1.0)
            if nearest is None
            else ((nearest[0] - self.x) / 200, (nearest[1] - AGENT_Y) / 200)
        )
        values.append(float(self.hit_timer > 0))
        for x, y, vx, vy, *_ in self.nearest_first:
            values += ((x - LOW) / 200, (y - LOW) / 200, vx / 5, vy / 5)
        values += [0.0] * (4 * (_MAX_COCONUTS - len(self.coconuts)))
        return values

    def _sort(self) -> None:
        self.nearest_first = sorted(
            self.coconuts, key=lambda c: distance(c[0] - self.x, c[1] - AGENT_Y)
        )

    def _drop(self, num_steps: int) -> Coconut:
        rng = self.rng
        difficulty = _difficulty(num_steps)
        radius = 7.0 + integer(rng, -1, 1)
        x = uniform(rng, LOW + radius, HIGH - radius)
        vx = uniform(rng, -0.5, 0.5) * (1 + 0.6 * difficulty)
        vy = uniform(rng, 1.4, 2.6) * (1 + 0.8 * difficulty)
        return [x, 13.0 + radius, vx, vy, radius, 0]


def _difficulty(num_steps: int) -> float:
    return clip(num_steps / EPISODE_STEPS, 0, 1)


def _fall(coconut: Coconut) -> None:
    radius = coconut[4]
    coconut[0] += coconut[2]
    coconut[1] += coconut[3]
    if coconut[0] < LOW + radius:
        coconut[0], coconut[2] = LOW + radius, -coconut[2]
    elif coconut[0] > HIGH - radius:
        coconut[0], coconut[2] = HIGH - radius, -coconut[2]
    if coconut[1] + radius >= HIGH:
        coconut[1], coconut[5] = HIGH - radius, CRACK_STEPS
