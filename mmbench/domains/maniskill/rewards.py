"""Observation, reward and success of the ManiSkill tasks, in numpy.

One class per package environment, with the numbers of its dense reward; the tests compare every one
of them with the package's own.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmbench.arithmetic import dot, length
from mmbench.domains.maniskill.bodies import (
    Body,
    Contacts,
    FixedBody,
    Vector,
    last_euler_angle,
    rotation,
)

_MIN_GRASP_FORCE_N = 0.5


def near(distance: float, steepness: float = 5.0) -> float:
    """Fall from 1 at distance 0 toward 0."""
    return 1.0 - math.tanh(steepness * distance)


class Goal:
    """The part of a task that reads the simulation.

    Args:
        env: The unwrapped ManiSkill environment.
    """

    def __init__(self, env: Any) -> None:
        self.articulation = env.agent.robot._objs[0]
        self.contacts = Contacts(env.scene)

    def measure(self) -> None:
        """Take the measurements that observation, reward and success share."""

    def observe(self) -> Sequence[Vector | float]:
        """Return what follows joint positions and velocities in the observation."""
        raise NotImplementedError

    def joint_state(self) -> Sequence[Vector]:
        """Return the joint positions and velocities of the observation."""
        return (self.articulation.qpos, self.articulation.qvel)

    def reward(self, action: Vector) -> float:
        """Return the normalised dense reward of the inner step that brought this state."""
        raise NotImplementedError

    def is_success(self) -> bool:
        """Whether the goal holds now."""
        return False


class _JawCentre:
    """The tool centre of the SO100: half way between the tips of its jaws."""

    def __init__(self, agent: Any) -> None:
        self._tips = (Body(agent.finger1_tip), Body(agent.finger2_tip))
        self._jaw = Body(agent.finger1_link)

    @property
    def p(self) -> Vector:
        centre: Vector = (self._tips[0].p + self._tips[1].p) / np.float32(2)
        return centre

    @property
    def pose(self) -> Vector:
        return np.concatenate((self.p, self._jaw.q))


class ArmGoal(Goal):
    """A goal for an arm with a two-finger gripper."""

    gripper_opening_sign = -1.0
    num_gripper_joints = 2
    max_grasp_angle_deg = 85.0

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        uid = env.agent.uid
        self.tcp = _JawCentre(env.agent) if "so100" in uid else Body(env.agent.tcp)
        if "so100" in uid:
            self.num_gripper_joints, self.max_grasp_angle_deg = 1, 110.0
        elif "xarm6" in uid:
            self.num_gripper_joints, self.gripper_opening_sign = 6, 1.0
        self._fingers = (Body(env.agent.finger1_link), Body(env.agent.finger2_link))

    def is_static(self) -> bool:
        """Whether no arm joint moves faster than 0.2 rad/s."""
        speed = self.articulation.qvel[: -self.num_gripper_joints]
        return bool(np.abs(speed).max() <= 0.2)

    def is_grasping(self, body: Body, max_angle_deg: float | None = None) -> bool:
        """Whether both fingers press on a body, roughly in their closing direction."""
        max_angle = math.radians(max_angle_deg or self.max_grasp_angle_deg)
        for finger, sign in zip(self._fingers, (1.0, self.gripper_opening_sign), strict=True):
            force = self.contacts.between(finger, body)
            size = length(force)
            if size < _MIN_GRASP_FORCE_N:
                return False
            cosine = sign * dot(rotation(finger.q)[:, 1], force) / size
            if math.acos(min(1.0, max(-1.0, cosine))) > max_angle:
                return False
        return True

    def stillness(self, num_joints: int | None = None) -> float:
        """Return 1 for a robot at rest, less the faster its joints move."""
        speed = self.articulation.qvel
        return near(length(speed[: num_joints or len(speed) - self.num_gripper_joints]))


class PickCube(ArmGoal):
    """Grasp the cube and carry it to the goal."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.cube, self.goal = Body(env.cube), FixedBody(env.goal_site)
        self.tolerance = env.goal_thresh
        # The package leaves the gripper out of the stillness of these two robots only.
        is_plain = env.robot_uids in ("panda", "so100")
        self.num_still_joints = None if is_plain else self.articulation.dof

    def measure(self) -> None:
        self.is_grasped = self.is_grasping(self.cube)
        self.distance = length(self.goal.p - self.cube.p)

    def observe(self) -> Sequence[Vector | float]:
        tcp, cube, goal = self.tcp.pose, self.cube.pose, self.goal.p
        grasped = float(self.is_grasped)
        return (grasped, tcp, goal, cube, cube[:3] - tcp[:3], goal - cube[:3])

    def reward(self, action: Vector) -> float:
        if self.is_success():
            return 1.0
        reward = near(length(self.cube.p - self.tcp.p))
        if self.is_grasped:
            reward += 1.0 + near(self.distance)
        if self.distance <= self.tolerance:
            reward += self.stillness(self.num_still_joints)
        return reward / 5

    def is_success(self) -> bool:
        return self.distance <= self.tolerance and self.is_static()


