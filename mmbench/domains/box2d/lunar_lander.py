"""The lunar lander on three missions."""

import math
from typing import Any

import numpy as np
from gymnasium.envs.box2d import lunar_lander as gym_lander
from gymnasium.envs.box2d.lunar_lander import (
    Box2D,
    edgeShape,
    fixtureDef,
    polygonShape,
    revoluteJointDef,
)

from mmbench.domains.box2d import rewards
from mmbench.domains.box2d.drawing import draw_lander
from mmbench.simulator import FloatArray, Image

SCALE = gym_lander.SCALE
WIDTH = 400 / SCALE
HEIGHT = 400 / SCALE
CENTRE_X = WIDTH / 2
PAD_HEIGHT = HEIGHT / 4
LEG_CLEARANCE = gym_lander.LEG_DOWN / SCALE
VELOCITY_SCALE = (WIDTH / 2) / gym_lander.FPS
INITIAL_FORCE = 600.0

_ZERO_ACTION = np.zeros(2, np.float32)


class LunarLanderGame(gym_lander.LunarLander):
    """Gymnasium's lander in a square world, with MMBench's missions: land, hover, takeoff."""

    def __init__(self, mission: str) -> None:
        super().__init__(continuous=True)
        self.mission = mission
        self.is_blind = False
        self.goal: tuple[float, float] | None = None
        self.engine_power = (0.0, 0.0)
        self._shaping = 0.0

    fields = ("game_over", "prev_shaping", "_shaping", "engine_power", "np_random")

    @property
    def bodies(self) -> list[Any]:
        """Lander and legs."""
        return [self.lander, *self.legs]

    def start(self, rng: np.random.Generator) -> FloatArray:
        """Start an episode in a new world and return its first observation."""
        self.np_random = rng
        self._destroy()
        self.world = Box2D.b2World(gravity=(0, self.gravity))
        self.world.contactListener_keepref = gym_lander.ContactDetector(self)
        self.world.contactListener = self.world.contactListener_keepref
        self.game_over = False
        self.prev_shaping = None
        self._lay_terrain(rng)
        self.goal = None
        if self.mission == "takeoff":
            pad = self.helipad_x2 - self.helipad_x1
            x = rng.uniform(self.helipad_x1 + 0.25 * pad, self.helipad_x2 - 0.25 * pad)
            force = (0.5 * rng.uniform(-INITIAL_FORCE, INITIAL_FORCE), -1200.0)
            self._build_lander(x, PAD_HEIGHT + LEG_CLEARANCE, force)
            self.goal = (rng.uniform(0.2, 0.8) * WIDTH, rng.uniform(0.6, 0.8) * HEIGHT)
            num_settling_steps = 6
        else:
            y = 0.8 * HEIGHT * rng.uniform(0.95, 1.05)
            x = CENTRE_X * rng.uniform(0.95, 1.05)
            force_x, force_y = rng.uniform(-INITIAL_FORCE, INITIAL_FORCE, size=2)
            self._build_lander(x, y, (float(force_x), float(force_y)))
            if self.mission == "hover":
                self.goal = (CENTRE_X + rng.uniform(-1, 1), 2 * PAD_HEIGHT + rng.uniform(-1, 1))
            num_settling_steps = 1
        for _ in range(num_settling_steps):
            self.step(_ZERO_ACTION)
        self.engine_power = (0.0, 0.0)
        self._shaping = self._potential()
        return self.observe()

    def advance(self, action: FloatArray) -> float:
        """Play one physics step; return the inner reward."""
        self.step(action)
        main = 0.5 * (1.0 + min(float(action[0]), 1.0)) if action[0] > 0 else 0.0
        side = min(abs(float(action[1])), 1.0) if abs(action[1]) > 0.5 else 0.0
        self.engine_power = (main, math.copysign(side, float(action[1])))
        reward = self._landing_reward if self.goal is None else self._goal_reward
        return reward(main, side)

    def observe(self) -> FloatArray:
        """Return the eight measures of the lander, and the way to the goal if there is one."""
        values = self._measure()
        if self.goal is not None:
            position = self.lander.position
            values.append((self.goal[0] - position.x) / CENTRE_X)
            values.append((self.goal[1] - position.y) / CENTRE_X)
        return np.array(values, np.float32)

    def draw(self, height: int, width: int) -> Image:
        """Draw the whole world."""
        return draw_lander(self, height, width)

    def _landing_reward(self, main: float, side: float) -> float:
        potential = self._potential()
        gain = potential - self._shaping
        self._shaping = potential
        is_out = abs((self.lander.position.x - CENTRE_X) / CENTRE_X) >= 1
        is_lost, is_asleep = self.game_over or is_out, not self.lander.awake
        return rewards.landing(gain, main, side, is_lost=is_lost, is_asleep=is_asleep)

    def _goal_reward(self, main: float, side: float) -> float:
        assert self.goal is not None
        position = self.lander.position
        if position.y < PAD_HEIGHT + LEG_CLEARANCE:
            return 0.0
        distance = math.hypot(position.x - self.goal[0], position.y - self.goal[1])
        return rewards.nearness(distance, main, side)

    def _measure(self) -> list[float]:
        position, velocity = self.lander.position, self.lander.linearVelocity
        return [
            (position.x - CENTRE_X) / CENTRE_X,
            (position.y - (PAD_HEIGHT + LEG_CLEARANCE)) / CENTRE_X,
            velocity.x * VELOCITY_SCALE,
            velocity.y * VELOCITY_SCALE,
            self.lander.angle,
            20.0 * self.lander.angularVelocity / gym_lander.FPS,
            1.0 if self.legs[0].ground_contact else 0.0,
            1.0 if self.legs[1].ground_contact else 0.0,
        ]

    def _potential(self) -> float:
        return rewards.landing_potential(self._measure())

    def _lay_terrain(self, rng: np.random.Generator) -> None:
        num_points = (7, 9)[int(rng.integers(2))]
        heights = rng.uniform(0, HEIGHT / 2, size=num_points + 1)
        middle = num_points // 2
        heights[middle - 2 : middle + 3] = PAD_HEIGHT
        xs = [i * WIDTH / (num_points - 1) for i in range(num_points)]
        ys = [0.33 * float(heights[i - 1] + heights[i] + heights[i + 1]) for i in range(num_points)]
        self.helipad_x1, self.helipad_x2 = xs[middle - 1], xs[middle + 1]
        self.helipad_y = PAD_HEIGHT
        self.ground = list(zip(xs, ys, strict=True))
        self.moon = self.world.CreateStaticBody(shapes=edgeShape(vertices=[(0, 0), (WIDTH, 0)]))
        for left, right in zip(self.ground, self.ground[1:], strict=False):
            self.moon.CreateEdgeFixture(vertices=[left, right], density=0, friction=0.1)

    def _build_lander(self, x: float, y: float, force: tuple[float, float]) -> None:
        hull = [(px / SCALE, py / SCALE) for px, py in gym_lander.LANDER_POLY]
        self.lander = self.world.CreateDynamicBody(
            position=(x, y),
            angle=0.0,
            fixtures=fixtureDef(
                shape=polygonShape(vertices=hull),
                density=5.0,
                friction=0.1,
                categoryBits=0x0010,
                maskBits=0x001,
                restitution=0.0,
            ),
        )
        self.lander.ApplyForceToCenter(force, True)
        self.legs = [self._build_leg(x, y, side) for side in (-1, 1)]

    def _build_leg(self, x: float, y: float, side: int) -> Box2D.b2Body:
        away = gym_lander.LEG_AWAY / SCALE
        leg = self.world.CreateDynamicBody(
            position=(x - side * away, y),
            angle=side * 0.05,
            fixtures=fixtureDef(
                shape=polygonShape(box=(gym_lander.LEG_W / SCALE, gym_lander.LEG_H / SCALE)),
                density=1.0,
                restitution=0.0,
                categoryBits=0x0020,
                maskBits=0x001,
            ),
        )
        leg.ground_contact = False
        lower_angle, upper_angle = (0.4, 0.9) if side < 0 else (-0.9, -0.4)
        leg.joint = self.world.CreateJoint(
            revoluteJointDef(
                bodyA=self.lander,
                bodyB=leg,
                localAnchorA=(0, 0),
                localAnchorB=(side * away, LEG_CLEARANCE),
                enableMotor=True,
                enableLimit=True,
                maxMotorTorque=gym_lander.LEG_SPRING_TORQUE,
                motorSpeed=0.3 * side,
                lowerAngle=lower_angle,
                upperAngle=upper_angle,
            )
        )
        return leg
