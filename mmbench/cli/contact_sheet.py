"""`mmbench contact-sheet`."""

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tyro.conf import Positional

from mmbench.checks import at_least, between, writable_file
from mmbench.cli.output import show_progress
from mmbench.dependencies import needed_for
from mmbench.env import IMAGE_SIZE, MAX_IMAGE_SIZE, TaskEnv
from mmbench.errors import MMBenchError
from mmbench.progress import Progress
from mmbench.registry import choose_tasks

_CAPTION_PX = 16
_GUTTER_PX = 6


@dataclass(frozen=True, kw_only=True)
class ContactSheet:
    """Draw one picture of every task into one image.

    A task that cannot be drawn here leaves an empty tile with its name; exit code 1 if there is
    one.
    """

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
        with needed_for("drawing a contact sheet", "plots"):
            from PIL import Image, ImageDraw
        writable_file(self.out, (".png",))
        at_least(1, columns=self.columns)
        at_least(0, env_steps=self.env_steps)
        between(1, MAX_IMAGE_SIZE, image_size=self.image_size)
        tasks = choose_tasks(self.tasks, self.suite, default="miniarcade")
        columns = min(self.columns, len(tasks))
        width, height = self.image_size + _GUTTER_PX, self.image_size + _CAPTION_PX + _GUTTER_PX
        size = (columns * width + _GUTTER_PX, math.ceil(len(tasks) / columns) * height + _GUTTER_PX)
        sheet = Image.new("RGB", size, "white")
        pen = ImageDraw.Draw(sheet)
        complaints = {}
        with show_progress() as on_progress:
            for index, task in enumerate(tasks):
                on_progress(Progress("drawing", index, len(tasks), task))
                row, column = divmod(index, columns)
                x, y = _GUTTER_PX + column * width, _GUTTER_PX + row * height
                pen.text((x, y), task, fill="black")
                y += _CAPTION_PX
                try:
                    picture = _picture(task, self.env_steps, self.image_size)
                except MMBenchError as error:
                    complaints[task] = str(error)
                    corner = (x + self.image_size - 1, y + self.image_size - 1)
                    pen.rectangle((x, y, *corner), outline="grey")
                else:
                    sheet.paste(Image.fromarray(picture), (x, y))
        sheet.save(self.out, optimize=True)
        for task, complaint in complaints.items():
            print(f"{task} is left empty: {complaint}", file=sys.stderr)
        print(self.out)
        return 1 if complaints else 0


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
