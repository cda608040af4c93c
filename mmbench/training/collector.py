"""Plays the environments of a run, and hands over every episode when it ends."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmbench import FloatArray, MultitaskVectorEnv, make_vec
from mmbench.demos.clock import Clock, timed
from mmbench.errors import UsageError
from mmbench.seeding import training_seed
from mmbench.training.journal import Episode
from mmbench.vision import ImageEncoder

OnEpisode = Callable[[int, Episode, float], None]
"""Called with the number of a task, an episode of it, and its score."""


class Seen(NamedTuple):
    """What the slots see.

    Attributes:
        states: Padded observations, shape `(E, O)`.
        features: Of their images, shape `(E, F)`, or `None`.
        first: Whether an episode begins, shape `(E,)`.
    """

    states: FloatArray
    features: FloatArray | None
    first: NDArray[np.bool_]


class Collector(AbstractContextManager["Collector"]):
    """Some environments per task, played step by step; open while it is used in a `with` block.

    Every episode has a seed of its own, which follows from the run's, the task, the copy and how
    many episodes came before. An episode that a worker took with it is dropped.

    Args:
        tasks: Task ids of the run.
        own: Numbers of the tasks that are played here.
        copies: Environments per task.
        seed: Of the run.
        obs_type: What environments show.
        workers: Worker processes; 0 plays in this process.
        images: Makes features of images; without it there are none.
        on_episode: Called with every whole episode.
        clock_rates: Of the tasks' clocks, which are then shown, shape `(K,)`; none by default.

    Attributes:
        slot_task: Numbers of the slots' tasks, shape `(E,)`.
        seen: What the slots see now.
        all_begin: Whether all slots begin an episode at once: what follows is then a function of
            `episodes_begun`, and a run can go on from here.
        is_aligned: Whether that will come again by itself. A worker that was lost makes its slots
            begin at another time than the others; `begin_anew` then.
    """

    seen: Seen
    _sent: FloatArray

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        own: Sequence[int],
        copies: int,
        seed: int,
        obs_type: Literal["state", "state+rgb"],
        workers: int,
        images: ImageEncoder | None,
        on_episode: OnEpisode,
        clock_rates: FloatArray | None = None,
    ) -> None:
        self.slot_task = np.repeat(np.asarray(own, np.int64), copies)
        self.all_begin = self.is_aligned = True
        self._tasks = tasks
        self._copies, self._seed = copies, seed
        self._obs_type, self._workers = obs_type, workers
        self._images = images
        self._on_episode = on_episode
        self._begun = np.zeros(len(self.slot_task), np.int64)
        rates = np.zeros(len(tasks), np.float32) if clock_rates is None else clock_rates
        self._clock_rate = rates[self.slot_task]
        self._clock = Clock(self._clock_rate)
        self._envs: MultitaskVectorEnv | None = None
        self._episodes: list[_EpisodeNow] = []

    @property
    def num_slots(self) -> int:
        """Environments that are played here."""
        return len(self.slot_task)

    @property
    def step_s(self) -> float:
        """Seconds that a step takes the slowest worker, as measured while it runs."""
        assert self._envs is not None
        seconds = self._envs.step_seconds
        return max(float(seconds[slots].sum()) for slots in self._envs.groups)

    def episodes_begun(self) -> list[int]:
        """Return how many episodes of each slot came before those that `all_begin` now."""
        # Those that run now have begun, and the one after each is queued.
        return np.maximum(self._begun - 2, 0).tolist()

    def restore(self, episodes_begun: Sequence[int]) -> None:
        """Go on after what `episodes_begun` returned; before `with`."""
        self._begun = np.array(episodes_begun, np.int64)

    def __enter__(self) -> "Collector":
        """Build the environments and begin an episode in each."""
        own = self.slot_task[:: self._copies]
        self._envs = make_vec(
            [self._tasks[number] for number in own],
            copies=self._copies,
            num_workers=self._workers,
            obs_type=self._obs_type,
        )
        self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the environments."""
        assert self._envs is not None
        self._envs.close()

    def begin_anew(self) -> None:
        """Begin the next episode in every slot; those that run now are dropped."""
        self._begun -= 1  # the one that was queued was not begun
        self._begin()

    def _begin(self) -> None:
        assert self._envs is not None
        slots = range(self.num_slots)
        obs, _ = self._envs.reset(seed=[self._next_seed(slot) for slot in slots])
        self._queue_seeds(slots)
        states, features = observed(obs, self._images)
        first = np.ones(self.num_slots, bool)
        self.seen = Seen(self._clock(states, first), features, first)
        self._episodes = [_EpisodeNow(row) for row in _rows(states, features)]
        self.all_begin = self.is_aligned = True

    def step(self, actions: FloatArray) -> None:
        """Play padded actions, shape `(E, A)`; `seen` and `all_begin` are then the next ones."""
        self.send(actions)
        self.receive()

    def send(self, actions: FloatArray) -> None:
        """Let workers play padded actions, shape `(E, A)`, and return at once; then `receive`."""
        assert self._envs is not None
        self._sent = actions
        self._envs.step_async(actions)

    def receive(self) -> None:
        """Wait for what was sent; `seen` and `all_begin` are then the next ones."""
        assert self._envs is not None
        actions = self._sent
        obs, rewards, _, truncated, info = self._envs.step_wait()
        states, features = observed(obs, self._images)
        rows = _rows(states, features)
        reached = list(rows)
        ended = np.flatnonzero(truncated).tolist()
        if ended:
            last = _of_slots(info["final_obs"], ended)
            for slot, row in zip(ended, _rows(*observed(last, self._images)), strict=True):
                reached[slot] = row
        for slot, episode in enumerate(self._episodes):
            episode.add(actions[slot], float(rewards[slot]), reached[slot])
        if ended:
            restarted, scores = (info["final_info"][k] for k in ("worker_restarted", "score"))
            self.is_aligned &= not restarted[ended].any()
            for slot in ended:
                if not restarted[slot]:
                    played = self._episodes[slot].arrays()
                    rate, obs_dim = float(self._clock_rate[slot]), states.shape[1]
                    played["obs"] = timed(played["obs"], rate, obs_dim)
                    self._on_episode(int(self.slot_task[slot]), played, float(scores[slot]))
                self._episodes[slot] = _EpisodeNow(rows[slot])
            self._queue_seeds(ended)
        self.seen = Seen(self._clock(states, truncated), features, truncated)
        self.all_begin = bool(truncated.all())

    def _next_seed(self, slot: int) -> int:
        name = self._tasks[self.slot_task[slot]]
        seed = training_seed(name, self._seed, slot % self._copies) + int(self._begun[slot])
        self._begun[slot] += 1
        return seed

    def _queue_seeds(self, slots: Iterable[int]) -> None:
        assert self._envs is not None
        for slot in slots:
            self._envs.set_next_seed(slot, self._next_seed(slot))


