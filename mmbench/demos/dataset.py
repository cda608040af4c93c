"""Demonstrations as data: the shipped set, and trajectories replayed from episode logs."""

import contextlib
import dataclasses
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import overload

import numpy as np

from mmbench.array_files import load_arrays
from mmbench.env import IMAGE_SIZE, ObsType, TaskEnv
from mmbench.episodes import (
    EpisodeRecord,
    Trajectory,
    is_robust,
    read,
    record_episode,
    replay,
    write,
)
from mmbench.errors import DemonstrationError
from mmbench.files import cache_folder, replacing
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import get_suite, get_task
from mmbench.simulator import FloatArray

_LOG = logging.getLogger("mmbench")

SHIPPED = Path(__file__).parent / "shipped"
"""The demonstrations that come with mmbench: an episode log, one file per task."""
MIN_GOOD_SCORE = 0.5
"""Score of a good episode; in tasks with a success, that is one."""
MIN_SHARE_OF_BEST = 0.5
"""Demonstrations that score less than this share of their task's best are not imitated."""
BEST_RETURNS: Mapping[str, float] = MappingProxyType(
    {"ms-ant-walk": 1000.0, "ms-ant-run": 1000.0, "lunarlander-land": 250.0}
)
"""The highest possible returns of tasks whose scores cannot tell a good episode: ManiSkill's ants
have no success, and asleep on the pad from the first step on a lander would score 0.5. Here an
episode is as good as the share of this that it returns."""
_MAX_CACHED_BYTES = 2**29
"""What a kept trajectory may unpack to; a thousand pictures of 224 x 224 are 150 MB."""
PRACTICE = "practice"
"""Folder of practice (`mmbench.demos.practice`) inside of one of demonstrations."""
DEMOS, _STATE = "demos", "state"


def is_good(record: EpisodeRecord, min_score: float = MIN_GOOD_SCORE) -> bool:
    """Whether an episode is a demonstration: a success, or a score of at least `min_score`."""
    if record.task_id in BEST_RETURNS:
        return record.episode_return >= min_score * BEST_RETURNS[record.task_id]
    if get_task(record.task_id).score.kind == "success":
        return record.success
    return record.score >= min_score


def shipped(tasks: Sequence[str] | None = None) -> Iterator[EpisodeRecord]:
    """Yield the demonstrations that come with mmbench, of some tasks or of all that have any.

    Raises:
        DemonstrationError: If a task that is asked for has none.
    """
    chosen = tasks if tasks is not None else [t for t in get_suite("full") if _file(t).exists()]
    for task in chosen:
        get_task(task)
        if not _file(task).exists():
            raise DemonstrationError(
                f"no demonstrations of {task} come with mmbench; make some with "
                f"`mmbench demos generate --tasks {task}`"
            )
        yield from read(_file(task))


def shipped_practice(tasks: Sequence[str] | None = None) -> Iterator[EpisodeRecord]:
    """Yield the practice that comes with mmbench, of some tasks or of all; many have none."""
    for task in tasks if tasks is not None else get_suite("full"):
        file = SHIPPED / PRACTICE / f"{get_task(task).id}.parquet"
        if file.exists():
            yield from read(file)


def load(
    tasks: Sequence[str],
    *,
    obs_type: ObsType = "state",
    image_size: int = IMAGE_SIZE,
    path: Path | str | None = None,
    has_practice: bool = False,
    cache: Path | str | None = None,
) -> "Demonstrations":
    """Return the demonstrations of tasks as trajectories, with observations.

    Observations are made by replaying, when they are first asked for, and kept on disk. Where a
    replay differs from the record, which another maker's processor can cause, the trajectory is
    what happened here.

    Args:
        tasks: Task ids.
        obs_type: `state`, or `rgb` / `state+rgb` for pictures as well.
        image_size: Height and width of the pictures.
        path: An episode log; default the shipped one.
        has_practice: Whether practice, whose labels are to be imitated, follows the
            demonstrations.
        cache: Where to keep observations; default `$MMBENCH_CACHE`, else `~/.cache/mmbench`.

    Raises:
        DemonstrationError: If there is none of a task.
    """
    if path is None:
        records = list(shipped(tasks))
    else:
        wanted = [get_task(task).id for task in tasks]
        records = sorted(
            (record for record in read(path) if record.task_id in wanted),
            key=lambda record: wanted.index(record.task_id),
        )
        if missing := set(wanted) - {record.task_id for record in records}:
            raise DemonstrationError(f"{path} holds no demonstrations of {sorted(missing)[0]}")
    if has_practice:
        if path is None:
            records += shipped_practice(tasks)
        elif (Path(path) / PRACTICE).is_dir():
            records += (r for r in read(Path(path) / PRACTICE) if r.task_id in tasks)
    root = Path(cache) if cache else cache_folder()
    return Demonstrations(records, obs_type, image_size, root / DEMOS)


