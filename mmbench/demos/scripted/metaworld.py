"""Hand controllers for Meta-World's tasks; where the package's own policies do well, those.

Ours are functions of the observation. Where the hand should be fades from one place into the next
as things come close, so that there are few thresholds to chatter at; a hand that has lost its thing
sees it elsewhere, or its fingers closed on nothing, and goes back for it. The package's policies
drive on after a success, and episodes are judged at their last step; ours end at rest.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from metaworld.policies import ENV_POLICY_MAP
from numpy.typing import NDArray

from mmbench.agent import Expert
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

Vector = NDArray[np.float64]

_GAIN = 15.0  # action for a metre; an action of 1 moves the hand by 0.02 m
_OPEN, _CLOSED = -1.0, 1.0
_FINGERTIP_M = 0.045  # below the hand
_NEAR_M, _ASIDE_M = 0.01, 0.04  # from the axis of what the hand reaches for: there, and still away
_PUCK_M = 0.03  # of the hand over a puck that it grasps
_WALL_Y_M, _OVER_WALL_M = 0.8, 0.2
_HANDLE_STEP_M = 0.03  # that a damped handle is pulled ahead of itself; quicker fingers slip off
_WRENCH_M, _NECK_M = 0.13, 0.03  # from its handle to its ring, and to where it is slim
_LEVER_M, _LEVER_STEP_RAD = 0.2, 0.3

_HASTE = {"mw-dial-turn": 2.5}
"""How much faster than the package's policy the hand must be to be done in time."""


def build(env: TaskEnv) -> Expert:
    """Return the controller of the environment's task."""
    script = OWN.get(env.task.id)
    if script is None:
        return _packaged(env)

    def act(env: TaskEnv) -> FloatArray:
        shift, fingers = script(_Scene(env.last_state.astype(np.float64)))
        return np.clip((*(_GAIN * shift), fingers), -1, 1).astype(np.float32)

    return act


def _packaged(env: TaskEnv) -> Expert:
    """Return the package's policy, which stays where the goal holds."""
    policy = ENV_POLICY_MAP[env.task.params["environment"].removesuffix("-goal-observable")]()
    haste = _HASTE.get(env.task.id, 1.0)

    def act(env: TaskEnv) -> FloatArray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some policies say that they ask for too much
            action = policy.get_action(env.last_state.astype(np.float64))
        action[:3] *= 0.0 if env.is_success else haste
        return np.clip(action, -1, 1).astype(np.float32)

    return act


class _Scene:
    """What an observation tells.

    Attributes:
        hand: Place of the hand, metres, as the other places are.
        gap: How far the fingers are open, up to 1; 0.3 when they are shut.
        thing: Place of what is to be moved.
        rotation: Quaternion of the thing.
        other: Place of the second thing.
        goal: Where the thing should be.
    """

    def __init__(self, obs: Vector) -> None:
        self.hand, self.gap, self.thing = obs[:3], float(obs[3]), obs[4:7]
        self.rotation, self.other, self.goal = obs[7:11], obs[11:14], obs[-3:]


_Move = tuple[Vector, float]
"""The shift that the hand should make, metres, and what the fingers do."""


