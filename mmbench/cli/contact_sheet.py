"""`mmbench contact-sheet`."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from tyro.conf import Positional

from mmbench.cli.output import show_progress
from mmbench.env import IMAGE_SIZE, TaskEnv
from mmbench.errors import UsageError
from mmbench.progress import Progress
from mmbench.registry import choose_tasks

_CAPTION_PX = 16


@dataclass(frozen=True, kw_only=True)
class ContactSheet:
    """Draw one picture of every task into one image."""

    out: Positional[Path]
    """The .png file to write."""
    suite: str | None = None
    """Tasks of this suite. Default: miniarcade."""
    tasks: tuple[str, ...] = ()
    """Tasks to draw instead of a suite."""
    env_steps: int = 40
    """Random steps to play before the picture is taken."""
    image_size: int = IMAGE_SIZE
    """Height and width of each picture, in pixels."""
    columns: int = 7
    """Pictures in a row."""

    def run(self) -> int:
        """Play, draw and write."""
        if self.out.suffix != ".png":
            raise UsageError(f"cannot write {self.out.name!r}; the name must end in .png")
        tasks = choose_tasks(self.tasks, self.suite, default="miniarcade")
        rows = math.ceil(len(tasks) / self.columns)
        cell = (self.image_size, self.image_size + _CAPTION_PX)
        sheet = Image.new("RGB", (cell[0] * self.columns, cell[1] * rows), "white")
        pen = ImageDraw.Draw(sheet)
        with show_progress() as on_progress:
            for index, task in enumerate(tasks):
                on_progress(Progress("drawing", index, len(tasks), task))
                x, y = cell[0] * (index % self.columns), cell[1] * (index // self.columns)
                picture = _picture(task, self.env_steps, self.image_size)
                sheet.paste(Image.fromarray(picture), (x, y + _CAPTION_PX))
                pen.text((x + 4, y + 2), task, fill="black")
        sheet.save(self.out, optimize=True)
        print(self.out)
        return 0


def _picture(task: str, env_steps: int, image_size: int) -> np.ndarray:
    env = TaskEnv(task, render_mode="rgb_array", image_size=image_size)
    try:
        env.reset(seed=0)
        rng = np.random.default_rng(0)
        for _ in range(min(env_steps, env.task.max_episode_steps - 1)):
            env.step(rng.uniform(-1, 1, env.task.action_dim).astype(np.float32))
        image = env.render()
        assert image is not None
        return image
    finally:
        env.close()
