"""Rollouts that several tests use. Run as a program, it prints digests of a domain's tasks."""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

import gymnasium
import numpy as np

import mmbench
from mmbench.env import TaskEnv


@contextmanager
def made(task_id: str, **options: object) -> Iterator[TaskEnv]:
    """An environment made as users make it."""
    with closing(gymnasium.make(f"mmbench/{task_id}", **options)) as env:
        unwrapped = env.unwrapped
        assert isinstance(unwrapped, TaskEnv)
        yield unwrapped


def random_actions(env: TaskEnv, num_steps: int, seed: int) -> np.ndarray:
    """Uniform actions, float32, shape `(num_steps, A)`."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (num_steps, env.task.action_dim)).astype(np.float32)


def play(env: TaskEnv, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Step with the actions; return observations `(T, O)` and rewards `(T,)`."""
    steps = [env.step(action) for action in actions]
    return np.stack([step[0] for step in steps]), np.array([step[1] for step in steps])


def episode(
    env: TaskEnv, seed: int, num_steps: int, action_seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Reset and play random actions; observations begin with the reset's."""
    first, _ = env.reset(seed=seed)
    observations, rewards = play(env, random_actions(env, num_steps, action_seed))
    return np.concatenate([first[None], observations]), rewards


def digest(env: TaskEnv, num_steps: int = 20) -> str:
    """A fingerprint of a short episode."""
    observations, rewards = episode(env, seed=7, num_steps=num_steps)
    return hashlib.sha256(observations.tobytes() + rewards.tobytes()).hexdigest()


def domain_digests(domain: str) -> dict[str, str]:
    """Fingerprints of all tasks of a domain."""
    digests = {}
    for spec in mmbench.tasks(domain=domain):
        with made(spec.id) as env:
            digests[spec.id] = digest(env)
    return digests


if __name__ == "__main__":
    print(json.dumps(domain_digests(sys.argv[1])))