def _at(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Vector:
    return np.array((x, y, z))


def _rise(value: float, low: float, high: float) -> float:
    """Return 0 up to `low`, 1 from `high` on, and a smooth way between."""
    part = min(max((value - low) / (high - low), 0.0), 1.0)
    return part * part * (3 - 2 * part)


def _limit(value: float, most: float) -> float:
    return min(max(value, -most), most)


def _aside(a: Vector, b: Vector) -> float:
    """Return the distance seen from above."""
    return math.hypot(a[0] - b[0], a[1] - b[1])


def _arch(place: Vector, to: Vector, height: float) -> Vector:
    """Return the shift from `place` that goes up to `height`, across, and down to `to`."""
    aside = _rise(_aside(place, to), _NEAR_M, _ASIDE_M)
    shift = to + _at(z=aside * max(0.0, height - to[2])) - place
    shift[:2] *= max(1 - aside, _rise(place[2], height - 0.06, height - 0.02))
    return shift


@dataclass(frozen=True)
class _Grip:
    """How the fingers hold a thing.

    Attributes:
        gap: That they leave when they are on it.
        play: How much wider than that they may be.
        clearance: Of the hand over it on the way there, metres.
    """

    gap: float = 0.5
    play: float = 0.1
    clearance: float = 0.1

    def move(self, scene: _Scene, point: Vector, carry: Vector) -> _Move:
        """Return the move that grasps at `point` and, with the thing in hand, is `carry`."""
        # Fingers that are on the thing may hold it a little off the point.
        closed = 1 - _rise(scene.gap, self.gap, self.gap + 2 * self.play)
        aside, above = _aside(scene.hand, point), abs(float(scene.hand[2] - point[2]))
        near = 1 - _rise(aside, 0.02 + 0.01 * closed, 0.03 + 0.03 * closed)
        near *= 1 - _rise(above, 0.015, 0.03)
        held = near * (1 - _rise(scene.gap, self.gap, self.gap + self.play))
        fetch = _arch(scene.hand, point, point[2] + self.clearance)
        return (1 - held) * fetch + held * carry, _OPEN + near * (_CLOSED - _OPEN)


_PUCK = _Grip()


def _carry(
    scene: _Scene, grip: _Grip, at: Vector, *, height: float = 0.0, over: float = 0.0
) -> _Move:
    """Grasp the thing `at` a place on it and bring it `over` the goal, at `height` on the way."""
    return grip.move(scene, scene.thing + at, _arch(scene.thing, scene.goal + _at(z=over), height))


def _carry_over_wall(scene: _Scene) -> _Move:
    """Carry the puck high up until it is past the wall."""
    before = 1 - _rise(scene.thing[1], _WALL_Y_M, _WALL_Y_M + 0.04)
    return _carry(scene, _PUCK, _at(z=_PUCK_M), height=before * _OVER_WALL_M)


def _carry_to_bin(scene: _Scene) -> _Move:
    """Grasp the cube where the fingers fit between the walls of its bin."""
    thing = scene.thing
    in_bin = (1 - _rise(thing[2], 0.05, 0.1)) * (1 - _rise(thing[0], 0.0, 0.03))
    fits = np.clip(thing, (-0.2, 0.675, 0.0), (-0.06, 0.725, 1.0))
    at = in_bin * (fits - thing) + _at(z=0.035)
    return _carry(scene, _PUCK, at, height=0.18, over=0.03)


def _carry_into_net(scene: _Scene) -> _Move:
    """Take the ball in front of the goal, past its posts, and then into it."""
    shift = scene.goal - scene.thing
    shift[1] -= 0.17 * _rise(abs(shift[0]), 0.02, 0.06)
    return _Grip(0.55).move(scene, scene.thing + _at(z=_PUCK_M), shift)


def _insert_peg(scene: _Scene) -> _Move:
    """Hold the peg before the hole, then slide it in."""
    shift = scene.goal - scene.thing
    shift[0] += 0.1 + 0.25 * _rise(math.hypot(shift[1], shift[2]), 0.015, 0.04)
    return _Grip(0.33).move(scene, scene.thing + _at(z=0.02), shift)


def _wrench_way(scene: _Scene) -> Vector:
    """Return the direction from the wrench's ring to its handle."""
    w, _, _, z = scene.rotation
    yaw = 2 * math.atan2(z, w)
    return _at(math.sin(yaw), -math.cos(yaw))


def _assemble(scene: _Scene) -> _Move:
    """Grasp the wrench at its neck and put its ring over the peg."""
    way = _wrench_way(scene)
    ring = scene.thing - _WRENCH_M * way
    neck = scene.thing - _NECK_M * way + _at(z=0.03)
    return _Grip().move(scene, neck, _arch(ring, scene.goal - _at(z=0.03), 0.19))


def _disassemble(scene: _Scene) -> _Move:
    """Grasp the wrench at its neck and lift it; where the fingers do not fit, turn it first."""
    way = _wrench_way(scene)
    if abs(way[0]) < 0.7 and scene.thing[2] < 0.05:
        return _swing(scene, math.copysign(1.0, way[0]))
    neck = scene.thing - _NECK_M * way + _at(z=0.03)
    return _Grip().move(scene, neck, _at(z=scene.goal[2] + 0.03 - scene.thing[2]))


def _swing(scene: _Scene, side: float) -> _Move:
    """Push the thing along x from the other side of it, -1 or 1."""
    hand, thing = scene.hand, scene.thing
    pushing = _rise(side * float(thing[0] - hand[0]), 0.0, 0.03)
    pushing *= 1 - _rise(abs(thing[1] - hand[1]), 0.04, 0.06)
    pushing *= 1 - _rise(hand[2] - thing[2], 0.06, 0.09)
    come = _arch(hand, thing + _at(x=-side * 0.08, z=0.03), thing[2] + 0.13)
    push = thing + _at(x=side * 0.03, z=0.04) - hand
    return (1 - pushing) * come + pushing * push, _CLOSED


def _pull_with_stick(scene: _Scene) -> _Move:
    """Put the stick through the flask's handle and drag the flask by it."""
    miss = scene.other - scene.thing
    aside = math.hypot(miss[1], miss[2])
    inside = (1 - _rise(miss[0], 0.045, 0.06)) * (1 - _rise(aside, 0.04, 0.06))
    thread = miss - _at(x=0.02 + 0.1 * _rise(aside, 0.015, 0.03))
    drag = scene.goal - scene.other
    # The stick slides out of a handle that is drawn back to the left.
    drag[0], drag[2] = max(drag[0], miss[0] - 0.02), miss[2]
    # Held far back, so that enough of the stick is in front of the fingers.
    point = scene.thing + _at(-0.03, 0.0, 0.03)
    return _Grip(0.48).move(scene, point, (1 - inside) * thread + inside * drag)


def _reach(scene: _Scene, *, height: float = 0.0) -> _Move:
    """Bring the fingertips to the goal."""
    return _arch(scene.hand, scene.goal + _at(z=_FINGERTIP_M), height), _CLOSED


def _press(scene: _Scene, *, at: float) -> _Move:
    """Press the thing down to the goal with the fist, which is `at` a height over it then."""
    height = scene.thing[2] + at + 0.08
    return _arch(scene.hand, scene.goal + _at(z=at), height), _CLOSED


def _pull_up(scene: _Scene, grip: _Grip, at: Vector) -> _Move:
    """Grasp a handle `at` a place on it and raise it."""
    point = scene.thing + at
    up = _limit(scene.goal[2] - scene.thing[2], _HANDLE_STEP_M)
    return grip.move(scene, point, point + _at(z=up) - scene.hand)


def _raise_lever(scene: _Scene) -> _Move:
    """Come under the lever's end from the front and raise it along its arc."""
    hand, end = scene.hand, scene.thing
    pivot = scene.goal - _at(z=_LEVER_M)
    angle = math.atan2(end[2] - pivot[2], pivot[1] - end[1])

    def under(angle: float) -> Vector:
        """Return where the hand is on the lever, from its end."""
        return _at(0.0, -0.055, -0.07 * max(math.cos(angle), 0.0))

    ahead = min(angle + _LEVER_STEP_RAD, math.pi / 2)
    to = pivot + _LEVER_M * _at(0.0, -math.cos(ahead), math.sin(ahead)) + under(ahead)
    off = hand - end - under(angle)
    near = 1 - _rise(abs(off[0]), 0.03, 0.05)
    near *= 1 - _rise(math.hypot(off[1], off[2]), 0.03, 0.06)
    come = _at(z=-0.02) - off
    in_front = max(_rise(-come[2], 0.03, 0.06), _rise(abs(come[0]), 0.02, 0.05))
    come[1] -= 0.08 * in_front
    come[2] *= max(1 - in_front, _rise(end[1] - hand[1], 0.06, 0.1))
    return (1 - near) * come + near * (to - hand), _CLOSED


def _slide_left(scene: _Scene) -> _Move:
    """Push the puck to the goal from its right side, with the fist."""
    hand, thing = scene.hand, scene.thing
    touch = thing + _at(x=0.062, z=_PUCK_M)
    pushing = _rise(hand[0] - thing[0], 0.02, 0.04)
    pushing *= 1 - _rise(abs(hand[1] - thing[1]), 0.02, 0.05)
    pushing *= 1 - _rise(hand[2] - touch[2], 0.02, 0.05)
    come = _arch(hand, touch + _at(x=0.03), touch[2] + 0.1)
    left, along = scene.goal[0] - thing[0], _limit(scene.goal[1] - thing[1], 0.02)
    return (1 - pushing) * come + pushing * (touch + _at(left, along) - hand), _CLOSED


def _open_door(scene: _Scene) -> _Move:
    """Put the fist behind the handle and pull it along x."""
    hand, handle = scene.hand, scene.thing
    behind = handle + _at(0.01, 0.02)
    pulling = 1 - _rise(hand[2] - handle[2], 0.04, 0.07)
    pulling *= 1 - _rise(_aside(hand, behind), 0.04, 0.08)
    come = _arch(hand, behind, handle[2] + 0.15)
    pull = handle + _at(x=_limit(scene.goal[0] - handle[0], 0.05)) - hand
    return (1 - pulling) * come + pulling * pull, _CLOSED


_carry_puck = partial(_carry, grip=_PUCK, at=_at(z=_PUCK_M))
_press_handle = partial(_press, at=0.06)
_press_button = partial(_press, at=0.035)

OWN: dict[str, Callable[[_Scene], _Move]] = {
    "mw-assembly": _assemble,
    "mw-basketball": partial(_carry, grip=_Grip(0.68), at=_at(z=_PUCK_M), height=0.35, over=0.05),
    "mw-bin-picking": _carry_to_bin,
    "mw-box-close": partial(_carry, grip=_Grip(0.3), at=_at(z=0.075), height=0.2),
    "mw-button-press-topdown": _press_button,
    "mw-button-press-topdown-wall": _press_button,
    "mw-disassemble": _disassemble,
    "mw-door-open": _open_door,
    "mw-hand-insert": partial(_carry, grip=_Grip(0.4), at=_at(z=0.035), height=0.1),
    "mw-handle-press": _press_handle,
    "mw-handle-press-side": _press_handle,
    "mw-handle-pull": partial(_pull_up, grip=_Grip(0.55), at=_at(x=0.003, z=-0.005)),
    "mw-handle-pull-side": partial(_pull_up, grip=_Grip(0.68), at=_at(z=0.01)),
    "mw-lever-pull": _raise_lever,
    "mw-peg-insert-side": _insert_peg,
    "mw-peg-unplug-side": partial(_carry, grip=_Grip(0.9, 0.05, 0.15), at=_at(x=-0.015)),
    "mw-pick-out-of-hole": partial(_carry, grip=_Grip(0.35), at=_at(z=0.02), height=0.1),
    "mw-pick-place": _carry_puck,
    "mw-pick-place-wall": _carry_over_wall,
    "mw-plate-slide-side": _slide_left,
    "mw-push": _carry_puck,
    "mw-push-back": _carry_puck,
    "mw-reach": _reach,
    "mw-reach-wall": partial(_reach, height=0.25),
    "mw-soccer": _carry_into_net,
    "mw-stick-pull": _pull_with_stick,
    "mw-sweep-into": partial(_carry_puck, over=0.03),
}
