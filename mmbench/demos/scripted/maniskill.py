"""Hand controllers for ManiSkill's table-top tasks: functions of the simulation's state."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mmbench.agent import Expert
from mmbench.domains.maniskill import rewards
from mmbench.domains.maniskill.bodies import Vector, rotation
from mmbench.domains.maniskill.stand_ins import THINGS
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

_SHIFT_M = 0.1  # of the hand, asked for by an action of 1
_TURN_RAD = -0.1  # the package's sign
_FINGER_M = 0.035  # how deep a thing fits between the fingers
_MUG, _SPONGE = "025_mug", "026_sponge"
_MUG_WALL_M = 0.044
_GRASPS_M = {"fork": 0.06, "knife": -0.03, "flat_screwdriver": -0.03, "spoon": 0.06}
"""Where a thing is grasped, along its length: where it is thick."""


def build(env: TaskEnv) -> Expert:
    """Return the controller of the environment's task."""
    hand = _Hand(env)
    script = _SCRIPTS[type(hand.goal)]
    return lambda env: script(hand)


def _at(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Vector:
    return np.array((x, y, z), np.float32)


class _Hand:
    """The arm's tool centre: where it is, and the actions that move it."""

    def __init__(self, env: TaskEnv) -> None:
        self.goal: Any = env.simulator.goal  # type: ignore[attr-defined]  # ManiSkill's
        self.params = env.task.params
        self._action_dim = env.task.action_dim
        closes_upward = self.params["robot"].startswith("xarm6")
        self.closed, self.open = (1.0, -1.0) if closes_upward else (-1.0, 1.0)

    @property
    def p(self) -> Vector:
        position: Vector = self.goal.tcp.p
        return position

    def toward(
        self, target: Vector, gripper: float, *, gain: float = 1.0, turn: Vector | None = None
    ) -> FloatArray:
        """Return the action that moves to `target` and turns by `turn`, radians about x, y, z."""
        action = np.zeros(self._action_dim, np.float32)
        action[:3] = gain * (target - self.p) / _SHIFT_M
        if turn is not None and self._action_dim == 7:
            action[3:6] = turn / _TURN_RAD
        action[-1] = gripper
        return np.clip(action, -1, 1)

    def stay(self, gripper: float) -> FloatArray:
        return self.toward(self.p, gripper)

    def carry(self, thing: Any, target: Vector, *, gain: float = 0.6) -> FloatArray:
        """Return the action that moves the closed hand so that `thing` comes to `target`."""
        return self.toward(self.p + target - thing.p, self.closed, gain=gain)

    def yaw_to(self, thing: Any, narrow_axis: int | None) -> float:
        """Return the turn about the vertical that closes the fingers along an axis of `thing`."""
        if narrow_axis is None:
            return 0.0
        fingers = rotation(self.goal.tcp.q)[:, 1]
        axis = rotation(thing.q)[:, narrow_axis]
        angle = math.atan2(axis[1], axis[0]) - math.atan2(fingers[1], fingers[0])
        return (angle + math.pi / 2) % math.pi - math.pi / 2

    def grasp(
        self, thing: Any, offset: Callable[[], Vector] = _at, narrow_axis: int | None = None
    ) -> FloatArray:
        """Return the action on the way to holding `thing`: come from above, sink, close.

        Height and fingers change smoothly with what is missing, which is easier to imitate.
        """
        yaw = self.yaw_to(thing, narrow_axis)
        point = thing.p + offset()
        height = float(self.p[2] - point[2])
        # Lower down the hand may be a little further off: else it would rise again and again.
        aside = 0.015 if height > 0.04 else 0.025
        off = (math.dist(self.p[:2], point[:2]) - aside) / 0.02
        off = min(1.0, max(0.0, off, (abs(yaw) - 0.4) / 0.3))
        shut = (1 - off) * min(1.0, max(0.0, (0.022 - abs(height)) / 0.01))
        gripper = self.open + shut * (self.closed - self.open)
        return self.toward(point + _at(z=0.07 * off), gripper, turn=_at(z=yaw))


def _reach(hand: _Hand) -> FloatArray:
    return hand.toward(hand.goal.goal.p, hand.closed)


def _pick_cube(hand: _Hand) -> FloatArray:
    goal = hand.goal
    if goal.is_grasping(goal.cube):
        return hand.carry(goal.cube, goal.goal.p)
    return hand.grasp(goal.cube)


def _drag(hand: _Hand) -> FloatArray:
    """Press on a thing that is too wide to grasp, and drag it; reaches goals on the table only."""
    goal = hand.goal
    thing = goal.object
    is_low = hand.p[2] < thing.p[2] + 0.04
    if math.dist(hand.p[:2], thing.p[:2]) > (0.05 if is_low else 0.015):
        return hand.toward(thing.p + _at(z=0.06), hand.closed)
    shift = (goal.goal.p - thing.p) * _at(1.0, 1.0)
    return hand.toward(hand.p + shift + _at(z=thing.p[2] - hand.p[2]), hand.closed, gain=0.5)


def _pick_object(hand: _Hand) -> FloatArray:
    goal = hand.goal
    name = hand.params["object"]
    if name == _SPONGE:
        return _drag(hand)
    if goal.is_grasping(goal.object):
        return hand.carry(goal.object, goal.goal.p)
    x, y, z = THINGS[name].half_extents
    narrow_axis: int | None = int(y < x) if max(x, y) > 0.04 else None
    rise = max(0.0, z - _FINGER_M)
    along = _GRASPS_M.get(name.partition("_")[2], 0.0)

    def offset() -> Vector:
        if name != _MUG:
            return _at(z=rise) + along * rotation(goal.object.q)[:, 0]
        wall = rotation(goal.tcp.q)[:, 1] * _MUG_WALL_M
        return _at(wall[0], wall[1], 0.02)

    return hand.grasp(goal.object, offset, None if name == _MUG else narrow_axis)


def _shove(hand: _Hand, thing: Any, side: float) -> FloatArray:
    """Shove a thing along x onto the disc, from `side` (-1: from behind, 1: from the front)."""
    goal = hand.goal
    if goal.is_success():
        return hand.stay(hand.closed)
    beside = thing.p + _at(side * (goal.height + 0.03))
    is_beyond = side * float(hand.p[0] - thing.p[0]) > 0.5 * goal.height
    is_low = hand.p[2] < thing.p[2] + 0.02
    if is_low and is_beyond and abs(float(hand.p[1] - thing.p[1])) < 0.03:
        return hand.toward(_at(hand.p[0] - side * 0.04, thing.p[1], thing.p[2]), hand.closed)
    aside = 0.02 if hand.p[2] > thing.p[2] + 0.07 else 0.03
    if math.dist(hand.p[:2], beside[:2]) > aside:
        return hand.toward(beside + _at(z=0.1), hand.closed)
    return hand.toward(beside, hand.closed)


def _push(hand: _Hand) -> FloatArray:
    return _shove(hand, hand.goal.object, side=-1)


def _pull(hand: _Hand) -> FloatArray:
    return _shove(hand, hand.goal.cube, side=1)


def _place(hand: _Hand, slot: Vector) -> FloatArray:
    goal = hand.goal
    thing = goal.thing
    miss = slot - thing.p
    aside, above = math.hypot(miss[0], miss[1]), abs(float(miss[2]))
    if goal.on_top or (not goal.grasped and aside < 0.01 and above < 0.012):
        return (
            hand.stay(hand.open) if goal.grasped else hand.toward(hand.p + _at(z=0.05), hand.open)
        )
    if not goal.grasped:
        return hand.grasp(thing)
    if aside > (0.006 if above > 0.02 else 0.012):
        return hand.carry(thing, slot + _at(z=0.03), gain=0.7)
    return hand.carry(thing, slot, gain=0.7) if above > 0.008 else hand.stay(hand.open)


def _stack(hand: _Hand) -> FloatArray:
    goal = hand.goal
    return _place(hand, goal.base.p + _at(z=2 * goal.half_size[2]))


def _place_ball(hand: _Hand) -> FloatArray:
    goal = hand.goal
    return _place(hand, goal.tray.p + _at(z=goal.lift))


def _poke(hand: _Hand) -> FloatArray:
    goal = hand.goal
    peg, cube = goal.peg, goal.cube
    if goal.is_placed:
        return hand.stay(hand.closed)
    if not goal.is_grasping(peg):
        return hand.grasp(peg)
    head = float(peg.p[0] + goal.head_offset[0])
    gap = float(cube.p[0]) - goal.cube_half_size - head
    step = 0.03 if abs(float(cube.p[1] - peg.p[1])) < 0.01 else min(0.0, gap - 0.03)
    return hand.carry(peg, _at(peg.p[0] + step, cube.p[1], peg.p[2]), gain=1.0)


def _pull_with_tool(hand: _Hand) -> FloatArray:
    goal = hand.goal
    tool, cube = goal.tool, goal.cube
    if goal.is_success():
        return hand.stay(hand.closed)
    if not goal.is_grasping(tool):
        return hand.grasp(tool, lambda: _at(0.02))
    # On the table, in front of the cube and to its right; past it; the hook behind it; back.
    ahead, aside = (float(shift) for shift in (tool.p - cube.p)[:2])
    is_beyond = ahead > -0.14
    if is_beyond and aside > -0.075:
        return hand.carry(tool, tool.p + _at(-0.06, -0.06 - aside), gain=1.0)
    x = -0.115 if is_beyond or aside < -0.11 else min(ahead, -0.26)
    y = -0.06 if ahead > -0.125 else -0.14
    return hand.carry(tool, _at(cube.p[0] + x, cube.p[1] + y, 0.03), gain=1.0)


_SCRIPTS: dict[type[rewards.Goal], Callable[[_Hand], FloatArray]] = {
    rewards.Reach: _reach,
    rewards.PickCube: _pick_cube,
    rewards.PickObject: _pick_object,
    rewards.Push: _push,
    rewards.Pull: _pull,
    rewards.Stack: _stack,
    rewards.PlaceBall: _place_ball,
    rewards.Poke: _poke,
    rewards.PullWithTool: _pull_with_tool,
}
