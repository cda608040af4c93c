"""Pictures of tasks and films of episodes, rendered by playing."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from leaderboard.entries import Entry
from leaderboard.submission import validate
from mmbench.env import TaskEnv
from mmbench.episodes import film
from mmbench.errors import MMBenchError
from mmbench.pool import worker_pool
from mmbench.progress import OnProgress, Progress
from mmbench.registry import get_task

_IMAGE_SIZE = 192
_NUM_FILMS = 3


def draw_tasks(tasks: Sequence[str], out: Path, on_progress: OnProgress) -> dict[str, str]:
    """Draw how every task begins; return the files by task, relative to the site in `out`."""
    (out / "pictures").mkdir(exist_ok=True)
    drawn: dict[str, str] = {}
    with worker_pool() as pool:
        jobs = pool.map(partial(_draw, out=out), tasks)
        for done, (task, file) in enumerate(zip(tasks, jobs, strict=True)):
            on_progress(Progress("drawing tasks", done, len(tasks), task))
            if file is not None:
                drawn[task] = file
    return drawn


def film_episodes(entry: Entry, out: Path) -> list[tuple[str, str]]:
    """Film an episode of a few tasks, of different domains, by replaying them.

    Returns:
        Tasks and the files of their films, relative to the site in `out`.
    """
    chosen: dict[str, str] = {}
    for task in entry.scores:
        chosen.setdefault(get_task(task).domain.name, task)
    (out / "films").mkdir(exist_ok=True)
    films = []
    episodes = {episode.task_id: episode for episode in validate(entry.file).result.episodes}
    for task in list(chosen.values())[:_NUM_FILMS]:
        file = f"films/{entry.slug}-{task}.gif"
        film(episodes[task], out / file, image_size=_IMAGE_SIZE)
        films.append((task, file))
    return films


def _draw(task: str, out: Path) -> str | None:
    """Draw a task; runs in a worker. Nothing where it cannot be drawn on this machine."""
    from PIL import Image

    file = f"pictures/{task}.png"
    try:
        env = TaskEnv(task, render_mode="rgb_array", image_size=_IMAGE_SIZE)
        env.reset(seed=0)
        picture = env.render()
        assert picture is not None
        Image.fromarray(picture).save(out / file)
        env.close()
    except MMBenchError:
        return None
    return file