def observed(obs: Any, images: ImageEncoder | None) -> tuple[FloatArray, FloatArray | None]:
    """Return states `(E, O)` and image features `(E, F)` of an environment's observations.

    Raises:
        UsageError: If images are needed and there are none.
    """
    if images is None:
        return obs["state"] if isinstance(obs, dict) else obs, None
    if not isinstance(obs, dict):
        raise UsageError("the model sees pictures; give --obs state+rgb")
    return obs["state"], images.features(obs["rgb"])


_Row = tuple[FloatArray, FloatArray | None]
"""A state and the features of its image."""


def _rows(states: FloatArray, features: FloatArray | None) -> list[_Row]:
    if features is None:
        return [(state, None) for state in states]
    return list(zip(states, features, strict=True))


def _of_slots(obs: Any, slots: Sequence[int]) -> Any:
    """Return the observations of some slots, of one array or of several by name."""
    if isinstance(obs, dict):
        return {name: rows[slots] for name, rows in obs.items()}
    return obs[slots]


class _EpisodeNow:
    """An episode while it is played."""

    def __init__(self, first: _Row) -> None:
        self._rows = [first]
        self._actions: list[FloatArray] = []
        self._rewards: list[float] = []

    def add(self, action: FloatArray, reward: float, reached: _Row) -> None:
        self._actions.append(action.copy())
        self._rewards.append(reward)
        self._rows.append(reached)

    def arrays(self) -> Episode:
        """Return the arguments of `Replay.add`."""
        found = {
            "obs": np.stack([state for state, _ in self._rows]),
            "action": np.stack(self._actions),
            "reward": np.array(self._rewards, np.float32),
        }
        features = [feature for _, feature in self._rows if feature is not None]
        return found | ({"feature": np.stack(features)} if features else {})
