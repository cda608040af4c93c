"""Weave through traffic on five lanes."""

import math
from dataclasses import dataclass

from mmbench.domains.miniarcade.games.game import SCREEN, Game, clip, integer, uniform

TOP, BOTTOM = 18.0, 206.0
LANES = (36.8, 74.4, 112.0, 149.6, 187.2)
CAR_LENGTH, CAR_HEIGHT = 28, 18
TRUCK_LENGTH = 56
BLUE, YELLOW, TRUCK = range(3)
SCROLL = 6.0
FLASH_STEPS = 3
_FAST = 7.2
_THRUST, _DAMPING = 0.65, 0.95
_X_LIMITS, _Y_LIMITS = (0.0, 196.0), (18.0, 188.0)
_NUM_SLOTS = 4
_CLEARANCE = 18.0
_CLEAR_WINDOW, _TOO_CLOSE = 70.0, 84.0
_STICK_STEPS = 5
_HALF_LANE = 18.8
_TRIES = 8


@dataclass
class Vehicle:
    """A slot for another vehicle; `x` is its left edge."""

    is_active: bool
    x: float
    lane: int
    kind: int
    respawn: int
    timer: int

    @property
    def length(self) -> int:
        """Length in pixels."""
        return TRUCK_LENGTH if self.kind == TRUCK else CAR_LENGTH

    @property
    def top(self) -> int:
        """Top edge of its rectangle, truncated."""
        return int(LANES[self.lane] - 9)


