"""Search through whole episodes of games."""

import numpy as np

from mmbench.demos import beam
from mmbench.demos.beam import BeamPlayer, BeamSettings
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord, record_episode

GAME = "atari-gopher"
SMALL = BeamSettings(width=3, num_branches=3, stretch=40)


def played(env: TaskEnv, seed: int, settings: BeamSettings = SMALL) -> EpisodeRecord:
    env.reset(seed=seed)
    return record_episode(env, BeamPlayer(env, settings), agent="search")


def test_what_was_found_is_played_and_beats_chance() -> None:
    env = TaskEnv(GAME)
    ways = beam._search(GAME, SMALL)
    assert len(ways) == SMALL.width
    assert len({way.tobytes() for way in ways}) == SMALL.width
    records = [played(env, seed) for seed in range(4)]
    for way, record in zip([*ways, ways[0]], records, strict=True):
        np.testing.assert_array_equal(record.actions, way)
    # The best end comes first; random actions return 276 on average.
    assert records[0].episode_return == max(record.episode_return for record in records) >= 600
    env.close()


def test_a_search_finds_the_same_again_and_more_with_a_larger_budget() -> None:
    ways = beam._search(GAME, SMALL)
    again = beam._search.__wrapped__(GAME, SMALL)
    for way, other in zip(ways, again, strict=True):
        np.testing.assert_array_equal(way, other)
    assert SMALL.scaled(2.0).num_branches == 6
    assert SMALL.scaled(0.01).num_branches == 2
