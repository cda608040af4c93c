"""Evaluation episodes as jobs: whole episodes are played wherever there is room.

What travels is data: the agent's name, options and the path of its checkpoint go out, finished
records come back. Observations and actions stay where they are played.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from mmbench.agent import Privileged, build_agent, find_agent
from mmbench.cluster import JobBackend, job_pool
from mmbench.env import ObsType
from mmbench.episodes import EpisodeRecord
from mmbench.errors import ResultError
from mmbench.evaluation.manifest import hash_path
from mmbench.evaluation.match import Match
from mmbench.pool import beat
from mmbench.registry import get_task
from mmbench.vector import MultitaskVectorEnv
from mmbench.vector.placement import step_cost
from mmbench.versions import simulator_version

HANG_TIMEOUT_S = 600.0
"""A job that plays no env step for so long is given up and done again."""
MAX_EPISODES_PER_JOB = 10
"""They are played side by side, so that the agent is asked for as many actions at once."""
_JOBS_PER_WORKER = 4


@dataclass(frozen=True, kw_only=True)
class Player:
    """Who plays and what it sees, as data.

    Attributes:
        agent: Name of an installed agent, or `module:factory`.
        checkpoint: Path of its checkpoint, the same on every machine.
        checkpoint_sha256: `hash_path` of it.
        device: Given to the agent.
        seed: Given to the agent.
        options: More keyword arguments for the agent's factory, as JSON knows them.
        obs_type: What it sees.
        image_size: Height and width of its pictures.
        simulators: Versions that the episodes are to be played with, by domain.
    """

    agent: str
    checkpoint: str | None
    checkpoint_sha256: str | None
    device: str
    seed: int
    options: Mapping[str, Any]
    obs_type: ObsType
    image_size: int
    simulators: Mapping[str, str]


def play_as_jobs(
    player: Player,
    left: Mapping[str, Sequence[int]],
    *,
    workers: int | None,
    backend: JobBackend,
    address: str | None,
    keep: Callable[[Sequence[EpisodeRecord]], None],
    on_env_steps: Callable[[int], None],
) -> None:
    """Play the episodes of `left` (seeds per task), and keep what is finished as it comes in.

    Args:
        player: Who plays.
        left: Seeds of the episodes, per task.
        workers: Jobs at once; default one per core.
        backend: Who does the jobs.
        address: Of the cluster.
        keep: Is given the episodes of finished jobs.
        on_env_steps: Is told how many env steps they took.
    """
    num_gpus = 0 if player.device == "cpu" else 1
    with job_pool(
        workers,
        backend=backend,
        address=address,
        num_gpus=num_gpus,
        hang_timeout_s=HANG_TIMEOUT_S,
    ) as pool:
        jobs = iter(plan_jobs(left, pool.num_workers))
        # While one is played the next lies ready; where cores are to be left free, it would begin.
        num_in_flight = pool.num_workers if workers else 2 * pool.num_workers
        running: set[Future[list[EpisodeRecord]]] = set()
        while True:
            room = num_in_flight - len(running)
            running |= {pool.submit(play_job, player, *job) for job in islice(jobs, room)}
            if not running:
                break
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            records = [record for job in finished if not job.exception() for record in job.result()]
            on_env_steps(sum(record.length for record in records))
            keep(records)
            for job in finished:
                job.result()  # raises what went wrong, once the others are kept


def plan_jobs(
    left: Mapping[str, Sequence[int]], num_workers: int
) -> list[tuple[str, tuple[int, ...]]]:
    """Cut the episodes into jobs of one task each, those that take longest first.

    Returns:
        Task and seeds per job. A job has up to `MAX_EPISODES_PER_JOB` episodes, but fewer where
        that would leave a worker less than four jobs.
    """
    num_episodes = sum(map(len, left.values()))
    size = math.ceil(num_episodes / (_JOBS_PER_WORKER * num_workers))
    size = max(1, min(MAX_EPISODES_PER_JOB, size))
    jobs = [
        (task, tuple(seeds[start : start + size]))
        for task, seeds in left.items()
        for start in range(0, len(seeds), size)
    ]

    def seconds(job: tuple[str, tuple[int, ...]]) -> float:
        task, seeds = job
        return len(seeds) * get_task(task).max_episode_steps * step_cost(task)

    return sorted(jobs, key=seconds, reverse=True)


def play_job(player: Player, task: str, seeds: tuple[int, ...]) -> list[EpisodeRecord]:
    """Play some episodes of one task, side by side in this process.

    Raises:
        ResultError: If the simulator or the checkpoint here is another one.
    """
    _check_same(player, task)
    slots = [task] * len(seeds)
    factory = find_agent(player.agent)
    assert not isinstance(factory, Privileged)  # such players have jobs of their own
    agent = build_agent(
        factory,
        slots,
        name=player.agent,
        checkpoint=player.checkpoint,
        device=player.device,
        seed=player.seed,
        options=player.options,
    )
    envs = MultitaskVectorEnv(
        slots, obs_type=player.obs_type, image_size=player.image_size, backend="serial"
    )
    records: list[EpisodeRecord] = []
    try:
        Match(
            envs,
            agent,
            player.agent,
            {task: seeds},
            keep=records.extend,
            on_env_steps=lambda _: beat(),
        ).play()
    finally:
        envs.close()
    return records


def _check_same(player: Player, task: str) -> None:
    """Raise `ResultError` if this machine would not play what was asked for."""
    domain = get_task(task).domain
    here = simulator_version(domain)
    if here != player.simulators[domain.name]:
        raise ResultError(
            f"a worker has {here}, the evaluation was begun with "
            f"{player.simulators[domain.name]}; install the same on every machine"
        )
    if player.checkpoint is None:
        return
    if _hash_of(player.checkpoint) != player.checkpoint_sha256:
        raise ResultError(
            f"checkpoint {player.checkpoint} of a worker is another one; it must be the same on "
            "every machine, for example in a shared folder"
        )


@cache
def _hash_of(checkpoint: str) -> str:
    return hash_path(Path(checkpoint))