class Reach(ArmGoal):
    """Bring the tool centre to the goal."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.goal = FixedBody(env.goal_site)
        self.tolerance = env.goal_thresh

    def measure(self) -> None:
        self.distance = length(self.goal.p - self.tcp.p)

    def observe(self) -> Sequence[Vector | float]:
        tcp, goal = self.tcp.pose, self.goal.p
        return (tcp, goal, goal - tcp[:3])

    def reward(self, action: Vector) -> float:
        return float(self.is_success()) + near(self.distance)

    def is_success(self) -> bool:
        return self.distance <= self.tolerance


class PickObject(ArmGoal):
    """Grasp an everyday object and carry it to the goal."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.object, self.goal = Body(env.obj), FixedBody(env.goal_site)
        self.tolerance = env.goal_thresh

    def measure(self) -> None:
        self.is_grasped = self.is_grasping(self.object)
        self.distance = length(self.goal.p - self.object.p)

    def observe(self) -> Sequence[Vector | float]:
        tcp, thing, goal = self.tcp.pose, self.object.pose, self.goal.p
        grasped = float(self.is_grasped)
        to_goal, to_object = goal - tcp[:3], thing[:3] - tcp[:3]
        return (tcp, goal, grasped, to_goal, thing, to_object, goal - thing[:3])

    def reward(self, action: Vector) -> float:
        if self.is_success():
            return 1.0
        reward = near(length(self.object.p - self.tcp.p))
        if self.is_grasped:
            reward += 1.0 + near(self.distance)
            if self.distance <= self.tolerance:
                reward += 1.0 + self.stillness()
        return reward / 6

    def is_success(self) -> bool:
        return self.distance <= self.tolerance and self.is_static()


class Push(ArmGoal):
    """Push an object forward onto the disc."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.object, self.disc = Body(env.obj), FixedBody(env.goal_region)
        self.radius, self.height = env.goal_radius, env.cube_half_size

    def measure(self) -> None:
        self.distance = length((self.object.p - self.disc.p)[:2])

    def observe(self) -> Sequence[Vector | float]:
        return (self.tcp.pose, self.disc.p, self.object.pose)

    def reward(self, action: Vector) -> float:
        if self.is_success():
            return 1.0
        thing = self.object.p
        push_point = thing + np.array((-self.height - 0.005, 0, 0), np.float32)
        to_push_point = length(push_point - self.tcp.p)
        reward = near(to_push_point)
        if to_push_point < 0.01:
            placed = near(self.distance)
            reward += placed + placed * near(abs(float(thing[2]) - self.height))
        return reward / 4

    def is_success(self) -> bool:
        return self.distance < self.radius and float(self.object.p[2]) < self.height + 5e-3


class Pull(ArmGoal):
    """Drag the cube back onto the disc."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.cube, self.disc = Body(env.obj), FixedBody(env.goal_region)
        self.radius, self.height = env.goal_radius, env.cube_half_size

    def measure(self) -> None:
        self.distance = length((self.cube.p - self.disc.p)[:2])

    def observe(self) -> Sequence[Vector | float]:
        return (self.tcp.pose, self.disc.p, self.cube.pose)

    def reward(self, action: Vector) -> float:
        if self.is_success():
            return 1.0
        pull_point = self.cube.p + np.array((self.height + 0.01, 0, 0), np.float32)
        to_pull_point = length(pull_point - self.tcp.p)
        reward = near(to_pull_point)
        if to_pull_point < 0.01:
            reward += near(self.distance)
        return reward / 3

    def is_success(self) -> bool:
        return self.distance < self.radius


