"""Hunt, then flee: roles swap at every catch."""

import math

from mmbench.domains.miniarcade.games.game import (
    SCREEN,
    Game,
    distance,
    fair_sign,
    uniform,
)

CENTRE = (112.0, 118.0)
ARENA_RADIUS = 90.0
RADIUS = 8.0
OBSTACLE_RADIUS = 12.0
ROLE_CHANGE_STEP = 5  # steps per digit of the countdown that is drawn
_RING, _TURN = 40.0, 0.01
_PURSUER_SPEED, _EVADER_SPEED = 3.5, 3.325
_PLAY_LIMIT, _CHANGE_LIMIT = 78.0, 67.0
_START_RING = 75.0
_CATCH = 16.0
_CONTACT = RADIUS + OBSTACLE_RADIUS

Body = list[float]  # x, y, vx, vy


class ChaseEvade(Game):
    """Near is good for the pursuer, far for the evader."""

    name = "chase_evade"

    def reset(self) -> None:
        rng = self.rng
        angle = uniform(rng, 0, 2 * math.pi)
        self.agent: Body = [
            CENTRE[0] + _START_RING * math.cos(angle),
            CENTRE[1] + _START_RING * math.sin(angle),
            0.0,
            0.0,
        ]
        self.opponent: Body = [*CENTRE, 0.0, 0.0]
        self.is_evader = rng.random() < 0.5
        self.phase = uniform(rng, 0, 2 * math.pi)
        self.turning = fair_sign(rng)
        self.change_steps: int | None = None  # steps into a role change; None in play
        self.catch: tuple[float, float, int, bool] | None = None  # where, when, agent caught
        self.place_obstacles()

    def place_obstacles(self) -> None:
        """Turn the ring of obstacles to where it is at the current step."""
        start = self.phase + self.turning * _TURN * self.num_steps
        self.obstacles = [
            (CENTRE[0] + _RING * math.cos(a), CENTRE[1] + _RING * math.sin(a))
            for a in (start, start + 2 * math.pi / 3, start + 4 * math.pi / 3)
        ]

    def step(self, action: list[float]) -> float:
        self.place_obstacles()
        agent, opponent = self.agent, self.opponent
        if self.change_steps is not None:
            self._change_roles(self.change_steps)
        else:
            speed = _EVADER_SPEED if self.is_evader else _PURSUER_SPEED
            agent[2], agent[3] = speed * action[0], speed * action[1]
            self._move(agent)
            ux, uy = self._pursue() if self.is_evader else self._flee()
            length = distance(ux, uy)
            if length > 1e-8:
                ux, uy = ux / length, uy / length
            speed = _PURSUER_SPEED if self.is_evader else _EVADER_SPEED
            opponent[2], opponent[3] = speed * ux, speed * uy
            self._move(opponent)
            if distance(agent[0] - opponent[0], agent[1] - opponent[1]) < _CATCH:
                middle = ((agent[0] + opponent[0]) / 2, (agent[1] + opponent[1]) / 2)
                self.catch = (*middle, self.num_steps, self.is_evader)
                self.is_evader = not self.is_evader
                self.change_steps = 0
        gap = distance(agent[0] - opponent[0], agent[1] - opponent[1])
        return (0.1 if self.is_evader else -0.1) * gap / ARENA_RADIUS

    def observe(self) -> list[float]:
        values: list[float] = []
        for x, y, vx, vy in (self.agent, self.opponent):
            values += (x / SCREEN, y / SCREEN, vx / _PURSUER_SPEED, vy / _PURSUER_SPEED)
        values.append(float(self.is_evader))
        for x, y in self.obstacles:
            values += (x / SCREEN, y / SCREEN)
        return values

    def _change_roles(self, steps: int) -> None:
        """The new pursuer walks to the middle, the new evader outward."""
        pursuer, evader = (
            (self.opponent, self.agent) if self.is_evader else (self.agent, self.opponent)
        )
        self.change_steps = steps + 1
        dx, dy = CENTRE[0] - pursuer[0], CENTRE[1] - pursuer[1]
        length = distance(dx, dy)
        if length > 1.5:
            pursuer[0] += _PURSUER_SPEED * dx / length
            pursuer[1] += _PURSUER_SPEED * dy / length
        dx, dy = evader[0] - CENTRE[0], evader[1] - CENTRE[1]
        length = distance(dx, dy)
        if length > 0.01:
            evader[0] += _EVADER_SPEED * dx / length
            evader[1] += _EVADER_SPEED * dy / length
            _keep_within(evader, _CHANGE_LIMIT)
        is_near = distance(pursuer[0] - CENTRE[0], pursuer[1] - CENTRE[1]) < 2
        if self.change_steps >= 5 and is_near:
            self.change_steps = None

    def _move(self, body: Body) -> None:
        body[0] += body[2]
        body[1] += body[3]
        _keep_within(body, _PLAY_LIMIT)
        for ox, oy in self.obstacles:
            dx, dy = ox - body[0], oy - body[1]
            gap = distance(dx, dy)
            if _CONTACT - gap > 0:
                nx, ny = dx / (gap + 1e-8), dy / (gap + 1e-8)
                body[0] -= nx * (_CONTACT - gap + 0.5)
                body[1] -= ny * (_CONTACT - gap + 0.5)
                inward = body[2] * nx + body[3] * ny
                if inward > 0:
                    body[2] -= 2 * inward * nx
                    body[3] -= 2 * inward * ny

    def _pursue(self) -> tuple[float, float]:
        px, py = self.agent[0], self.agent[1]
        qx, qy = self.opponent[0], self.opponent[1]
        dx, dy = px - qx, py - qy
        length = distance(dx, dy)
        ux, uy = (dx / length, dy / length) if length > 1e-5 else (0.0, 0.0)
        for ox, oy in self.obstacles:
            gx, gy = qx - ox, qy - oy
            gap = distance(gx, gy)
            if gap < 36:
                weight = (36 - gap) / 36 / (gap + 1e-8)
                ux += gx * weight
                uy += gy * weight
        return ux, uy

    def _flee(self) -> tuple[float, float]:
        px, py = self.agent[0], self.agent[1]
        qx, qy = self.opponent[0], self.opponent[1]
        ex, ey = qx - px, qy - py
        length = distance(ex, ey)
        ux, uy = (ex / length, ey / length) if length > 1e-5 else (0.0, 0.0)
        cx, cy = qx - CENTRE[0], qy - CENTRE[1]
        from_centre = distance(cx, cy)
        if from_centre > 72:
            ux -= 0.5 * cx / (from_centre + 1e-8)
            uy -= 0.5 * cy / (from_centre + 1e-8)
        for ox, oy in self.obstacles:
            if (px - ox) * (qx - ox) + (py - oy) * (qy - oy) < 0:
                ux += 0.02 * (ox - qx)
                uy += 0.02 * (oy - qy)
        if length < 36:
            jx, jy = -ey / (length + 1e-8), ex / (length + 1e-8)
            ux += 0.2 * jx * fair_sign(self.rng)
            uy += 0.2 * jy * fair_sign(self.rng)
        return ux, uy


def _keep_within(body: Body, limit: float) -> None:
    dx, dy = body[0] - CENTRE[0], body[1] - CENTRE[1]
    length = distance(dx, dy)
    if length > limit:
        body[0] = CENTRE[0] + dx * limit / (length + 1e-8)
        body[1] = CENTRE[1] + dy * limit / (length + 1e-8)
