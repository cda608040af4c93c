"""`mmbench play`."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tyro.conf import Positional

from mmbench.checks import at_least
from mmbench.dependencies import needed_for
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord, EpisodeWriter, record_episode
from mmbench.errors import GraphicsError, UsageError
from mmbench.simulator import FloatArray

_HELP = "arrows or WASD: axes 1 and 2; space: trigger; mouse button: point; R: again; Esc: quit"


@dataclass(frozen=True, kw_only=True)
class Play:
    """Play a task yourself, in a window.

    Arrow keys (or WASD) drive the first two action entries, I/K, J/L and U/O the next ones, space
    the last one; with a mouse button held down, the pointer's place in the window drives the first
    two instead.
    """

    task: Positional[str]
    """Task to play, e.g. pygame-pong."""
    seed: int | None = None
    """Seed of the first episode. Default: a random one."""
    size: int = 672
    """Height and width of the window, in pixels."""
    fps: float = 30.0
    """Env steps per second."""
    record: Path | None = None
    """Directory to which finished episodes are written, as an episode log."""

    def run(self) -> int:
        """Open a window and play until it is closed."""
        at_least(0, seed=self.seed)
        if not self.fps > 0:
            raise UsageError(f"fps is {self.fps}, expected more than 0")
        env = TaskEnv(self.task, render_mode="rgb_array", image_size=self.size)
        pygame = _open_window(self.size, f"mmbench: {self.task}")
        writer = EpisodeWriter(self.record) if self.record is not None else None
        print(f"{env.task.instruction}\n{_HELP}")
        try:
            seed = self.seed
            while True:
                record = play_episode(env, _Player(pygame, self.size, self.fps), seed)
                if record is None:
                    return 0
                total, score = record.episode_return, record.score
                print(f"seed {record.seed}: return {total:.4g}, score {score:.4f}")
                if writer is not None:
                    writer.add([record])
                seed = None
        finally:
            pygame.quit()
            env.close()


class _Player:
    """Shows pictures and reads keys and mouse."""

    def __init__(self, pygame: Any, size: int, fps: float) -> None:
        self._pygame = pygame
        self._size = size
        self._frame_s = 1 / fps
        self._next_frame = time.monotonic()
        self.wants_restart = False

    def __call__(self, image: Any, action_dim: int) -> FloatArray | None:
        """Show a picture and return the action, or `None` to stop."""
        pygame = self._pygame
        screen = pygame.display.get_surface()
        screen.blit(pygame.surfarray.make_surface(image.swapaxes(0, 1)), (0, 0))
        pygame.display.flip()
        time.sleep(max(0.0, self._next_frame - time.monotonic()))
        self._next_frame = max(self._next_frame, time.monotonic()) + self._frame_s
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                return None
            if event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE:
                return None
            if event.type == pygame.KEYDOWN and event.key == pygame.K_r:
                self.wants_restart = True
        pressed = pygame.key.get_pressed()
        pointer = pygame.mouse.get_pos() if any(pygame.mouse.get_pressed()) else None
        return action_from_input(
            lambda name: bool(pressed[pygame.key.key_code(name)]), pointer, self._size, action_dim
        )


_AXES = (
    (("right", "d"), ("left", "a")),
    (("down", "s"), ("up", "w")),
    (("i",), ("k",)),
    (("l",), ("j",)),
    (("o",), ("u",)),
)


def action_from_input(
    is_pressed: Callable[[str], bool],
    pointer: tuple[int, int] | None,
    size: int,
    action_dim: int,
) -> FloatArray:
    """Turn keys and pointer into an action.

    A task with one action entry takes either pair of arrows. Screen directions are the games' own:
    right and down are positive.
    """
    action = np.zeros(action_dim, np.float32)
    axes = [
        float(any(map(is_pressed, more))) - float(any(map(is_pressed, less)))
        for more, less in _AXES
    ]
    if action_dim == 1:
        # Up means "more" where there is nothing to steer: jump, push.
        action[0] = axes[0] if axes[0] else axes[1]
        if is_pressed("space"):
            action[0] = 1.0
        return action
    count = min(action_dim, len(axes))
    action[:count] = axes[:count]
    if pointer is not None:
        action[:2] = np.clip(2 * np.array(pointer, np.float32) / size - 1, -1, 1)
    if is_pressed("space"):
        action[-1] = 1.0
    return action


class _PlayerLeftError(Exception):
    """The player has had enough."""


class _StartOverError(Exception):
    """The player wants the same episode from its start."""


def play_episode(env: TaskEnv, player: Any, seed: int | None) -> EpisodeRecord | None:
    """Play one episode; return its record, or `None` if the player stopped."""

    def act(env: TaskEnv) -> FloatArray:
        action: FloatArray | None = player(env.render(), env.task.action_dim)
        if action is None:
            raise _PlayerLeftError
        if getattr(player, "wants_restart", False):
            player.wants_restart = False
            raise _StartOverError
        return action

    while True:
        env.reset(seed=seed)
        try:
            return record_episode(env, act, agent="human")
        except _PlayerLeftError:
            return None
        except _StartOverError:
            seed = env.episode_seed


def _open_window(size: int, title: str) -> Any:
    with needed_for("playing", "miniarcade"):
        import pygame
    try:
        pygame.display.init()
        driver = pygame.display.get_driver()
        if driver in ("dummy", "offscreen", "evdev"):
            raise pygame.error(f"only the {driver!r} video driver is available")
        pygame.display.set_mode((size, size))
    except pygame.error as error:
        raise GraphicsError(
            f"playing needs a display, and none can be opened ({error}); "
            "run it on a desktop, or through `ssh -X`"
        ) from error
    pygame.display.set_caption(title)
    return pygame
