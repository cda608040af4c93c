"""The Arcade Learning Environment as a Simulator."""

import math
import re
from typing import NamedTuple

import ale_py
import numpy as np
from ale_py import roms

from mmbench.simulator import AssetVariant, FloatArray, Image, Transition
from mmbench.spec import TaskSpec

FRAME_SKIP = 4

_CANVAS = 224
# (horizontal, vertical) -> index among the console's 18 joystick positions, without and with fire.
_JOYSTICK = {
    (0, 0): (0, 1),
    (0, 1): (2, 10),
    (1, 0): (3, 11),
    (-1, 0): (4, 12),
    (0, -1): (5, 13),
    (1, 1): (6, 14),
    (-1, 1): (7, 15),
    (1, -1): (8, 16),
    (-1, -1): (9, 17),
}


class _State(NamedTuple):
    emulator: ale_py.ALEState
    screen: Image | None


def joystick_position(action: FloatArray) -> int:
    """Return the joystick position (0 to 17) of an action (radius, angle, fire), all in [-1, 1].

    The stick is right or else left of x = 0.5, above or else below y = 0.5, so that it stands on a
    diagonal but for exact equality. The original benchmark's emulator had these thresholds; scores
    refer to them. The emulator's own continuous mode, corrected since, is another task.
    """
    radius = (action[0] + np.float32(1)) / np.float32(2)
    angle = np.float32(math.pi) * action[1]
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    horizontal, vertical = (int(v > 0.5) - int(v < 0.5) for v in (x, y))
    return _JOYSTICK[horizontal, vertical][int(action[2] > 0)]


class AtariSimulator:
    """A console game, observed through its 128 bytes of memory.

    The emulator has no randomness: every episode starts in the state right after loading the game.
    """

    assets: AssetVariant = "official"

    def __init__(self, spec: TaskSpec, *, pictures: bool) -> None:
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self.ale = ale_py.ALEInterface()
        self.ale.setFloat("repeat_action_probability", 0.0)
        self.ale.setInt("random_seed", 0)
        game = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", spec.params["game"])
        self.ale.loadROM(roms.get_rom_path(game.lower()))
        self.ale.reset_game()
        self._has_pictures = pictures
        # The emulator's snapshots do not hold the screen, so it is kept beside them.
        self._screen: Image | None = None
        self._start = self.get_state()

    def reset(self, rng: np.random.Generator) -> FloatArray:
        """Go back to the state after loading; console memory would survive a plain reset."""
        self.set_state(self._start)
        return self._observe()

    def step(self, action: FloatArray) -> Transition:
        """Hold the joystick position for four frames."""
        position = ale_py.Action(joystick_position(action))
        self._screen = None
        reward = 0
        for _ in range(FRAME_SKIP):
            reward += self.ale.act(position)
        return Transition(self._observe(), float(reward), False)

    def render(self, height: int, width: int) -> Image:
        """Paste the screen, unscaled for 224 x 224, into the middle of a black canvas."""
        screen = self._current_screen()
        canvas = np.zeros((_CANVAS, _CANVAS, 3), np.uint8)
        top, left = (_CANVAS - screen.shape[0]) // 2, (_CANVAS - screen.shape[1]) // 2
        canvas[top : top + screen.shape[0], left : left + screen.shape[1]] = screen
        rows = np.arange(height) * _CANVAS // height
        columns = np.arange(width) * _CANVAS // width
        return np.ascontiguousarray(canvas[rows][:, columns])

    def get_state(self) -> _State:
        """Return the emulator's own copy of its state."""
        screen = self._current_screen() if self._has_pictures else None
        return _State(self.ale.cloneState(include_rng=True), screen)

    def set_state(self, state: _State) -> None:
        """Go back to a snapshot."""
        self.ale.restoreState(state.emulator)
        self._screen = state.screen

    def close(self) -> None:
        """Nothing to free: the emulator goes with the object."""

    def _current_screen(self) -> Image:
        screen: Image = self.ale.getScreenRGB() if self._screen is None else self._screen
        return screen

    def _observe(self) -> FloatArray:
        ram: FloatArray = self.ale.getRAM().astype(np.float32) / np.float32(255)
        return ram
