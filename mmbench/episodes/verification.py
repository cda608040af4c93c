"""Replaying episodes to see whether they happened as they are written down.

Replay has three answers. *equal*: every reward, the return, the score and the success came out bit
for bit. *consistent*: the episode was played on another class of machines (`platform_class`), where
the last bits may differ, and rounding explains what differs. *different*: it does not. On the class
where it was played an episode is equal or different.
"""

import os
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mmbench.env import TaskEnv
from mmbench.episodes.record import EpisodeRecord
from mmbench.episodes.replay import Trajectory, replay
from mmbench.errors import ReplayError
from mmbench.platform_class import platform_class
from mmbench.pool import beat, worker_pool
from mmbench.progress import OnProgress, Progress, ignore_progress

Answer = Literal["equal", "consistent", "different"]

ROUNDING = 1e-4
"""Largest first difference of a reward that counts as rounding, relative to the largest reward."""
SCORE_TOLERANCE = 0.02
"""Largest difference of scores that counts as consistent."""
HANG_TIMEOUT_S = 600.0
"""Longest time a worker may take for one episode."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What replaying an episode has shown.

    Attributes:
        task_id: The task.
        seed: The episode's seed.
        answer: Whether it came out the same.
        first_step: First env step whose reward differs, counted from 0; `None` if none does.
        reason: One sentence, empty for an equal episode.
    """

    task_id: str
    seed: int
    answer: Answer
    first_step: int | None = None
    reason: str = ""


def verify(
    records: Sequence[EpisodeRecord],
    *,
    workers: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> list[Verdict]:
    """Replay episodes and say of each whether it came out the same.

    Args:
        records: The episodes.
        workers: Worker processes; default one per core; 0 replays in this process.
        on_progress: Called as episodes are replayed.

    Returns:
        One verdict per episode; episodes of a task are together, in the order given.
    """
    by_task: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        by_task.setdefault(record.task_id, []).append(record)
    num_done = 0

    def report(count: int) -> None:
        nonlocal num_done
        num_done += count
        on_progress(Progress("replaying episodes", num_done, len(records)))

    report(0)
    num_workers = min(os.cpu_count() or 1 if workers is None else workers, len(by_task))
    found: dict[str, list[Verdict]] = {}
    if num_workers <= 1:
        for task, group in by_task.items():
            found[task] = _verify_task(group)
            report(len(group))
    else:
        with worker_pool(num_workers, hang_timeout_s=HANG_TIMEOUT_S) as pool:
            jobs = {pool.submit(_verify_task, group): task for task, group in by_task.items()}
            for job in as_completed(jobs):
                found[jobs[job]] = job.result()
                report(len(by_task[jobs[job]]))
    return [verdict for task in by_task for verdict in found[task]]


def _verify_task(records: Sequence[EpisodeRecord]) -> list[Verdict]:
    env = TaskEnv(records[0].task_id)
    try:
        return [_verify(record, env) for record in records]
    finally:
        env.close()


def _verify(record: EpisodeRecord, env: TaskEnv) -> Verdict:
    beat()
    try:
        return judge(record, replay(record, env=env, is_strict=False))
    except ReplayError as error:  # made with another simulator or other assets
        return Verdict(
            task_id=record.task_id, seed=record.seed, answer="different", reason=str(error)
        )


def judge(record: EpisodeRecord, replayed: Trajectory) -> Verdict:
    """Compare a record with what replaying it here has brought."""
    assert replayed.score is not None
    assert replayed.episode_return is not None
    assert replayed.successes is not None
    # As bits, for -0.0 is not 0.0.
    unequal = record.rewards.view(np.uint32) != replayed.rewards.view(np.uint32)
    first = int(unequal.argmax()) if unequal.any() else None
    where = f"{record.task_id}, seed {record.seed}"

    def verdict(answer: Answer, reason: str = "") -> Verdict:
        return Verdict(
            task_id=record.task_id,
            seed=record.seed,
            answer=answer,
            first_step=first,
            reason=f"{where}: {reason}" if reason else "",
        )

    compared = [
        ("return", replayed.episode_return, record.episode_return),
        ("score", replayed.score, record.score),
        ("success", bool(replayed.successes[-1]), record.success),
    ]
    told = [
        f"{name} is {found} in the replay and {recorded} in the record"
        for name, found, recorded in compared
        if found != recorded
    ]
    if first is not None:
        found, recorded = replayed.rewards[first], record.rewards[first]
        told.insert(0, f"reward {first} is {found} in the replay and {recorded} in the record")
    if not told:
        return verdict("equal")
    if record.platform == platform_class():
        return verdict("different", told[0])
    if first is not None:
        scale = max(1e-3, float(np.abs(record.rewards).max()))
        if abs(float(replayed.rewards[first]) - float(record.rewards[first])) > ROUNDING * scale:
            return verdict("different", told[0])
        if replayed.episode_return == record.episode_return:
            return verdict("different", f"{told[0]}, and yet the returns are the same")
    if replayed.successes[-1] != record.success:
        return verdict("different", told[-1])
    if abs(replayed.score - record.score) > SCORE_TOLERANCE:
        return verdict("different", told[-1])
    return verdict("consistent", told[0])