class Demonstrations(Sequence[Trajectory]):
    """Trajectories, replayed one at a time when they are asked for."""

    def __init__(
        self, records: Sequence[EpisodeRecord], obs_type: ObsType, image_size: int, cache: Path
    ) -> None:
        self.records = tuple(records)
        self.obs_type = obs_type
        self.image_size = image_size
        self._cache = cache
        self._env: TaskEnv | None = None

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Trajectory: ...

    @overload
    def __getitem__(self, index: slice) -> "Demonstrations": ...

    def __getitem__(self, index: int | slice) -> "Trajectory | Demonstrations":
        if isinstance(index, slice):
            return Demonstrations(self.records[index], self.obs_type, self.image_size, self._cache)
        record = self.records[index]
        has_images = self.obs_type != "state"
        kind = f"rgb-{self.image_size}" if has_images else _STATE
        file = self._cache / _cached_as(record, kind)
        if (cached := _read_cached(file, record, has_images)) is not None:
            return cached
        trajectory = replay(
            record,
            obs_type=self.obs_type,
            image_size=self.image_size,
            env=self._env_of(record),
            is_strict=False,
        )
        # Without a cache (a read-only home, a full disk) the next one asks for the replay again.
        with contextlib.suppress(OSError):
            _write_cached(file, trajectory)
        return trajectory

    def _env_of(self, record: EpisodeRecord) -> TaskEnv:
        """Return an environment of the record's task; the last one is kept."""
        if self._env is None or self._env.task.id != record.task_id:
            if self._env is not None:
                self._env.close()
            self._env = TaskEnv(
                record.task_id,
                obs_type="state" if self.obs_type == "state" else "state+rgb",
                image_size=self.image_size,
            )
        return self._env


def record_and_keep(
    env: TaskEnv, act: Callable[[TaskEnv], FloatArray], *, agent: str
) -> EpisodeRecord:
    """Play an episode like `record_episode`, and keep what it showed: `load` need not replay it."""
    observations: list[FloatArray] = []
    successes: list[bool] = []

    def observed(env: TaskEnv) -> FloatArray:
        observations.append(env.last_state.copy())
        successes.append(env.is_success)
        return act(env)

    record = record_episode(env, observed, agent=agent)
    trajectory = Trajectory(
        task_id=record.task_id,
        observations=np.stack([*observations, env.last_state]),
        actions=record.actions,
        rewards=record.rewards,
        successes=np.array([*successes[1:], env.is_success]),
        record=record,
        score=record.score,
    )
    # Without a cache (a read-only home, a full disk) a replay shows the same.
    with contextlib.suppress(OSError):
        _write_cached(cache_folder() / DEMOS / _cached_as(record, _STATE), trajectory)
    return record


def _cached_as(record: EpisodeRecord, kind: str) -> Path:
    """Return where a record's trajectory is kept, below the folder of all."""
    digest = hashlib.sha256()
    for part in (record.task_id, record.task_version, record.seed, record.simulator_version):
        digest.update(f"{part}\0".encode())
    digest.update(record.assets.encode() + record.actions.tobytes())
    return Path(kind) / record.task_id / f"{digest.hexdigest()[:32]}.npz"


