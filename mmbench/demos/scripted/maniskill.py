"""Hand controllers for ManiSkill's table-top tasks, reading poses from the simulation."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mmbench.demos.plans import Expert
from mmbench.domains.maniskill import goals
from mmbench.domains.maniskill.bodies import Vector, rotation
from mmbench.domains.maniskill.stand_ins import THINGS
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

_SHIFT_M = 0.1  # of the hand, asked for by an action of 1
_TURN_RAD = -0.1  # the package's sign
_FINGER_M = 0.035  # how deep a thing fits between the fingers
_MUG, _SPONGE = "025_mug", "026_sponge"
_MUG_WALL_M = 0.044

Script = Iterator[FloatArray]


def build(env: TaskEnv) -> Expert:
    """Return the controller of the environment's task."""
    hand = _Hand(env)
    script = _SCRIPTS[type(hand.goal)](hand)
    return lambda env: next(script)


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
    ) -> Script:
        """Come from above, close the fingers, and begin again if they hold nothing."""
        while not self.goal.is_grasping(thing):
            yaw = self.yaw_to(thing, narrow_axis)
            point = thing.p + offset()
            while math.dist(self.p[:2], point[:2]) > 0.015 or abs(yaw) > 0.6:
                yield self.toward(point + _at(z=0.07), self.open, turn=_at(z=yaw))
                yaw, point = self.yaw_to(thing, narrow_axis), thing.p + offset()
            for _ in range(5):
                yield self.toward(point, self.open)
                point = thing.p + offset()
                if abs(float(self.p[2] - point[2])) < 0.012:
                    break
            for _ in range(4):
                yield self.toward(point, self.closed)
                if self.goal.is_grasping(thing):
                    break


def _reach(hand: _Hand) -> Script:
    while True:
        yield hand.toward(hand.goal.goal.p, hand.closed)


def _pick_cube(hand: _Hand) -> Script:
    goal = hand.goal
    while True:
        yield from hand.grasp(goal.cube)
        yield hand.carry(goal.cube, goal.goal.p)


def _drag(hand: _Hand) -> Script:
    """Press on a thing that is too wide to grasp, and drag it; reaches goals on the table only."""
    goal = hand.goal
    thing = goal.object
    while math.dist(hand.p[:2], thing.p[:2]) > 0.015:
        yield hand.toward(thing.p + _at(z=0.06), hand.closed)
    while True:
        shift = (goal.goal.p - thing.p) * _at(1.0, 1.0)
        yield hand.toward(hand.p + shift + _at(z=thing.p[2] - hand.p[2]), hand.closed, gain=0.5)


def _pick_object(hand: _Hand) -> Script:
    goal = hand.goal
    name = hand.params["object"]
    if name == _SPONGE:
        yield from _drag(hand)
    x, y, z = THINGS[name].half_extents
    narrow_axis: int | None = int(y < x) if max(x, y) > 0.04 else None
    rise = max(0.0, z - _FINGER_M)

    def offset() -> Vector:
        if name != _MUG:
            return _at(z=rise)
        wall = rotation(goal.tcp.q)[:, 1] * _MUG_WALL_M
        return _at(wall[0], wall[1], 0.02)

    while True:
        yield from hand.grasp(goal.object, offset, None if name == _MUG else narrow_axis)
        yield hand.carry(goal.object, goal.goal.p)


def _shove(hand: _Hand, thing: Any, side: float) -> Script:
    """Shove a thing along x onto the disc, from `side` (-1: from behind, 1: from the front)."""
    goal = hand.goal
    beside = side * (goal.height + 0.03)
    while math.dist(hand.p[:2], (thing.p + _at(beside))[:2]) > 0.02:
        yield hand.toward(thing.p + _at(beside, z=0.1), hand.closed)
    for _ in range(4):
        yield hand.toward(thing.p + _at(beside), hand.closed)
    while not goal.is_success():
        ahead = _at(hand.p[0] - side * 0.04, thing.p[1], thing.p[2])
        yield hand.toward(ahead, hand.closed)
    while True:
        yield hand.stay(hand.closed)


def _push(hand: _Hand) -> Script:
    return _shove(hand, hand.goal.object, side=-1)


def _pull(hand: _Hand) -> Script:
    return _shove(hand, hand.goal.cube, side=1)


def _place(hand: _Hand, slot: Callable[[], Vector]) -> Script:
    goal = hand.goal
    thing = goal.thing
    while not goal.on_top:
        yield from hand.grasp(thing)
        miss = slot() - thing.p
        if math.hypot(miss[0], miss[1]) > 0.006:
            yield hand.carry(thing, slot() + _at(z=0.03), gain=0.7)
        elif abs(miss[2]) > 0.008:
            yield hand.carry(thing, slot(), gain=0.7)
        else:
            break
    yield hand.stay(hand.open)
    while True:
        yield hand.toward(hand.p + _at(z=0.05), hand.open)


def _stack(hand: _Hand) -> Script:
    goal = hand.goal
    return _place(hand, lambda: goal.base.p + _at(z=2 * goal.half_size[2]))


def _place_ball(hand: _Hand) -> Script:
    goal = hand.goal
    return _place(hand, lambda: goal.tray.p + _at(z=goal.lift))


def _poke(hand: _Hand) -> Script:
    goal = hand.goal
    peg, cube = goal.peg, goal.cube
    yield from hand.grasp(peg)
    while not goal.is_placed:
        head = float(peg.p[0] + goal.head_offset[0])
        gap = float(cube.p[0]) - goal.cube_half_size - head
        step = 0.03 if abs(float(cube.p[1] - peg.p[1])) < 0.01 else min(0.0, gap - 0.03)
        yield hand.carry(peg, _at(peg.p[0] + step, cube.p[1], peg.p[2]), gain=1.0)
    while True:
        yield hand.stay(hand.closed)


def _pull_with_tool(hand: _Hand) -> Script:
    goal = hand.goal
    tool, cube = goal.tool, goal.cube
    yield from hand.grasp(tool, lambda: _at(0.03))
    hook = goal.hook_offset + _at(0.0, -0.01)
    above = 0.06
    while math.dist(tool.p[:2], (cube.p + hook)[:2]) > 0.02:
        yield hand.carry(tool, cube.p + hook + _at(z=above), gain=1.0)
    for _ in range(4):
        yield hand.carry(tool, cube.p + hook, gain=1.0)
    while not goal.is_success():
        yield hand.carry(tool, tool.p + _at(-0.06), gain=1.0)
    while True:
        yield hand.stay(hand.closed)


_SCRIPTS: dict[type[goals.Goal], Callable[[_Hand], Script]] = {
    goals.Reach: _reach,
    goals.PickCube: _pick_cube,
    goals.PickObject: _pick_object,
    goals.Push: _push,
    goals.Pull: _pull,
    goals.Stack: _stack,
    goals.PlaceBall: _place_ball,
    goals.Poke: _poke,
    goals.PullWithTool: _pull_with_tool,
}
