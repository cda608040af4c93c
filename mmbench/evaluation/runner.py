"""Plays the evaluation episodes of an agent and writes a result directory."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmbench.agent import AgentFactory, Privileged, build_agent, find_agent
from mmbench.checks import at_least, between
from mmbench.cluster import JobBackend, check_backend
from mmbench.env import IMAGE_SIZE, MAX_IMAGE_SIZE, ObsType
from mmbench.episodes import EpisodeRecord, EpisodeWriter
from mmbench.errors import ResultError, UsageError
from mmbench.evaluation.jobs import Player, play_as_jobs
from mmbench.evaluation.manifest import (
    FILE_NAME,
    Manifest,
    new_manifest,
    read_manifest,
    write_manifest,
)
from mmbench.evaluation.match import Match
from mmbench.evaluation.privileged import play_privileged
from mmbench.evaluation.result import Result, incomparable, load_result
from mmbench.files import locked
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import choose_tasks, get_task
from mmbench.seeding import evaluation_seed
from mmbench.vector import MultitaskVectorEnv
from mmbench.versions import utc_now

DEFAULT_EPISODES = 10
_MIN_SLOTS = 16


def evaluate(
    agent: str | AgentFactory | Privileged,
    *,
    suite: str | None = None,
    tasks: Sequence[str] | None = None,
    episodes: int = DEFAULT_EPISODES,
    out: Path | str,
    seed: int = 0,
    workers: int | None = None,
    checkpoint: str | None = None,
    device: str = "cpu",
    obs_type: ObsType = "state",
    image_size: int = IMAGE_SIZE,
    options: Mapping[str, Any] | None = None,
    backend: JobBackend = "process",
    address: str | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Result:
    """Play `episodes` evaluation episodes of every task and return the result.

    Finished episodes are on disk at once; the same call continues where it was stopped.

    Args:
        agent: Name of an installed agent, `module:factory`, or a factory. One that is `Privileged`
            plays an episode at a time per worker, and sees the environment.
        suite: Name of a suite; exactly one of `suite` and `tasks` is given.
        tasks: Task ids.
        episodes: Episodes per task; episode i has the seed `evaluation_seed(task, i)`.
        out: The result directory.
        seed: Given to the agent. The episodes' seeds do not depend on it.
        workers: Worker processes; default one per core; 0 plays in this process. With `ray`, jobs
            that are played at once; default one per core of the cluster.
        checkpoint: Given to the agent.
        device: Given to the agent.
        obs_type: What the agent sees.
        image_size: Height and width of its pictures.
        options: More keyword arguments for the agent's factory.
        backend: `process` plays on this machine, `ray` sends whole episodes into a Ray cluster, as
            jobs of up to 10 episodes of a task; the agent is then given by its name.
        address: Of the cluster, with `ray`: `host:port` or `auto`; default what `RAY_ADDRESS` says,
            else a cluster of this machine alone.
        on_progress: Called now and then: environments while they are built, env steps while
            episodes are played.

    Raises:
        ResultError: If `out` holds the result of something else.
        AgentError: If the agent answers with something that is not an action.
        UsageError: If the arguments do not go together, or no cluster answers at `address`.
    """
    at_least(1, episodes=episodes)
    at_least(0, seed=seed, workers=workers)
    between(1, MAX_IMAGE_SIZE, image_size=image_size)
    task_ids = choose_tasks(tasks, suite)
    check_backend(backend, address, workers)
    if backend == "ray" and not isinstance(agent, str):
        raise UsageError(
            "the ray backend needs the agent's name or module:factory, not an object: agents are "
            "built where they play"
        )
    factory = find_agent(agent) if isinstance(agent, str) else agent
    is_privileged = isinstance(factory, Privileged)
    if is_privileged and obs_type != "state":
        raise UsageError("a privileged agent sees the environment itself; leave obs_type as it is")
    name = agent if isinstance(agent, str) else _name_of(agent)
    out = Path(out)
    _check_folder(out)
    with locked(out):
        manifest = _open(
            out,
            new_manifest(
                agent=name,
                agent_options=dict(options or {}),
                checkpoint=checkpoint,
                suite=suite,
                tasks=task_ids,
                num_episodes=episodes,
                seed=seed,
                is_privileged=is_privileged,
            ),
        )
        done = load_result(out)
        left = _episodes_left(task_ids, episodes, done.episodes)
        writer = EpisodeWriter(out / "episodes")
        tally = _Tally(left, len(done.episodes), on_progress)

        def keep(records: Sequence[EpisodeRecord]) -> None:
            writer.add(records)
            tally.add_episodes(len(records))

        given: dict[str, Any] = {
            "name": name,
            "checkpoint": checkpoint,
            "device": device,
            "seed": seed,
            "options": options or {},
        }
        if left and isinstance(factory, Privileged):
            play_privileged(
                factory,
                given,
                left,
                writer,
                workers=workers,
                backend=backend,
                address=address,
                num_done=len(done.episodes),
                on_progress=on_progress,
            )
        elif left and backend == "process":
            assert not isinstance(factory, Privileged)
            slots = _plan_slots(left)
            built = build_agent(factory, slots, **given)
            envs = MultitaskVectorEnv(
                slots,
                num_workers=workers,
                obs_type=obs_type,
                image_size=image_size,
                on_progress=on_progress,
            )
            try:
                Match(envs, built, name, left, keep=keep, on_env_steps=tally.add_env_steps).play()
            finally:
                envs.close()
        elif left:
            player = Player(
                agent=name,
                checkpoint=checkpoint,
                checkpoint_sha256=manifest.checkpoint_sha256,
                device=device,
                seed=seed,
                options=options or {},
                obs_type=obs_type,
                image_size=image_size,
                simulators=manifest.simulators,
            )
            play_as_jobs(
                player,
                left,
                workers=workers,
                backend=backend,
                address=address,
                keep=keep,
                on_env_steps=tally.add_env_steps,
            )
        writer.compact()
        write_manifest(manifest.model_copy(update={"finished": utc_now()}), out)
        return load_result(out)


def _name_of(agent: AgentFactory | Privileged) -> str:
    function: Any = agent.make if isinstance(agent, Privileged) else agent
    return f"{function.__module__}:{function.__qualname__}"


class _Tally:
    """Counts what was played, for the progress bar."""

    def __init__(
        self, left: Mapping[str, Sequence[int]], num_done: int, on_progress: OnProgress
    ) -> None:
        self._on_progress = on_progress
        self._env_steps = 0
        self._num_episodes = num_done
        self._total_env_steps = sum(
            len(seeds) * get_task(task).max_episode_steps for task, seeds in left.items()
        )
        self._total_episodes = num_done + sum(map(len, left.values()))

    def add_env_steps(self, number: int) -> None:
        self._env_steps += number
        self._show()

    def add_episodes(self, number: int) -> None:
        self._num_episodes += number
        self._show()

    def _show(self) -> None:
        note = f"episode {self._num_episodes} of {self._total_episodes}"
        self._on_progress(
            Progress("playing env steps", self._env_steps, self._total_env_steps, note)
        )


def _check_folder(out: Path) -> None:
    """Raise `ResultError` if there is something else where the result is to go."""
    if out.is_dir():
        is_foreign = not (out / FILE_NAME).exists() and any(
            not path.name.startswith(".") for path in out.iterdir()
        )
    else:
        is_foreign = out.exists()
    if is_foreign:
        raise ResultError(f"{out} exists and is not a result directory; choose another --out")


def _open(out: Path, planned: Manifest) -> Manifest:
    """Start a result directory, or continue the one that is there."""
    if not (out / FILE_NAME).exists():
        (out / "episodes").mkdir(parents=True, exist_ok=True)
        write_manifest(planned, out)
        return planned
    found = read_manifest(out)
    for field in ("agent", "agent_options", "checkpoint_sha256", "seed"):
        if getattr(found, field) != getattr(planned, field):
            raise ResultError(
                f"{out} holds a result with {field} {getattr(found, field)!r}, not "
                f"{getattr(planned, field)!r}; choose another --out"
            )
    if (reason := incomparable(found, planned)) is not None:
        raise ResultError(f"{out}: {reason}; choose another --out")
    if found.tasks != planned.tasks or found.num_episodes != planned.num_episodes:
        raise ResultError(
            f"{out} holds {found.num_episodes} episodes of {len(found.tasks)} tasks, the command "
            f"asks for {planned.num_episodes} of {len(planned.tasks)}; choose another --out"
        )
    return found


def _episodes_left(
    tasks: Sequence[str], num_episodes: int, done: Sequence[EpisodeRecord]
) -> dict[str, list[int]]:
    finished = {episode.key for episode in done}
    left = {
        task: [
            seed
            for seed in (evaluation_seed(task, index) for index in range(num_episodes))
            if (task, seed) not in finished
        ]
        for task in tasks
    }
    return {task: seeds for task, seeds in left.items() if seeds}


def _plan_slots(left: Mapping[str, Sequence[int]]) -> list[str]:
    """Return a task per slot so that all slots finish at about the same time.

    All slots step together, so the longest row of episodes in one slot decides how often: tasks
    with long episodes get more slots, as long as there are no more slots than tasks (or 16).
    """
    lengths = {task: get_task(task).max_episode_steps for task in left}

    def num_slots(task: str, rounds: int) -> int:
        return math.ceil(len(left[task]) / (rounds // lengths[task]))

    limit = max(len(left), _MIN_SLOTS)
    most_episodes = max(map(len, left.values()))
    longest = max(lengths.values())
    multiples = {k * n for n in lengths.values() for k in range(1, most_episodes + 1)}
    candidates = {max(longest, rounds) for rounds in multiples}
    rounds = next(
        rounds
        for rounds in sorted(candidates)
        if sum(num_slots(task, rounds) for task in left) <= limit
    )
    return [task for task in left for _ in range(num_slots(task, rounds))]
