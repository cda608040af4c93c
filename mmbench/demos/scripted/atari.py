"""The player of Pong, who reads ball and paddle in the console's memory."""

from typing import Any

import numpy as np

from mmbench.agent import Expert
from mmbench.env import TaskEnv
from mmbench.simulator import FloatArray

_BALL_X, _PADDLE_Y, _BALL_Y, _BALL_VY, _BALL_VX = 49, 51, 54, 56, 58
_PADDLE_X = 187
_TOP, _BOTTOM = 44, 205
_LOOK_AHEAD = 10.0  # env steps
_AIM, _REACH = -12.6, 10.9
"""Where the ball is to meet the paddle, and how far from there is near enough."""
_WAIT_Y, _FOLLOW = 143.4, 0.54
"""Where to wait while the ball flies away, and how much of its way to follow."""
_STILL, _UP, _DOWN = (0.0, 0.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 1.0)


def build(env: TaskEnv) -> Expert:
    """Return the player, who is a function of the memory. Its numbers were found by CMA-ES."""
    emulator: Any = env.simulator.ale  # type: ignore[attr-defined]  # the console's

    def act(env: TaskEnv) -> FloatArray:
        memory = emulator.getRAM()
        x, y, paddle = (int(memory[place]) for place in (_BALL_X, _BALL_Y, _PADDLE_Y))
        # Per env step of four frames; the memory has the speed to the left, per frame.
        vx, vy = (
            sign * 4 * int(np.int8(memory[at])) for sign, at in ((-1, _BALL_VX), (1, _BALL_VY))
        )
        if y == 0:  # no ball
            target = _WAIT_Y
        elif vx > 0:
            arrival = y + min(max(0.0, (_PADDLE_X - x) / vx), _LOOK_AHEAD) * vy
            arrival = _TOP + abs(arrival - _TOP)
            target = _BOTTOM - abs(_BOTTOM - arrival) + _AIM
        else:
            target = _WAIT_Y + _FOLLOW * (y - _WAIT_Y)
        gap = paddle - target
        stick = _STILL if abs(gap) < _REACH else _UP if gap > 0 else _DOWN
        return np.array(stick, np.float32)

    return act