class Poke(ArmGoal):
    """Grab the bar and nudge the cube onto the disc with it."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.peg, self.cube = Body(env.peg), Body(env.cube)
        self.disc, self.radius = FixedBody(env.goal_region), env.goal_radius
        self.cube_half_size = env.cube_half_size
        self.head_offset = np.array((env.peg_half_length, 0, 0), np.float32)

    def measure(self) -> None:
        peg, cube = self.peg, self.cube
        self.is_placed = length((cube.p - self.disc.p)[:2]) < self.radius
        self.misalignment = abs(last_euler_angle(peg.q) - last_euler_angle(cube.q))
        self.head_distance = length((peg.p + self.head_offset - cube.p)[:2])

    def observe(self) -> Sequence[Vector | float]:
        tcp, cube, peg, disc = self.tcp.pose, self.cube.pose, self.peg.pose, self.disc.p
        at_tcp, at_cube, at_peg = tcp[:3], cube[:3], peg[:3]
        head = at_peg + self.head_offset
        return (
            *(tcp, cube, peg, at_peg, at_peg - at_tcp),
            *(at_cube - at_peg, disc - at_cube, head - at_cube),
        )

    def reward(self, action: Vector) -> float:
        if self.is_success():
            return 1.0
        to_peg = length(self.tcp.p - self.peg.p)
        reward = 2 * near(to_peg)
        if to_peg < 0.01 and self.is_grasping(self.peg):
            reward = 4 + near(self.head_distance) + near(self.misalignment)
            if self.misalignment < 0.05 and self.head_distance <= self.cube_half_size + 0.005:
                reward = 7 + near(length(self.disc.p - self.cube.p))
        if self.is_placed:
            reward += self.stillness()
        return reward / 10

    def is_success(self) -> bool:
        return self.is_placed and self.is_static()


class PullWithTool(ArmGoal):
    """Draw a distant cube near with an L-shaped tool."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.cube, self.tool = Body(env.cube), Body(env.l_shape_tool)
        self.base = Body(env.agent.robot.get_links()[0])
        self.hook_offset = np.array(
            (-(env.hook_length + env.cube_half_size), -0.067, 0), np.float32
        )
        self.arm_reach = env.arm_reach
        self.farthest = np.array((env.arm_reach + 0.1, 0, env.cube_size / 2), np.float32)

    def observe(self) -> Sequence[Vector | float]:
        return (self.tcp.pose, self.cube.pose, self.tool.pose)

    def reward(self, action: Vector) -> float:
        cube, tool, base = self.cube.p, self.tool.p, self.base.p
        reward = 2 * near(length(self.tcp.p - (tool + np.array((0.02, 0, 0), np.float32))))
        if self.is_grasping(self.tool, max_angle_deg=20):
            off_hook = length(tool - (cube + self.hook_offset))
            reward += 2 + 1.5 * near(off_hook, 3.0)
            if off_hook < 0.05:
                target = base + np.array((0.05, 0, 0), np.float32)
                start = length(self.farthest - target)
                reward += 3 * (start - length(cube - target)) / start
        if cube[0] > self.arm_reach + 0.15:
            reward -= 2
        if self.is_success():
            reward += 5
        return reward / 5

    def is_success(self) -> bool:
        return length((self.cube.p - self.base.p)[:2]) < 0.6


class _Placing(ArmGoal):
    """Put one thing on another and let go."""

    thing: Body
    on_top = False
    grasped = False

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.gripper_width = 2 * float(env.agent.robot.get_qlimits()[0, -1, 1])

    def is_at_rest(self) -> bool:
        return length(self.thing.velocity) <= 1e-2 and length(self.thing.spin) <= 0.5

    def opening(self) -> float:
        return float(self.articulation.qpos[-2:].sum()) / self.gripper_width

    def calmness(self) -> float:
        return 1 - math.tanh(10 * length(self.thing.velocity) + length(self.thing.spin))

    def is_success(self) -> bool:
        return self.on_top and not self.grasped and self.is_at_rest()


