"""How well demonstrations can be learned from: a small network per task clones them, and plays."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pydantic

from mmbench.checks import at_least
from mmbench.demos.clock import NUM_ENTRIES, Clock, clock_rates, timed
from mmbench.demos.dataset import MIN_SHARE_OF_BEST, is_by_practising, load, practising_experts
from mmbench.dependencies import needed_for
from mmbench.env import TaskEnv
from mmbench.errors import RunError
from mmbench.files import locked, read_limited, replacing
from mmbench.pool import worker_pool
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.registry import distinct_tasks, get_task
from mmbench.seeding import training_seed
from mmbench.simulator import FloatArray
from mmbench.tables import Table

if TYPE_CHECKING:
    import torch

DEFAULT_UPDATES = 10_000
DEFAULT_EPISODES = 3
_WIDTH, _BATCH_SIZE, _LEARNING_RATE = 256, 256, 1e-3
_MIN_STD, _CLIP = 1e-3, 5.0
_MAX_BYTES = 2**20
_Kind = TypeVar("_Kind")


@dataclass(frozen=True, kw_only=True)
class Learnability:
    """What cloning one task's demonstrations has brought.

    Attributes:
        task: The task.
        expert: Who played the demonstrations.
        has_labels: Whether there is practice with labels.
        num_steps: Env steps that were cloned.
        demo_score: Mean score of the demonstrations that were cloned.
        clone_score: Mean score of the clone's episodes.
        clone_scores: Their scores.
    """

    task: str
    expert: str
    has_labels: bool
    num_steps: int
    demo_score: float
    clone_score: float
    clone_scores: tuple[float, ...]


def learnability(
    tasks: Sequence[str],
    *,
    out: Path | str,
    path: Path | str | None = None,
    updates: int = DEFAULT_UPDATES,
    episodes: int = DEFAULT_EPISODES,
    workers: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> list[Learnability]:
    """Clone every task's demonstrations and practice with a network of its own, and let it play.

    The network: two hidden layers of 256, ReLU, tanh at the end; observations normalised by the
    data's mean and standard deviation, and a clock beside them where the expert walks to a rhythm;
    squared error to the expert's actions; AdamW at a rate that falls to 0, batches of 256.
    Demonstrations that score less than half of their task's best are left out. It plays on training
    seeds.

    Args:
        tasks: Task ids.
        out: Folder for one JSON file per task; tasks that are there are not repeated.
        path: Demonstrations; default those that ship.
        updates: Gradient steps per task.
        episodes: Episodes that every clone plays.
        workers: Worker processes; default one per core; 0 works in this process.
        on_progress: Called as tasks are finished.

    Raises:
        RunError: If `out` holds a run with other settings.
        DependencyError: If torch is not installed.
    """
    at_least(1, updates=updates, episodes=episodes)
    with needed_for("cloning demonstrations", "training"):
        import torch  # noqa: F401  # told here, before workers start
    out = Path(out)
    settings = {"updates": updates, "episodes": episodes, "path": str(path) if path else None}
    found: dict[str, Learnability] = {}
    with locked(out):
        _check_settings(out / "settings.json", settings)
        names = [spec.id for spec in distinct_tasks(tasks)]
        for name in names:
            if (out / f"{name}.json").exists():
                found[name] = _read(out / f"{name}.json", Learnability)
        todo = [name for name in names if name not in found]

        def keep(result: Learnability) -> None:
            with replacing(out / f"{result.task}.json") as partial:
                partial.write_text(json.dumps(asdict(result), indent=2) + "\n")
            found[result.task] = result
            note = f"{result.task} {result.demo_score:.2f}, its clone {result.clone_score:.2f}"
            on_progress(Progress("cloning tasks", len(found), len(names), note))

        on_progress(Progress("cloning tasks", len(found), len(names)))
        if workers == 0:
            for name in todo:
                keep(_clone(name, path, updates, episodes))
        elif todo:
            with worker_pool(min(workers or os.cpu_count() or 1, len(todo))) as pool:
                for job in as_completed(
                    [pool.submit(_clone, name, path, updates, episodes) for name in todo]
                ):
                    keep(job.result())
    return [found[name] for name in names]


def read_learnability(file: Path | str) -> list[Learnability]:
    """Read what `mmbench demos learnability --json` printed.

    Raises:
        RunError: If it cannot be read.
    """
    return _read(Path(file), list[Learnability])


def learnability_table(results: Sequence[Learnability]) -> Table:
    """One row per task, and one for the mean."""
    rows = [
        (
            result.task,
            result.expert,
            "yes" if result.has_labels else "no",
            str(result.num_steps),
            f"{result.demo_score:.3f}",
            f"{result.clone_score:.3f}",
        )
        for result in results
    ]
    demo = float(np.mean([result.demo_score for result in results]))
    clone = float(np.mean([result.clone_score for result in results]))
    num_steps = sum(result.num_steps for result in results)
    rows.append((f"{len(results)} tasks", "", "", str(num_steps), f"{demo:.3f}", f"{clone:.3f}"))
    header = ("task", "expert", "labels", "env steps", "demonstrations", "clone")
    return Table(header, tuple(rows))


def _read(file: Path, kind: type[_Kind]) -> _Kind:
    try:
        return pydantic.TypeAdapter(kind).validate_json(read_limited(file, _MAX_BYTES, RunError))
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}") from error
    except pydantic.ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise RunError(f"{file} cannot be read: {reason}") from error


def _check_settings(file: Path, settings: dict[str, Any]) -> None:
    if not file.exists():
        with replacing(file) as partial:
            partial.write_text(json.dumps(settings, indent=2) + "\n")
    elif _read(file, dict[str, Any]) != settings:
        raise RunError(f"{file.parent} holds a run with other settings; choose another --out")


def _clone(name: str, path: Path | str | None, updates: int, episodes: int) -> Learnability:
    """Clone one task; runs in a worker."""
    import torch

    torch.set_num_threads(1)
    demonstrations = load([name], path=path, has_practice=True)
    trajectories = list(demonstrations)
    scores = [t.score or 0.0 for t in trajectories if t.labels is None]
    least = MIN_SHARE_OF_BEST * max(scores)
    experts = practising_experts(demonstrations.records)
    cloned = [
        t
        for t, record in zip(trajectories, demonstrations.records, strict=True)
        if t.labels is not None or ((t.score or 0.0) >= least and is_by_practising(record, experts))
    ]
    obs_dim = get_task(name).obs_dim + NUM_ENTRIES
    rates = clock_rates([name], obs_dim)
    obs = np.concatenate([timed(t.observations[:-1], rates[0], obs_dim) for t in cloned])
    label = np.concatenate([t.expert_actions for t in cloned])
    policy = _train(obs, label, updates)
    env = TaskEnv(name)
    try:
        played = tuple(
            _play(env, policy, rates, training_seed(name, 0, index)) for index in range(episodes)
        )
    finally:
        env.close()
    return Learnability(
        task=name,
        expert=", ".join(sorted({record.agent for record in demonstrations.records})),
        has_labels=any(t.labels is not None for t in trajectories),
        num_steps=len(obs),
        demo_score=float(np.mean([score for score in scores if score >= least])),
        clone_score=float(np.mean(played)),
        clone_scores=played,
    )


def _train(obs: FloatArray, label: FloatArray, updates: int) -> "torch.nn.Module":
    """Return a network that answers normalised observations `(B, O)` with actions `(B, A)`."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    inputs, targets = torch.from_numpy(obs), torch.from_numpy(label)
    mean, std = inputs.mean(0), inputs.std(0).clamp(min=_MIN_STD)

    class Normalise(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return ((x - mean) / std).clamp(-_CLIP, _CLIP)

    policy = nn.Sequential(
        Normalise(),
        *(nn.Linear(obs.shape[1], _WIDTH), nn.ReLU()),
        *(nn.Linear(_WIDTH, _WIDTH), nn.ReLU()),
        *(nn.Linear(_WIDTH, label.shape[1]), nn.Tanh()),
    )
    optimizer = torch.optim.AdamW(policy.parameters(), lr=_LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=updates)
    generator = torch.Generator().manual_seed(0)
    for _ in range(updates):
        rows = torch.randint(len(inputs), (_BATCH_SIZE,), generator=generator)
        loss = (policy(inputs[rows]) - targets[rows]).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    return policy


def _play(env: TaskEnv, policy: "torch.nn.Module", rates: FloatArray, seed: int) -> float:
    """Return the score of an episode that a network plays, with a clock if its rate is not 0."""
    import torch

    clock, room = Clock(rates), NUM_ENTRIES * int(rates.any())
    _, info = env.reset(seed=seed)
    is_first, is_over = np.array([True]), False
    with torch.no_grad():
        while not is_over:
            seen = clock(np.pad(env.last_state, (0, room))[None], is_first)
            action = policy(torch.from_numpy(seen))[0].numpy()
            _, _, _, is_over, info = env.step(action)
            is_first[:] = False
    return float(info["score"])
