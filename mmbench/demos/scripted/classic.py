"""Controllers of poles and small arms: energy, feedback, and where the joints should be."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
import scipy.linalg

from mmbench.agent import Expert
from mmbench.demos.plans import CLASSIC
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray


def build(env: TaskEnv) -> Expert:
    """Return the controller of the environment's task."""
    return CONTROLLERS[CLASSIC[env.task.id]](env)


def _scalar(value: float) -> FloatArray:
    return np.array([min(1.0, max(-1.0, value))], np.float32)


@dataclass(frozen=True, kw_only=True)
class _Cart:
    """How a cart-pole is read and driven.

    Attributes:
        state: Reads cart position, cart speed, pole angle (0 is upright) and its rate.
        gains: Feedback on the four near the top, in actions.
        swing: Action per unit of missing energy while swinging up.
        length: Length of a point pendulum with the same period, in metres.
        centring: Pull to the middle on position and speed while swinging up, in actions.
    """

    state: Callable[[Any], tuple[float, float, float, float]]
    gains: tuple[float, float, float, float]
    length: float
    swing: float = 0.3
    centring: tuple[float, float] = (0.5, 0.5)


def _cart_pole(cart: _Cart) -> Callable[[TaskEnv], Expert]:
    def act(env: TaskEnv) -> FloatArray:
        x, v, angle, spin = cart.state(env.simulator)
        angle = (angle + math.pi) % (2 * math.pi) - math.pi
        if abs(angle) < 0.5 and abs(spin) < 6:
            return _scalar(float(np.dot(cart.gains, (x, v, angle, spin))))
        # In units of m l^2: 0 at rest on top.
        energy = 0.5 * spin**2 + 9.81 / cart.length * (math.cos(angle) - 1)
        pump = cart.swing * energy * spin * math.cos(angle)
        kx, kv = cart.centring
        return _scalar(pump - kx * x - kv * v)

    return lambda env: act


def _game_state(simulator: Any) -> tuple[float, float, float, float]:
    game = simulator.game
    return game.x, game.v, game.angle, game.spin


def _suite_state(simulator: Any) -> tuple[float, float, float, float]:
    data = simulator.physics.data
    (x, angle), (v, spin) = data.qpos, data.qvel
    return x, v, angle, spin


def _maniskill_state(simulator: Any) -> tuple[float, float, float, float]:
    body = simulator.goal.articulation
    (x, angle), (v, spin) = body.qpos, body.qvel
    return x, v, angle, spin


def _gymnasium_state(simulator: Any) -> tuple[float, float, float, float]:
    data = simulator.env.data
    (x, angle), (v, spin) = data.qpos, data.qvel
    return x, v, angle, spin


def _swing_up(env: TaskEnv) -> Expert:
    simulator: Any = env.simulator

    def act(env: TaskEnv) -> FloatArray:
        data = simulator.physics.data
        angle = (data.qpos[0] + math.pi) % (2 * math.pi) - math.pi
        spin = data.qvel[0]
        energy = 0.5 * spin**2 + 9.81 / 0.5 * (math.cos(angle) - 1)
        if abs(angle) < 0.4:
            return _scalar(-8 * angle - 2 * spin)
        return _scalar(math.copysign(1.0, -energy * spin))

    return act


def _acrobot(env: TaskEnv) -> Expert:
    """Pump energy with the elbow, which a spring holds straight, and balance what comes near.

    The motor is so weak that an episode is too short from most states: about one in 30 scores
    half.

    Source:
        Energy: Spong, "The swing up control problem for the acrobot" (1995). The top: the linear
        quadratic regulator of the linearised model.
    """
    simulator: Any = env.simulator
    model, data = simulator.physics.model.ptr, simulator.physics.data.ptr
    gains, cost = _regulator(model)
    top = mujoco.MjData(model)
    mujoco.mj_forward(model, top)

    def act(env: TaskEnv) -> FloatArray:
        shoulder, elbow = (data.qpos + math.pi) % (2 * math.pi) - math.pi
        state = np.array([shoulder, elbow, *data.qvel])
        if state @ cost @ state < 130:
            return _scalar(float(-gains @ state))
        missing = top.energy.sum() - data.energy.sum()
        return _scalar(1.2 * missing * data.qvel[1] - 2.1 * elbow)

    return act


