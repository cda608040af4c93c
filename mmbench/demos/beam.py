"""Beam search over a whole episode, for games that always begin in one state and know no chance."""

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from mmbench.env import TaskEnv
from mmbench.registry import get_task, load_simulator
from mmbench.simulator import FloatArray, SimState

_MOVES = np.array(list(product((1.0,), (-0.75, -0.25, 0.25, 0.75), (-1.0, 1.0))), np.float32)
"""The stick on each of the diagonals, with and without fire, as actions (radius, angle, fire)."""
_LIFE = 0.05
"""What a life is worth on the way, as a share of the range of scores."""
_HELD = 5
"""Env steps that a move is held after its first, on average."""


@dataclass(frozen=True, kw_only=True)
class BeamSettings:
    """How a game is searched.

    Attributes:
        width: Ways to play that are kept side by side.
        num_branches: Random continuations of each.
        stretch: Env steps of a continuation.
    """

    width: int = 32
    num_branches: int = 8
    stretch: int = 20

    def scaled(self, budget: float) -> "BeamSettings":
        """Return these settings with `budget` times the continuations."""
        return BeamSettings(
            width=self.width,
            num_branches=max(2, round(budget * self.num_branches)),
            stretch=self.stretch,
        )


@dataclass(frozen=True)
class _Way:
    """A way to play from the start to some state.

    Attributes:
        score: Rewards on the way.
        value: The score, and what the lives that are left are worth.
        state: Where it ends.
        memory: The console's there.
        moves: Of the last stretch, shape `(num_steps, action_dim)`.
        before: The way up to there.
    """

    score: float
    value: float
    state: SimState
    memory: bytes
    moves: FloatArray
    before: "_Way | None"

    def actions(self) -> FloatArray:
        """Return all actions, shape `(num_steps, action_dim)`."""
        parts, way = [], self
        while way.before is not None:
            parts.append(way.moves)
            way = way.before
        return np.concatenate(parts[::-1])


class BeamPlayer:
    """Plays one of the ways that a search has found, about equally good; the seed says which."""

    def __init__(self, env: TaskEnv, settings: BeamSettings) -> None:
        ways = _search(env.task.id, settings)
        assert env.episode_seed is not None
        self._actions = ways[env.episode_seed % len(ways)]

    def __call__(self, env: TaskEnv) -> FloatArray:
        """Return the next action, shape `(action_dim,)`."""
        return self._actions[env.env_steps]


@cache
def _search(task: str, settings: BeamSettings) -> list[FloatArray]:
    """Return the best ways to play a task's episode, each of shape `(max_episode_steps, A)`.

    Every way that is kept goes on in several random directions; of all ends the most valuable are
    kept, and of equal consoles one.
    """
    spec = get_task(task)
    model: Any = load_simulator(spec, pictures=False)
    rng = np.random.default_rng(0)
    life = _LIFE * (spec.score.high - spec.score.low)
    model.reset(rng)
    start = _Way(0.0, 0.0, model.get_state(), b"", _MOVES[:0], None)
    kept, step = [start], 0
    while step < spec.max_episode_steps:
        length = min(settings.stretch, spec.max_episode_steps - step)
        num_branches = settings.width * settings.num_branches // len(kept)
        ends = [
            _continued(model, way, _random_moves(rng, length), life)
            for way in kept
            for _ in range(num_branches)
        ]
        order = rng.permutation(len(ends))  # equals come in any order
        distinct: dict[bytes, _Way] = {}
        for way in sorted((ends[i] for i in order), key=lambda way: -way.value):
            distinct.setdefault(way.memory, way)
        kept = list(distinct.values())[: settings.width]
        step += length
    model.close()
    return [way.actions() for way in sorted(kept, key=lambda way: -way.score)]


def _random_moves(rng: np.random.Generator, length: int) -> FloatArray:
    """Return random moves, each held for a while, shape `(length, action_dim)`."""
    moves: list[FloatArray] = []
    while len(moves) < length:
        moves += [_MOVES[rng.integers(len(_MOVES))]] * (1 + int(rng.geometric(1 / _HELD)))
    return np.stack(moves[:length])


def _continued(model: Any, way: _Way, moves: FloatArray, life: float) -> _Way:
    model.set_state(way.state)
    score = way.score + sum(model.step(move).reward for move in moves)
    value = score + life * model.ale.lives()
    return _Way(score, value, model.get_state(), model.ale.getRAM().tobytes(), moves, way)
