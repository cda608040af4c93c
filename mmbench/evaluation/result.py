"""A result directory, read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmbench.dependencies import needed_for
from mmbench.episodes import EpisodeRecord, read_all
from mmbench.errors import ResultError
from mmbench.evaluation.manifest import Manifest, read_manifest
from mmbench.registry import get_task
from mmbench.seeding import evaluation_seed

if TYPE_CHECKING:
    import pandas

FRAME_COLUMNS = (
    *("name", "agent", "domain", "task", "task_version", "seed", "length", "return", "score"),
    *("success", "simulator_version", "assets"),
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an evaluation brought.

    Attributes:
        name: Name for tables: the agent, or the directory where agents repeat.
        manifest: How it came to be.
        episodes: The finished episodes.
    """

    name: str
    manifest: Manifest
    episodes: tuple[EpisodeRecord, ...]

    @property
    def scores(self) -> dict[str, NDArray[np.float64]]:
        """Scores of the episodes of every task that has any, in the order of the manifest."""
        by_task: dict[str, list[float]] = {task: [] for task in self.manifest.tasks}
        for episode in self.episodes:
            by_task[episode.task_id].append(episode.score)
        return {task: np.array(scores) for task, scores in by_task.items() if scores}

    @property
    def is_complete(self) -> bool:
        """Whether every task has all its episodes."""
        return len(self.episodes) == len(self.manifest.tasks) * self.manifest.num_episodes

    @property
    def assets(self) -> str:
        """`official` if no episode was played with stand-ins."""
        variants = {episode.assets for episode in self.episodes}
        return "stand-in" if "stand-in" in variants else "official"

    def to_frame(self) -> "pandas.DataFrame":
        """Return one row per episode: what was played, by whom, with what, and how it went.

        Raises:
            DependencyError: If pandas is not installed.
        """
        with needed_for("a frame of episodes", "frames"):
            import pandas
        rows = [
            {
                "name": self.name,
                "agent": episode.agent,
                "domain": get_task(episode.task_id).domain.name,
                "task": episode.task_id,
                "task_version": episode.task_version,
                "seed": episode.seed,
                "length": episode.length,
                "return": episode.episode_return,
                "score": episode.score,
                "success": episode.success,
                "simulator_version": episode.simulator_version,
                "assets": episode.assets,
            }
            for episode in self.episodes
        ]
        return pandas.DataFrame(rows, columns=FRAME_COLUMNS)


def load_result(directory: Path | str) -> Result:
    """Read a result directory and check that manifest and episodes belong together.

    Raises:
        ResultError: If it is none, or if an episode is not one that the manifest asks for.
    """
    directory = Path(directory)
    manifest = read_manifest(directory)
    wanted = {
        (task, evaluation_seed(task, index))
        for task in manifest.tasks
        for index in range(manifest.num_episodes)
    }
    episodes = read_all(directory) if (directory / "episodes").is_dir() else []
    for episode in episodes:
        if episode.key not in wanted:
            raise ResultError(
                f"{directory}: {episode.task_id} with seed {episode.seed} is not an episode of "
                "this evaluation"
            )
        expected = manifest.simulators[episode.simulator]
        if episode.simulator_version != expected:
            raise ResultError(
                f"{directory}: {episode.task_id} was played with {episode.simulator_version}, "
                f"the manifest says {expected}"
            )
    return Result(name=manifest.agent, manifest=manifest, episodes=tuple(episodes))


def load_results(directories: Sequence[Path | str]) -> list[Result]:
    """Read several results that can stand in one table.

    Raises:
        ResultError: If two used different versions of a simulator.
    """
    results = [load_result(directory) for directory in directories]
    for other in results[1:]:
        for domain, version in other.manifest.simulators.items():
            first = results[0].manifest.simulators.get(domain, version)
            if first != version:
                raise ResultError(
                    f"the results used different simulators for {domain} ({first}; {version}) "
                    "and cannot be compared"
                )
    names = [result.name for result in results]
    if len(set(names)) < len(names):
        results = [
            Result(name=str(path), manifest=result.manifest, episodes=result.episodes)
            for path, result in zip(directories, results, strict=True)
        ]
    return results