def _regulator(model: Any) -> tuple[FloatArray, FloatArray]:
    """Return gains and cost-to-go of a robot with one motor that is to stay where its joints are 0.

    Returns:
        Actions per unit of the state (positions, then speeds), shape `(2 n,)`, and the matrix of
        the cost, shape `(2 n, 2 n)`.
    """
    n, small = model.nv, 1e-5
    data = mujoco.MjData(model)

    def acceleration(state: FloatArray, action: float) -> FloatArray:
        data.qpos, data.qvel, data.ctrl = state[:n], state[n:], action
        mujoco.mj_forward(model, data)
        return data.qacc.copy()

    nudges = small * np.eye(2 * n)
    rest = np.zeros(2 * n)
    slopes = [(acceleration(x, 0.0) - acceleration(-x, 0.0)) / (2 * small) for x in nudges]
    dynamics = np.vstack((np.eye(2 * n)[n:], np.transpose(slopes)))
    push = (acceleration(rest, small) - acceleration(rest, -small)) / (2 * small)
    inputs = np.concatenate((np.zeros(n), push))[:, None]
    weights = np.diag([10.0] * n + [1.0] * n)
    cost = scipy.linalg.solve_continuous_are(dynamics, inputs, weights, np.eye(1))
    return inputs[:, 0] @ cost, cost


def _spin(env: TaskEnv) -> Expert:
    simulator: Any = env.simulator
    return lambda env: _scalar(math.copysign(1.0, simulator.physics.data.qvel[0]))


_PRESS_RAD = 0.3
"""How far an elbow is pressed beyond its limit, which is soft: some targets are that near."""


def _reach(env: TaskEnv) -> Expert:
    """Turn the joints to where the finger is on the target and all elbows bend alike.

    Where they should be depends on the target alone, so that no fold of the arm is a dead end.
    """
    simulator: Any = env.simulator
    physics = simulator.physics
    model, data = physics.model.ptr, physics.data.ptr
    finger, target = model.geom("finger").id, model.geom("target").id
    stretched = mujoco.MjData(model)
    mujoco.mj_forward(model, stretched)
    joints = np.append(stretched.xanchor[:, 0], stretched.geom_xpos[finger, 0])
    bends = np.linspace(0, model.jnt_range[1, 1] + _PRESS_RAD, 1000)
    tips = np.exp(1j * np.outer(bends, range(model.nv))) @ np.diff(joints)
    stiffness, damping = 8.0, 0.15

    def act(env: TaskEnv) -> FloatArray:
        at = complex(*data.geom_xpos[target, :2])
        nearest = int(np.abs(np.abs(tips) - abs(at)).argmin())
        wanted = np.full(model.nv, bends[nearest])
        wanted[0] = np.angle(at / tips[nearest])
        turn = wanted - data.qpos
        return np.clip(stiffness * turn - damping * data.qvel, -1, 1).astype(np.float32)

    return act


_GAME_CART = _Cart(state=_game_state, gains=(0.15, 0.3, 4.0, 1.0), length=0.8)
_SUITE_CART = _Cart(
    state=_suite_state, gains=(0.15, 0.3, 4.0, 1.0), length=0.8, swing=0.3, centring=(0.5, 0.5)
)
_MANISKILL_CART = _Cart(
    state=_maniskill_state, gains=(0.2, 0.3, 2.0, 0.3), length=0.4, swing=0.03, centring=(0.1, 0.1)
)
_GYMNASIUM_CART = _Cart(state=_gymnasium_state, gains=(0.1, 0.05, 3.0, 0.2), length=0.4)

CONTROLLERS: dict[str, Callable[[TaskEnv], Expert]] = {
    "game_cart": _cart_pole(_GAME_CART),
    "suite_cart": _cart_pole(_SUITE_CART),
    "maniskill_cart": _cart_pole(_MANISKILL_CART),
    "gymnasium_cart": _cart_pole(_GYMNASIUM_CART),
    "swing_up": _swing_up,
    "acrobot": _acrobot,
    "spin": _spin,
    "reach": _reach,
}
