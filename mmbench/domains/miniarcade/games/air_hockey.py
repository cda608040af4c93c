"""Air hockey against a scripted mallet."""

import math

from mmbench.domains.miniarcade.games.game import (
    SCREEN,
    Game,
    clip,
    distance,
    fair_sign,
    integer,
    uniform,
)

LEFT, RIGHT, TOP, BOTTOM = 33.0, 191.0, 24.0, 200.0
CENTRE = 112.0
MOUTH = (84.0, 140.0)
TOP_GOAL, BOTTOM_GOAL = 14.0, 210.0
PUCK_RADIUS, MALLET_RADIUS = 6.0, 10.0
_CONTACT = PUCK_RADIUS + MALLET_RADIUS
_AGENT_SPEED, _OPPONENT_SPEED = 7.5, 6.375
_SERVE_SPEED, _MAX_PUCK_SPEED = 6.0, 12.0
_RESTITUTION, _DAMPING, _BOOST = 0.9, 0.998, 0.35
_X_LIMITS = (43.0, 181.0)
_AGENT_Y, _OPPONENT_Y = (122.0, 190.0), (34.0, 102.0)
_HOME_Y, _DEEPEST_TARGET = 52.0, 83.0
_JITTER = 0.25


class AirHockey(Game):
    """+1 for a goal at the top, -1 for one at the bottom."""

    name = "air_hockey"
    x: float
    y: float
    vx: float
    vy: float
    agent: list[float]
    opponent: list[float]

    def reset(self) -> None:
        self.goals = [0, 0]
        self.delay = 0
        self.is_puck_near = False
        self._kick_off(fair_sign(self.rng))

    def step(self, action: list[float]) -> float:
        agent, opponent = self.agent, self.opponent
        agent[2], agent[3] = _AGENT_SPEED * action[0], _AGENT_SPEED * action[1]
        agent[0] = clip(agent[0] + agent[2], *_X_LIMITS)
        agent[1] = clip(agent[1] + agent[3], *_AGENT_Y)
        self._move_opponent(*self._opponent_target())
        self.x += self.vx
        self.y += self.vy
        self._hit(agent)
        self._hit(opponent)
        if self.x - PUCK_RADIUS < LEFT:
            self.x, self.vx = LEFT + PUCK_RADIUS, -_RESTITUTION * self.vx
        elif self.x + PUCK_RADIUS > RIGHT:
            self.x, self.vx = RIGHT - PUCK_RADIUS, -_RESTITUTION * self.vx
        reward = self._score()
        self.vx *= _DAMPING
        self.vy *= _DAMPING
        speed = distance(self.vx, self.vy)
        if speed > _MAX_PUCK_SPEED:
            self.vx *= _MAX_PUCK_SPEED / (speed + 1e-8)
            self.vy *= _MAX_PUCK_SPEED / (speed + 1e-8)
        return reward

    def observe(self) -> list[float]:
        values = [self.x / SCREEN, self.y / SCREEN, self.vx / 12, self.vy / 12]
        for x, y, vx, vy in (self.agent, self.opponent):
            values += (x / SCREEN, y / SCREEN, vx / _AGENT_SPEED, vy / _AGENT_SPEED)
        return values

    def _kick_off(self, direction: float) -> None:
        """Put everybody in place and serve, upward (-1) or downward (+1)."""
        self.agent = [CENTRE, 170.0, 0.0, 0.0]
        self.opponent = [CENTRE, 54.0, 0.0, 0.0]
        angle = math.pi * uniform(self.rng, -0.35, 0.35)
        self.x = self.y = CENTRE
        self.vx = _SERVE_SPEED * math.cos(angle) * fair_sign(self.rng)
        self.vy = direction * _SERVE_SPEED * abs(0.7 * math.sin(angle) + 0.3)

    def _opponent_target(self) -> tuple[float, float]:
        if not (self.y < 120 and self.vy < 0):
            self.is_puck_near = False
            return CENTRE, _HOME_Y
        if not self.is_puck_near:
            haste = clip((distance(self.vx, self.vy) - 2) / 8, 0, 1)
            self.delay = integer(self.rng, int(5 - 4 * haste), int(10 - 6 * haste))
            self.is_puck_near = True
        if self.delay > 0:
            self.delay -= 1
            return CENTRE, _HOME_Y
        return clip(self.x, *_X_LIMITS), min(self.y + 12, _DEEPEST_TARGET)

    def _move_opponent(self, x: float, y: float) -> None:
        opponent = self.opponent
        dx, dy = x - opponent[0], y - opponent[1]
        length = distance(dx, dy)
        if length > 1e-5:
            speed = min(_OPPONENT_SPEED, length) / length
            jitter = self.rng.standard_normal(2)
            opponent[2] = dx * speed + _JITTER * float(jitter[0])
            opponent[3] = dy * speed + _JITTER * float(jitter[1])
        else:
            opponent[2] = opponent[3] = 0.0
        opponent[0] = clip(opponent[0] + opponent[2], *_X_LIMITS)
        opponent[1] = clip(opponent[1] + opponent[3], *_OPPONENT_Y)

    def _hit(self, mallet: list[float]) -> None:
        mx, my, ux, uy = mallet
        dx, dy = self.x - mx, self.y - my
        gap = distance(dx, dy)
        overlap = _CONTACT - gap
        if overlap <= 0:
            return
        nx, ny = dx / (gap + 1e-8), dy / (gap + 1e-8)
        self.x += nx * (overlap + 0.5)
        self.y += ny * (overlap + 0.5)
        closing = (self.vx - ux) * nx + (self.vy - uy) * ny
        if closing < 0:
            self.vx += -(1 + _RESTITUTION) * closing * nx + _BOOST * ux
            self.vy += -(1 + _RESTITUTION) * closing * ny + _BOOST * uy

    def _score(self) -> float:
        is_in_mouth = MOUTH[0] <= self.x <= MOUTH[1]
        reward = 0.0
        if self.y <= TOP_GOAL and is_in_mouth:
            reward += 1.0
            self.goals[0] += 1
            self._kick_off(-1.0)
        elif self.y - PUCK_RADIUS < TOP and not is_in_mouth:
            self.y, self.vy = TOP + PUCK_RADIUS, -_RESTITUTION * self.vy
        if self.y >= BOTTOM_GOAL and is_in_mouth:
            reward -= 1.0
            self.goals[1] += 1
            self._kick_off(1.0)
        elif self.y + PUCK_RADIUS > BOTTOM and not is_in_mouth:
            self.y, self.vy = BOTTOM - PUCK_RADIUS, -_RESTITUTION * self.vy
        return reward
