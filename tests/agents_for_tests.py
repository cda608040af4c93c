"""Agents that tests name on the command line, good and bad."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from baselines import random


class _Agent:
    def __init__(self, answer: Any, after: int = 0) -> None:
        self._answer = answer
        self._left = after

    def act(self, obs: np.ndarray, *, first: np.ndarray) -> Any:
        self._left -= 1
        if self._left >= 0:
            return np.zeros((len(obs), 16), np.float32)
        return self._answer(len(obs))


def half(tasks: tuple[str, ...], **options: Any) -> _Agent:
    return _Agent(lambda n: np.full((n, 16), 0.5, np.float32))


def wrong_shape(tasks: tuple[str, ...], **options: Any) -> _Agent:
    return _Agent(lambda n: np.zeros((n, 3)))


def words(tasks: tuple[str, ...], **options: Any) -> _Agent:
    return _Agent(lambda n: "left")


def late_nan(tasks: tuple[str, ...], **options: Any) -> _Agent:
    """Plays 250 steps well, then answers NaN: the short episodes are finished by then."""
    return _Agent(lambda n: np.full((n, 16), np.nan, np.float32), after=250)


def picky(tasks: tuple[str, ...], *, checkpoint: Any, device: str, seed: int, level: int) -> _Agent:
    return half(tasks)


class _Stuck:
    """Plays at random, but never ends a step on node `stuck_on` of a cluster.

    It writes down on which node it was built. On another node it waits until one was built there.
    """

    def __init__(self, tasks: tuple[str, ...], *, log: str, stuck_on: str, **options: Any) -> None:
        import ray

        node = ray.get_runtime_context().get_node_id()
        with Path(log).open("a") as file:
            file.write(f"{node}\n")
        while stuck_on not in Path(log).read_text():
            time.sleep(0.05)
        self._is_stuck = node == stuck_on
        self._agent = random.make(tasks, **options)
        self.begin_episodes = self._agent.begin_episodes

    def act(self, obs: np.ndarray, *, first: np.ndarray) -> np.ndarray:
        while self._is_stuck:
            time.sleep(1)
        return self._agent.act(obs, first=first)


stuck = _Stuck
