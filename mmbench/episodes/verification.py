"""Replaying episodes to see whether they happened as they are written down.

Replay has three answers. *equal*: every reward, the return, the score and the success came out bit
for bit. *consistent*: the episode was played on another class of machines (`platform_class`), where
the last bits may differ, and rounding explains what differs. *different*: it does not. On the class
where it was played an episode is equal or different.

A simulation is chaotic: an honest episode may end quite otherwise elsewhere, and a forger would say
that this one did. So the episode is played again with actions that are nudged by about what
rounding does, several times, and the record may not differ by more than that leads to.
"""

import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmbench.env import TaskEnv
from mmbench.episodes.record import EpisodeRecord
from mmbench.episodes.replay import Trajectory, replay
from mmbench.errors import ReplayError
from mmbench.platform_class import platform_class
from mmbench.pool import beat, worker_pool
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.simulator import Nudgeable, Simulator

Answer = Literal["equal", "consistent", "different"]

ROUNDING = 1e-4
"""Difference of a reward that counts as rounding, relative to the episode's largest reward."""
SCORE_TOLERANCE = 0.02
"""Largest difference of scores that counts as consistent."""
HANG_TIMEOUT_S = 600.0
"""Longest time a worker may take for one episode."""
NUDGES = (1e-6, 1e-5)
"""Largest changes of an action's entries, and of the places of free bodies (m), in turn: what
rounding in a simulator amounts to."""
NUM_NUDGED = 32
"""Most replays with nudged actions."""
NUM_FIRST = 8
"""After so many, a record that is still far from all of them is given up."""
NUM_ROBUST = 4
"""Nudged replays that must end as a robust episode does."""
GROWTH = 10.0
"""How many times more than any nudged replay a record's rewards may differ by."""
FAR = 100 * GROWTH
"""The same, for giving up."""


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
        return judge(record, replay(record, env=env, is_strict=False), _nudged(record, env))
    except ReplayError as error:  # made with another simulator or other assets
        return Verdict(
            task_id=record.task_id, seed=record.seed, answer="different", reason=str(error)
        )


def _nudged(record: EpisodeRecord, env: TaskEnv) -> Iterator[Trajectory]:
    """Replay a record again and again, every action and every free body changed a little."""
    for index in range(NUM_NUDGED):
        beat()
        size = NUDGES[index % len(NUDGES)]
        rng = np.random.default_rng(index)
        noise = rng.uniform(-size, size, record.actions.shape)
        actions = np.clip(record.actions + noise, -1, 1).astype(np.float32)
        nudged = dataclasses.replace(record, actions=actions)
        nudge = partial(_nudge, rng=rng, distance=size)
        yield replay(nudged, env=env, is_strict=False, on_reset=nudge)


def _nudge(simulator: Simulator, rng: np.random.Generator, distance: float) -> None:
    if isinstance(simulator, Nudgeable):
        simulator.nudge(rng, distance)


def is_robust(record: EpisodeRecord, env: TaskEnv) -> bool:
    """Whether rounding leads to no other end: the same success, and the score within 0.02.

    An episode that is not may end otherwise on another class of machines, and verification there
    may answer *different*.

    Args:
        record: An episode that replays equal here.
        env: An environment of its task.
    """
    ends = (_end(nudged) for nudged in itertools.islice(_nudged(record, env), NUM_ROBUST))
    return all(
        is_success == record.success and abs(score - record.score) <= SCORE_TOLERANCE
        for score, is_success in ends
    )


def _end(trajectory: Trajectory) -> tuple[float, bool]:
    """Return the score and the success of a replay."""
    assert trajectory.score is not None
    assert trajectory.successes is not None
    return trajectory.score, bool(trajectory.successes[-1])


