"""Playing by hand: what keys mean, episodes, and the window itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mmbench
from mmbench.cli.play import action_from_input, play_episode
from mmbench.env import TaskEnv


@pytest.mark.parametrize(
    ("keys", "pointer", "action_dim", "expected"),
    [
        ("", None, 2, [0, 0]),
        ("right", None, 2, [1, 0]),
        ("a s", None, 2, [-1, 1]),
        ("left d", None, 2, [0, 0]),
        ("up space", None, 3, [0, -1, 1]),
        ("i j o", None, 5, [0, 0, 1, -1, 1]),
        ("i", None, 7, [0, 0, 1, 0, 0, 0, 0]),
        ("up", None, 1, [-1]),
        ("left", None, 1, [-1]),
        ("space", None, 1, [1]),
        ("right", (0, 100), 2, [-1, 1]),
        ("", (50, 75), 2, [0, 0.5]),
        ("", (-30, 400), 2, [-1, 1]),
    ],
)
def test_keys_and_pointer_become_an_action(
    keys: str, pointer: tuple[int, int] | None, action_dim: int, expected: list[float]
) -> None:
    action = action_from_input(keys.split().__contains__, pointer, 100, action_dim)
    assert action.dtype == np.float32
    np.testing.assert_array_equal(action, expected)


class FakePlayer:
    """Presses right; restarts once; stops after so many pictures."""

    def __init__(self, restart_at: int | None = None, stop_at: int | None = None) -> None:
        self.restart_at, self.stop_at = restart_at, stop_at
        self.num_pictures = 0
        self.wants_restart = False

    def __call__(self, image: np.ndarray, action_dim: int) -> np.ndarray | None:
        assert image.shape == (64, 64, 3)
        self.num_pictures += 1
        self.wants_restart = self.num_pictures == self.restart_at
        if self.num_pictures == self.stop_at:
            return None
        return np.array([1.0] + [0.0] * (action_dim - 1), np.float32)


def test_an_episode_played_by_hand_replays() -> None:
    with TaskEnv("pygame-landing", render_mode="rgb_array", image_size=64) as env:
        player = FakePlayer(restart_at=10)
        record = play_episode(env, player, 7)
        assert record is not None
        assert player.num_pictures == 10 + env.task.max_episode_steps
        assert (record.seed, record.agent) == (7, "human")
        mmbench.episodes.replay(record)
        assert play_episode(env, FakePlayer(stop_at=3), None) is None


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb for a display")
def test_a_window_opens_and_closes(tmp_path: Path) -> None:
    """A person's window, on a virtual display, closed by its own quit event."""
    code = (
        "import pygame, threading, time, sys\n"
        "from mmbench.cli.main import main\n"
        "def quit():\n"
        "    while not pygame.display.get_init(): time.sleep(0.05)\n"
        "    time.sleep(1.0)\n"
        "    pygame.event.post(pygame.event.Event(pygame.QUIT))\n"
        "threading.Thread(target=quit, daemon=True).start()\n"
        "sys.argv[1:] = ['play', 'pygame-pong', '--size', '128']\n"
        "sys.exit(main())\n"
    )
    with subprocess.Popen(["Xvfb", ":77", "-screen", "0", "640x480x24"]) as display:
        try:
            played = subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "DISPLAY": ":77", "SDL_VIDEODRIVER": "x11"},
                capture_output=True,
                text=True,
                timeout=120,
            )
        finally:
            display.terminate()
    assert played.returncode == 0, played.stderr
    assert "Esc: quit" in played.stdout
