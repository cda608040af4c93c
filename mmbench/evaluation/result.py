"""A result directory, read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmbench.dependencies import needed_for
from mmbench.episodes import EpisodeRecord, read_all
from mmbench.errors import ResultError, UnknownSuiteError, UnknownTaskError
from mmbench.evaluation.manifest import Manifest, read_manifest
from mmbench.registry import get_suite, get_task
from mmbench.seeding import evaluation_seed
from mmbench.simulator import AssetVariant, variant_of

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
        return len(self.episodes) == self._num_wanted

    @property
    def completeness(self) -> str:
        """How many episodes there are: `2000`, or `1500 of 2000` if some are missing."""
        found = str(len(self.episodes))
        return found if self.is_complete else f"{found} of {self._num_wanted}"

    @property
    def _num_wanted(self) -> int:
        return len(self.manifest.tasks) * self.manifest.num_episodes

    @property
    def assets(self) -> AssetVariant:
        """`official` if no episode was played with stand-ins."""
        return variant_of(episode.assets for episode in self.episodes)

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
        ResultError: If it is none, if the manifest contradicts itself, or if an episode is not one
            that it asks for.
    """
    directory = Path(directory)
    manifest = read_manifest(directory)
    _check_manifest(manifest, directory)
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
        if episode.agent != manifest.agent:
            raise ResultError(
                f"{directory}: {episode.task_id} with seed {episode.seed} was played by "
                f"{episode.agent!r}, the manifest says {manifest.agent!r}"
            )
        expected = manifest.simulators[episode.simulator]
        if episode.simulator_version != expected:
            raise ResultError(
                f"{directory}: {episode.task_id} was played with {episode.simulator_version}, "
                f"the manifest says {expected}"
            )
    return Result(name=manifest.agent, manifest=manifest, episodes=tuple(episodes))


def _check_manifest(manifest: Manifest, directory: Path) -> None:
    """Raise `ResultError` if tasks, suite and simulators do not agree."""
    try:
        domains = {get_task(task).domain.name for task in manifest.tasks}
        suite = manifest.tasks if manifest.suite is None else list(get_suite(manifest.suite))
    except (UnknownTaskError, UnknownSuiteError) as error:
        raise ResultError(f"{directory}: {error}") from error
    if len(set(manifest.tasks)) < len(manifest.tasks):
        raise ResultError(f"{directory}: the manifest names a task twice")
    if suite != manifest.tasks:
        raise ResultError(
            f"{directory}: the manifest's {len(manifest.tasks)} tasks are not the "
            f"{len(suite)} of suite {manifest.suite!r}"
        )
    if domains != set(manifest.simulators):
        raise ResultError(
            f"{directory}: the manifest gives simulators for {sorted(manifest.simulators)}, its "
            f"tasks need {sorted(domains)}"
        )


def incomparable(one: Manifest, other: Manifest) -> str | None:
    """Return why two results cannot stand in one table, or `None` if they can."""
    for domain, version in other.simulators.items():
        first = one.simulators.get(domain, version)
        if first != version:
            return (
                f"the results used different simulators for {domain} ({first}; {version}) "
                "and cannot be compared"
            )
    return None


def load_results(directories: Sequence[Path | str]) -> list[Result]:
    """Read several results that can stand in one table.

    Raises:
        ResultError: If two used different versions of a simulator.
    """
    results = [load_result(directory) for directory in directories]
    for other in results[1:]:
        if (reason := incomparable(results[0].manifest, other.manifest)) is not None:
            raise ResultError(reason)
    names = [result.name for result in results]
    if len(set(names)) < len(names):
        results = [
            Result(name=str(path), manifest=result.manifest, episodes=result.episodes)
            for path, result in zip(directories, results, strict=True)
        ]
    return results