class Highway(Game):
    """Small rewards for lane keeping and clear road, -1 for a collision."""

    name = "highway"

    def reset(self) -> None:
        rng = self.rng
        self.x = uniform(rng, 20, 60)
        self.y = LANES[integer(rng, 1, 3)] - 9
        self.vx, self.vy = uniform(rng, -0.2, 0.2), uniform(rng, -0.2, 0.2)
        self.flash = 0
        self.stuck: int | None = None
        self.vehicles = [
            Vehicle(False, 0.0, 0, BLUE, integer(rng, 0, 6), 0) for _ in range(_NUM_SLOTS)
        ]
        self._spawn(self.vehicles[0], 264.0)

    def step(self, action: list[float]) -> float:
        self.flash = max(0, self.flash - 1)
        self.vx += _THRUST * action[0]
        self.vy += _THRUST * action[1]
        self.x += self.vx
        self.y += self.vy
        self.vx *= _DAMPING
        self.vy *= _DAMPING
        self.x = clip(self.x, *_X_LIMITS)
        self.y = clip(self.y, *_Y_LIMITS)
        cap = math.floor(1 + 3 * clip(self.num_steps / 499, 0, 1) + 1e-9)
        if self.stuck is not None:
            self._drag(self.vehicles[self.stuck])
        has_crashed = self._move_traffic(cap)
        return -float(has_crashed) + self._shaping(action)

    def observe(self) -> list[float]:
        centre = self.y + 9
        lane = self._lane()
        ahead = {k: self._gap_ahead(k) for k in (lane - 1, lane, lane + 1)}
        values = [self.x / SCREEN, centre / SCREEN, self.vx / 10, self.vy / 10]
        values += (self.flash / FLASH_STEPS, _scaled_gap(ahead[lane]))
        for k in (lane - 1, lane + 1):
            gap = ahead[k]
            exists = 0 <= k < len(LANES)
            values.append(float(exists and (gap is None or gap > _CLEAR_WINDOW)))
        values += (_scaled_gap(ahead[lane - 1]), _scaled_gap(ahead[lane + 1]))
        values += (clip((centre - LANES[lane]) / _HALF_LANE, -1, 1), lane / 4)
        for vehicle in self.vehicles:
            if vehicle.is_active:
                values += (
                    vehicle.x / SCREEN,
                    LANES[vehicle.lane] / SCREEN,
                    float(vehicle.kind == TRUCK),
                )
            else:
                values += (-1.0, -1.0, -1.0)
        return values

    def _lane(self) -> int:
        centre = self.y + 9
        return min(range(len(LANES)), key=lambda k: abs(centre - LANES[k]))

    def _gap_ahead(self, lane: int) -> float | None:
        """Return the smallest gap from the agent's front to a vehicle ahead in a lane."""
        front = self.x + CAR_LENGTH
        gap = None
        for vehicle in self.vehicles:
            is_ahead = vehicle.is_active and vehicle.lane == lane and vehicle.x >= front
            if is_ahead and (gap is None or vehicle.x - front < gap):
                gap = vehicle.x - front
        return gap

    def _shaping(self, action: list[float]) -> float:
        lane = self._lane()
        off_centre = abs(self.y + 9 - LANES[lane]) / _HALF_LANE
        gap = self._gap_ahead(lane)
        if gap is None:
            clear = 0.01
        elif gap < _TOO_CLOSE:
            clear = -0.02 * (1 - gap / _TOO_CLOSE)
        else:
            clear = 0.005
        smooth = -0.0005 * (action[0] ** 2 + action[1] ** 2)
        return 0.01 * math.exp(-(off_centre**2)) + clear + smooth

    def _spawn(self, vehicle: Vehicle, x: float | None) -> bool:
        rng = self.rng
        kind = integer(rng, BLUE, TRUCK)
        length = TRUCK_LENGTH if kind == TRUCK else CAR_LENGTH
        for _ in range(_TRIES):
            lane = integer(rng, 0, len(LANES) - 1)
            left = SCREEN + uniform(rng, 20, 60) if x is None else x
            if all(
                abs(other.x - left) >= max(length, other.length) + _CLEARANCE
                for other in self.vehicles
                if other.is_active and other.lane == lane
            ):
                vehicle.is_active = True
                vehicle.x, vehicle.lane, vehicle.kind = left, lane, kind
                vehicle.respawn = vehicle.timer = 0
                return True
        return False

    def _ahead_of(self, vehicle: Vehicle) -> Vehicle | None:
        """Return the nearest vehicle to the left in the same lane."""
        nearest, smallest = None, math.inf
        for other in self.vehicles:
            if other is vehicle or not other.is_active or other.lane != vehicle.lane:
                continue
            gap = vehicle.x - (other.x + other.length)
            if other.x < vehicle.x and 0 <= gap < smallest:
                nearest, smallest = other, gap
        return nearest

    def _advanced(self, vehicle: Vehicle) -> tuple[float, float]:
        """Return the vehicle's speed, and where it gets to without running into the one ahead."""
        if vehicle.kind != YELLOW:
            return SCROLL, vehicle.x - SCROLL
        ahead = self._ahead_of(vehicle)
        if ahead is None:
            return _FAST, vehicle.x - _FAST
        gap = vehicle.x - (ahead.x + ahead.length)
        speed = SCROLL if gap <= max(vehicle.length, ahead.length) else _FAST
        return speed, max(vehicle.x - speed, ahead.x + ahead.length + 1)

    def _drag(self, vehicle: Vehicle) -> None:
        """Let the vehicle that the agent is stuck to carry it along."""
        speed, x = self._advanced(vehicle)
        limit = vehicle.x - speed - 27
        agent_x = self.x - speed
        if agent_x < 0 or limit < 0:
            self._release(vehicle)
            return
        vehicle.x = x
        vehicle.timer -= 1
        self.x = min(agent_x, limit)
        if vehicle.x + vehicle.length < 0 or vehicle.timer <= 0:
            self._release(vehicle)

    def _release(self, vehicle: Vehicle) -> None:
        vehicle.is_active = False
        vehicle.respawn = integer(self.rng, 4, 10)
        vehicle.timer = 0
        self.vx = self.vy = 0.0
        self.stuck = None

    def _move_traffic(self, cap: int) -> bool:
        has_crashed = False
        left, top = int(self.x), int(self.y)
        num_active = 0
        for slot, vehicle in enumerate(self.vehicles):
            if not vehicle.is_active:
                vehicle.respawn = max(0, vehicle.respawn - 1)
                if vehicle.respawn == 0 and num_active < cap:
                    if self._spawn(vehicle, None):
                        num_active += 1
                    else:
                        vehicle.respawn = 1
                continue
            num_active += 1
            if slot == self.stuck:
                continue
            _, vehicle.x = self._advanced(vehicle)
            if self.stuck is None:
                x = int(vehicle.x)  # truncates toward zero, also left of the picture
                if (
                    left < x + vehicle.length
                    and x < left + CAR_LENGTH
                    and top < vehicle.top + CAR_HEIGHT
                    and vehicle.top < top + CAR_HEIGHT
                ):
                    vehicle.timer = _STICK_STEPS
                    self.stuck = slot
                    self.flash = FLASH_STEPS
                    has_crashed = True
            if vehicle.timer == 0 and vehicle.x + vehicle.length < 0:
                vehicle.is_active = False
                vehicle.respawn = integer(self.rng, 4, 10)
        return has_crashed


def _scaled_gap(gap: float | None) -> float:
    return -1.0 if gap is None else clip(gap / SCREEN, 0, 1)
