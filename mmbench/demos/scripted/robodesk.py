"""Hand controllers for RoboDesk, reading places from the simulation."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.agent import Expert
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

_SHIFT_M = 0.016  # of the hand, in an env step with an action of 1
_CLOSED = -1.0
_BIN_X_M, _EDGE_Y_M = 0.40, 0.55

Script = Iterator[FloatArray]
Point = NDArray[np.float64]


def build(env: TaskEnv) -> Expert:
    """Return the controller of the environment's task."""
    script = _SCRIPTS[env.task.params["task"]](_Hand(env.simulator))
    return lambda env: next(script)


class _Hand:
    """The closed hand: where it is, where things are, and the actions that move it."""

    def __init__(self, simulator: Any) -> None:
        self.simulator = simulator
        self.model, self.data = simulator.model, simulator.data

    @property
    def tip(self) -> Point:
        tip: Point = self.simulator.tip
        return tip

    def body(self, name: str) -> Point:
        return np.array(self.data.xpos[self.model.body(name).id])

    def toward(self, target: Point) -> FloatArray:
        action = np.zeros(5, np.float32)
        action[:3] = np.clip((target - self.tip) / _SHIFT_M, -1, 1)
        action[4] = _CLOSED
        return action

    def go(self, target: Point, *, within: float = 0.02, at_most: int = 25) -> Script:
        """Move until the tip is near `target`, or for a number of env steps."""
        for _ in range(at_most):
            if math.dist(self.tip, target) < within:
                return
            yield self.toward(target)


def _push(colour: str) -> Callable[[_Hand], Script]:
    def script(hand: _Hand) -> Script:
        button = hand.body(f"{colour}_button")
        yield from hand.go(button + (0, 0, 0.12))
        while True:
            yield hand.toward(button + (0, 0, -0.06))

    return script


def _open_slide(hand: _Hand) -> Script:
    handle = np.array(hand.data.site_xpos[hand.model.site("slide_handle").id])
    yield from hand.go(handle + (-0.07, -0.1, 0.0), at_most=50)
    yield from hand.go(handle + (-0.07, 0.0, 0.0))
    while True:
        yield hand.toward(np.array((hand.tip[0] + 1, handle[1], handle[2])))


def _open_drawer(hand: _Hand) -> Script:
    handle = np.array(hand.data.geom_xpos[hand.model.geom("drawer_handle").id])
    # Coming from here, the elbow does not reach its limit while the drawer opens.
    yield from hand.go(np.array((0.2, 0.61, 0.81)))
    yield from hand.go(handle + (0.058, 0.03, 0.15))
    yield from hand.go(handle + (0.058, 0.03, 0.0), at_most=12)
    while True:
        yield hand.toward(np.array((handle[0] + 0.058, hand.tip[1] - 1, handle[2] + 0.013)))


def _flat_block_in_bin(hand: _Hand) -> Script:
    def block() -> Point:
        return hand.body("flat_block")

    height = block()[2] + 0.03
    start = block() + (-0.14, 0.0, 0.0)
    yield from hand.go(start + (0.0, 0.0, 0.12))
    yield from hand.go(np.array((start[0], start[1], height)))
    for _ in range(30):
        if block()[0] > _BIN_X_M - 0.01:
            break
        yield hand.toward(np.array((hand.tip[0] + 1, block()[1], height)))
    behind = block() + (0.0, 0.12, 0.0)
    yield from hand.go(hand.tip + (-0.04, 0.0, 0.12), at_most=4)
    yield from hand.go(np.array((behind[0], behind[1], height + 0.12)))
    yield from hand.go(np.array((behind[0], behind[1], height)))
    while True:
        yield hand.toward(np.array((block()[0], hand.tip[1] - 1, height)))


_SCRIPTS: dict[str, Callable[[_Hand], Script]] = {
    "push_red": _push("red"),
    "push_green": _push("green"),
    "push_blue": _push("blue"),
    "open_slide": _open_slide,
    "open_drawer": _open_drawer,
    "flat_block_in_bin": _flat_block_in_bin,
}