class Stack(_Placing):
    """Set the red cube on the green one."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.thing, self.base = Body(env.cubeA), Body(env.cubeB)
        self.half_size = env.cube_half_size.numpy()

    def measure(self) -> None:
        offset = self.thing.p - self.base.p
        is_above = length(offset[:2]) <= length(self.half_size[:2]) + 0.005
        self.on_top = is_above and abs(float(offset[2] - 2 * self.half_size[2])) <= 0.005
        self.grasped = self.is_grasping(self.thing)

    def observe(self) -> Sequence[Vector | float]:
        tcp, red, green = self.tcp.pose, self.thing.pose, self.base.pose
        at_tcp, at_red, at_green = tcp[:3], red[:3], green[:3]
        return (tcp, red, green, at_red - at_tcp, at_green - at_tcp, at_green - at_red)

    def reward(self, action: Vector) -> float:
        if self.is_success():
            return 1.0
        reward = 2 * near(length(self.tcp.p - self.thing.p))
        if self.grasped:
            slot = self.base.p + np.array((0, 0, 2 * self.half_size[2]), np.float32)
            reward = 4 + near(length(slot - self.thing.p))
        if self.on_top:
            opening = self.opening() if self.grasped else 1.0
            reward = 6 + (opening + self.calmness()) / 2
        return reward / 8


class PlaceBall(_Placing):
    """Leave the ball in the tray."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.thing, self.tray = Body(env.obj), Body(env.bin)
        self.lift = env.radius + env.block_half_size[0]

    def measure(self) -> None:
        offset = self.thing.p - self.tray.p
        self.on_top = length(offset[:2]) <= 0.005 and abs(float(offset[2]) - self.lift) <= 0.005
        self.grasped = self.is_grasping(self.thing)

    def observe(self) -> Sequence[Vector | float]:
        tcp, ball = self.tcp.pose, self.thing.pose
        return (float(self.grasped), tcp, self.tray.p, ball, ball[:3] - tcp[:3])

    def reward(self, action: Vector) -> float:
        if self.is_success():
            return 1.0
        reward = 2 * near(length(self.tcp.p - self.thing.p))
        if self.grasped:
            slot = self.tray.p + np.array((0, 0, self.lift), np.float32)
            reward = 4 + near(length(slot - self.thing.p))
        if self.on_top:
            opening = self.opening() if self.grasped else 16.0
            reward = 6 + (opening + self.calmness() + float(self.is_static())) / 3
        return reward / 13


class LiftPeg(ArmGoal):
    """Stand the lying bar on its end."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.peg, self.half_length = Body(env.peg), env.peg_half_length

    def observe(self) -> Sequence[Vector | float]:
        return (self.tcp.pose, self.peg.pose)

    def reward(self, action: Vector) -> float:
        if self.is_success():
            return 1.0
        peg = self.peg.p
        reward = abs(float(rotation(self.peg.q)[2, 0]))
        reward += near(abs(float(peg[2]) - self.half_length))
        reward += (1.0 if self.is_grasping(self.peg) else near(length(peg - self.tcp.p))) / 5
        return reward / 3

    def is_success(self) -> bool:
        is_upright = abs(abs(last_euler_angle(self.peg.q)) - math.pi / 2) < 0.08
        return is_upright and abs(float(self.peg.p[2]) - self.half_length) < 0.005


class QuadrupedReach(Goal):
    """Walk to the ball."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        links = env.agent.robot.links_map
        self.base, self.goal = Body(links["base"]), FixedBody(env.goal)
        self.knees = [Body(links[name]) for name in env._UNDESIRED_CONTACT_LINK_NAMES]
        self.standing = env.default_qpos.numpy()

    def measure(self) -> None:
        self.is_fallen = length(self.contacts.on(self.base)) > 1
        self.distance = length((self.goal.p - self.articulation.pose.p)[:2])

    def observe(self) -> Sequence[Vector | float]:
        goal = self.goal.p[:2]
        velocity = self.articulation.root_linear_velocity
        spin = self.articulation.root_angular_velocity
        success = float(self.is_success())
        return (velocity, spin, success, goal, goal - self.articulation.pose.p[:2])

    def reward(self, action: Vector) -> float:
        if self.is_fallen:
            return 0.0
        velocity = self.articulation.root_linear_velocity
        spin = self.articulation.root_angular_velocity
        kneels = any(length(self.contacts.on(knee)) > 1 for knee in self.knees)
        reward = 1 + 2 * near(self.distance, 1.0)
        reward -= 2 * float(velocity[2]) ** 2 + 0.05 * dot(spin[:2], spin[:2])
        reward -= float(kneels) + 0.05 * length(self.articulation.qpos - self.standing)
        return reward / 3

    def is_success(self) -> bool:
        return self.distance < 0.35 and not self.is_fallen