def pack(
    sources: Sequence[Path | str],
    out: Path | str,
    *,
    episodes: int = 10,
    steps: int = 0,
    prefers_robust: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Write the best episodes of every task found in `sources` to `out`, one file per task.

    Of several episodes with the same seed only the best is taken. Practice goes to `out/practice`,
    as much as there is.

    Args:
        sources: Directories that `generate` has made (rejected episodes count, if there are not
            enough good ones), or episode logs.
        out: Directory for the files; a task's file is replaced.
        episodes: Episodes per task.
        steps: Take more good ones than `episodes`, if they are needed for so many env steps.
        prefers_robust: Whether good episodes come first that rounding leads to no other end
            (`mmbench.episodes.is_robust`), and no others are taken beyond `episodes`. Every good
            episode is replayed a few times.
        on_progress: Called as episodes are replayed.
    """
    found: dict[str, list[EpisodeRecord]] = {}
    for source in map(Path, sources):
        rejected = source / "rejected"
        for path in (source, rejected) if rejected.is_dir() else (source,):
            for record in read(path):
                found.setdefault(record.task_id, []).append(record)
    Path(out).mkdir(parents=True, exist_ok=True)
    for task, records in found.items():
        best: dict[int, EpisodeRecord] = {}
        for record in sorted(records, key=lambda r: (-r.score, -r.episode_return, r.seed)):
            best.setdefault(record.seed, record)
        num_wanted = max(episodes, -(-steps // get_task(task).max_episode_steps))
        good = [record for record in best.values() if is_good(record)]
        bad = [record for record in best.values() if not is_good(record)]
        fragile: list[EpisodeRecord] = []
        if prefers_robust and good:
            good, fragile = _by_robustness(task, good, on_progress)
        num_fragile = max(0, episodes - len(good))
        chosen = (good + fragile[:num_fragile])[:num_wanted]
        chosen += bad[: max(0, episodes - len(chosen))]
        write(chosen, Path(out) / f"{task}.parquet")
    practice: dict[str, dict[int, EpisodeRecord]] = {}
    for source in map(Path, sources):
        for record in read(source / PRACTICE) if (source / PRACTICE).is_dir() else ():
            assert record.labels is not None
            short = dataclasses.replace(record, labels=in_16_bits(record.labels))
            practice.setdefault(record.task_id, {})[record.seed] = short
    if practice:
        (Path(out) / PRACTICE).mkdir(exist_ok=True)
    for task, by_seed in practice.items():
        write(list(by_seed.values()), Path(out) / PRACTICE / f"{task}.parquet")


def _by_robustness(
    task: str, records: Sequence[EpisodeRecord], on_progress: OnProgress
) -> tuple[list[EpisodeRecord], list[EpisodeRecord]]:
    """Return the robust episodes of a task, and the others."""
    robust: list[EpisodeRecord] = []
    fragile: list[EpisodeRecord] = []
    env = TaskEnv(task)
    try:
        for done, record in enumerate(records):
            on_progress(Progress("replaying nudged episodes", done, len(records), task))
            (robust if is_robust(record, env) else fragile).append(record)
    finally:
        env.close()
    return robust, fragile


def practising_experts(records: Iterable[EpisodeRecord]) -> dict[str, set[str]]:
    """Return who plays in the practice of every task that has some."""
    experts: dict[str, set[str]] = {}
    for record in records:
        if record.labels is not None:
            experts.setdefault(record.task_id, set()).add(record.agent)
    return experts


def is_by_practising(record: EpisodeRecord, experts: Mapping[str, set[str]]) -> bool:
    """Whether a record is by who practises its task, given `practising_experts`, or nobody does.

    Beside practice, a demonstration by anybody else is not to be imitated: two ways of doing one
    thing make a bad average.
    """
    return record.agent in experts.get(record.task_id, {record.agent})


def in_16_bits(values: FloatArray) -> FloatArray:
    """Return values with the accuracy of float16, as float32: a log of them is half as large."""
    return np.asarray(values).astype(np.float16).astype(np.float32)


def _file(task: str) -> Path:
    return SHIPPED / f"{task}.parquet"


def _write_cached(file: Path, trajectory: Trajectory) -> None:
    """Keep a trajectory, if there is a folder for it."""
    assert trajectory.successes is not None
    assert trajectory.score is not None
    arrays = {
        "observations": trajectory.observations,
        "rewards": trajectory.rewards,
        "successes": trajectory.successes,
        "score": np.array(trajectory.score),
    }
    if trajectory.images is not None:
        arrays["images"] = trajectory.images
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as partial, partial.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **arrays)
    except OSError as error:
        _LOG.warning("observations are not kept in %s: %s", file.parent, error.strerror)


def _read_cached(file: Path, record: EpisodeRecord, has_images: bool) -> Trajectory | None:
    """Return what was kept of a record, or `None` if there is nothing that fits it."""
    try:
        arrays = load_arrays(file, DemonstrationError, max_bytes=_MAX_CACHED_BYTES)
    except DemonstrationError:
        return None
    num_steps, obs_dim = record.length, get_task(record.task_id).obs_dim
    shapes = {
        "observations": (num_steps + 1, obs_dim),
        "rewards": (num_steps,),
        "successes": (num_steps,),
        "score": (),
    }
    if any(name not in arrays or arrays[name].shape != shape for name, shape in shapes.items()):
        return None
    images = arrays.get("images")
    if has_images and (images is None or images.shape[:1] != (num_steps + 1,)):
        return None
    if not all(np.isfinite(arrays[name]).all() for name in ("observations", "rewards", "score")):
        return None
    return Trajectory(
        task_id=record.task_id,
        observations=arrays["observations"],
        actions=record.actions,
        rewards=arrays["rewards"],
        successes=arrays["successes"],
        images=images,
        record=record,
        labels=record.labels,
        score=float(arrays["score"]),
    )