def judge(record: EpisodeRecord, replayed: Trajectory, nudged: Iterable[Trajectory]) -> Verdict:
    """Compare a record with what replaying it here has brought.

    Args:
        record: The episode.
        replayed: Its replay.
        nudged: Replays with slightly other actions; as many are made as are needed.
    """
    told = _differences(record, replayed)
    first = _first_difference(record, replayed)

    def verdict(answer: Answer, reason: str = "") -> Verdict:
        return Verdict(
            task_id=record.task_id,
            seed=record.seed,
            answer=answer,
            first_step=first,
            reason=f"{record.task_id}, seed {record.seed}: {reason}" if reason else "",
        )

    if not told:
        return verdict("equal")
    if record.platform == platform_class():
        return verdict("different", told[0])
    if first is None:
        # Rewards of 64 bits have differed by less than the 32 that a record keeps of them. Its
        # return is what they add up to, as a record is whole, but the success is not in them.
        _, is_success = _end(replayed)
        return verdict("consistent" if record.success == is_success else "different", told[0])
    if replayed.episode_return == record.episode_return:
        return verdict("different", f"{told[0]}, and yet the returns are the same")
    rounding = ROUNDING * max(1e-3, float(np.abs(record.rewards).max()))
    apart = np.abs(record.rewards.astype(np.float64) - replayed.rewards)
    reach = _Reach(replayed, rounding)
    if reach.holds(record, apart):
        return verdict("consistent", told[0])
    for count, trajectory in enumerate(nudged, start=1):
        reach.add(trajectory)
        if reach.holds(record, apart):
            return verdict("consistent", told[0])
        if count == NUM_FIRST and not reach.has_rewards(apart, FAR):
            break
    where = f"; where it was played ({record.platform}) replay is exact" if record.platform else ""
    return verdict("different", f"{told[0]}, which rounding does not explain{where}")


class _Reach:
    """How far from a replay rounding can lead."""

    def __init__(self, replayed: Trajectory, rounding: float) -> None:
        self._replayed = replayed
        self._rounding = rounding
        self._apart = np.zeros(len(replayed.rewards))
        self._scores: list[float] = []
        self._successes: set[bool] = set()
        self._note(replayed)

    def _note(self, trajectory: Trajectory) -> None:
        score, is_success = _end(trajectory)
        self._scores.append(score)
        self._successes.add(is_success)

    def add(self, nudged: Trajectory) -> None:
        """Take a nudged replay into account."""
        apart = np.abs(nudged.rewards.astype(np.float64) - self._replayed.rewards)
        self._apart = np.maximum(self._apart, np.maximum.accumulate(apart))
        self._note(nudged)

    def holds(self, record: EpisodeRecord, apart: NDArray[np.float64]) -> bool:
        """Whether rewards that far apart, and the score and success, are in reach."""
        low, high = min(self._scores) - SCORE_TOLERANCE, max(self._scores) + SCORE_TOLERANCE
        return (
            record.success in self._successes
            and low <= record.score <= high
            and self.has_rewards(apart, GROWTH)
        )

    def has_rewards(self, apart: NDArray[np.float64], growth: float) -> bool:
        """Whether rewards are no farther apart than `growth` times what nudges have brought."""
        return bool((apart <= self._rounding + growth * self._apart).all())


def _first_difference(record: EpisodeRecord, replayed: Trajectory) -> int | None:
    # As bits, for -0.0 is not 0.0.
    unequal = record.rewards.view(np.uint32) != replayed.rewards.view(np.uint32)
    return int(unequal.argmax()) if unequal.any() else None


def _differences(record: EpisodeRecord, replayed: Trajectory) -> list[str]:
    """Say what differs: the first reward, the return, the score, the success."""
    assert replayed.successes is not None
    compared = [
        ("return", replayed.episode_return, record.episode_return),
        ("score", replayed.score, record.score),
        ("success", bool(replayed.successes[-1]), record.success),
    ]
    if (first := _first_difference(record, replayed)) is not None:
        compared.insert(0, (f"reward {first}", replayed.rewards[first], record.rewards[first]))
    return [
        f"{name} is {found} in the replay and {recorded} in the record"
        for name, found, recorded in compared
        if found != recorded or name.startswith("reward")
    ]