def gaussian(x: float, margin: float) -> float:
    """Fall from 1 at 0 to 0.1 at `margin` on either side."""
    return math.exp(math.log(0.1) * (x / margin) ** 2)


class Ant(Goal):
    """Move along x."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.links = [Body(link) for link in env.active_links]
        names = [link.name for link in env.active_links]
        self.feet = [self.links[names.index(name)] for name in env.force_sensor_links]
        self.torso = self.links[names.index("torso")]
        self.masses = np.array([link.mass for link in self.links], np.float32)
        self.speed = env.move_speed

    def measure(self) -> None:
        self.velocities = np.stack([link.velocity for link in self.links])
        self.velocity = (self.masses[:, None] * self.velocities).sum(0) / self.masses.sum()

    def observe(self) -> Sequence[Vector | float]:
        spins = np.concatenate([link.spin for link in self.links])
        quaternions = np.stack([link.q for link in self.links], axis=1).ravel()
        height = self.torso.q[3]  # the package's "height" is the last entry of the pose
        feet = np.log1p([length(self.contacts.on(foot)) for foot in self.feet])
        return (self.velocity, spins, self.velocities.ravel(), height, quaternions, feet)

    def reward(self, action: Vector) -> float:
        calm = (4 + float(np.maximum(0.0, 1.0 - action * action).mean())) / 5
        advance = min(1.0, max(0.0, float(self.velocity[0]) / self.speed))
        height = float(self.torso.q[3])
        standing = 1.0 if height >= 0.55 else gaussian(0.55 - height, 0.55 / 4)
        return calm * advance * standing


class Cartpole(Goal):
    """Keep the pole up and the cart near the middle."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        links = env.agent.robot.links_map
        self.cart, self.pole = Body(links["cart"]), Body(links["pole_1"])

    def observe(self) -> Sequence[Vector | float]:
        return (self.pole.velocity, self.pole.spin)

    def uprightness(self) -> float:
        """Return 1 for an upright and 0 for a hanging pole."""
        return (1 + math.cos(float(self.articulation.qpos[1]))) / 2

    def reward(self, action: Vector) -> float:
        centred = (1 + gaussian(float(self.cart.p[0]), 2)) / 2
        calm = (4 + max(0.0, 1 - float(action[0]) ** 2)) / 5
        slow = (1 + gaussian(float(self.articulation.qvel[1]), 5)) / 2
        return self.uprightness() * centred * calm * slow


class SparseCartpole(Cartpole):
    """Only near-upright moments count."""

    def reward(self, action: Vector) -> float:
        return 1.0 if self.uprightness() > 0.85 else 0.0


class HopperStand(Goal):
    """Stand tall."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        links = env.agent.robot.links_map
        self.torso, self.heel, self.toe = (
            Body(links[name]) for name in ("torso", "foot_heel", "foot_toe")
        )
        # The first three links are the root joints' massless stand-ins.
        self.links = [Body(link) for link in env.agent.robot.get_links()[3:]]
        self.masses = np.array([link.mass for link in self.links], np.float32)

    def joint_state(self) -> Sequence[Vector]:
        return (self.articulation.qpos[1:], self.articulation.qvel)

    def observe(self) -> Sequence[Vector | float]:
        return tuple(
            float(np.log1p(length(self.contacts.on(part)))) for part in (self.toe, self.heel)
        )

    def reward(self, action: Vector) -> float:
        return 1.0 if 0.6 <= float(self.torso.p[2] - self.heel.p[2]) <= 2.0 else 0.0


class HopperHop(HopperStand):
    """Stand tall and move ahead."""

    def reward(self, action: Vector) -> float:
        velocities = np.array([link.velocity[0] for link in self.links])
        speed = dot(self.masses, velocities) / float(self.masses.sum())
        return super().reward(action) * min(1.0, max(0.0, speed / 2))
