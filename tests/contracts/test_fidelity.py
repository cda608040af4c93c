"""Under uniform random actions every task has the statistics of the original."""

import json
from typing import Any

import numpy as np
import pytest

import mmbench
from mmbench.spec import TaskSpec
from tests.conftest import DATA
from tests.rollouts import made, random_actions

REFERENCE: dict[str, Any] = json.loads((DATA / "random_policy_stats.json").read_text())
# Most standard errors that means may be apart. Every task compares up to 400 numbers.
MAX_Z = 5.0
MAX_RETURN_Z = 4.0
# Where the original differs on purpose: its console keeps some memory over a reset, which the
# contract rules out, and its highway's flash counter never falls without pictures.
STARTS_WITH_OLD_MEMORY = {
    "atari-assault",
    "atari-beamrider",
    "atari-ice-hockey",
    "atari-krull",
    "atari-yars-revenge",
}
MAX_OLD_BYTES = 33
LATCHED_ENTRIES = {"pygame-highway": 4}


def num_episodes(spec: TaskSpec) -> int:
    if spec.domain.name == "atari":
        return 3  # the console differs by the actions alone
    return 5 if spec.domain.name == "robodesk" else 8


compared = [spec for spec in mmbench.tasks() if spec.id in REFERENCE]


def check(spec: TaskSpec, episodes: int) -> None:
    reference = REFERENCE[spec.id]
    returns, scores, starts, means = [], [], [], []
    with made(spec.id) as env:
        for index in range(episodes):
            first, _ = env.reset(seed=1000 + index)
            starts.append(first)
            observations = []
            for action in random_actions(env, spec.max_episode_steps, seed=index):
                obs, _, _, _, info = env.step(action)
                observations.append(obs)
            returns.append(info["return"])
            scores.append(info["score"])
            means.append(np.mean(observations, axis=0, dtype=np.float64))
    sampling = np.sqrt(1 / episodes + 1 / reference["episodes"])

    def assert_near(
        name: str, ours: Any, theirs: Any, spread: Any, max_z: float, rounding: float
    ) -> None:
        theirs = np.asarray(theirs)
        allowed = max_z * sampling * np.asarray(spread) + rounding * (1 + np.abs(theirs))
        difference = np.abs(np.asarray(ours) - theirs)
        assert (difference <= allowed).all(), (name, difference / allowed)

    spread = max(np.std(returns), reference["return_std"])
    assert_near("return", np.mean(returns), reference["return_mean"], spread, MAX_RETURN_Z, 1e-3)
    if spec.score.kind == "return":
        score_spread = spread / (spec.score.high - spec.score.low)
        assert_near(
            "score", np.mean(scores), reference["score_mean"], score_spread, MAX_RETURN_Z, 1e-3
        )
    is_entry = np.arange(spec.obs_dim) != LATCHED_ENTRIES.get(spec.id, -1)
    start_spread = np.maximum(np.std(starts, axis=0), reference["obs0_std"])
    if spec.id in STARTS_WITH_OLD_MEMORY:
        is_entry = np.abs(np.mean(starts, axis=0) - reference["obs0_mean"]) < 1e-3
        assert is_entry.sum() >= spec.obs_dim - MAX_OLD_BYTES
    else:
        assert_near(
            "first obs", np.mean(starts, axis=0), reference["obs0_mean"], start_spread, MAX_Z, 1e-3
        )
    # Entries within an episode hang together: the spread between episodes is at most obs_std.
    obs_spread = np.maximum(np.std(means, axis=0), reference["obs_std"])
    assert_near(
        "obs",
        np.mean(means, axis=0)[is_entry],
        np.array(reference["obs_mean"])[is_entry],
        obs_spread[is_entry],
        MAX_Z,
        2e-3,
    )


@pytest.mark.parametrize("spec", compared, ids=lambda spec: spec.id)
def test_random_play_has_the_statistics_of_the_original(spec: TaskSpec) -> None:
    check(spec, num_episodes(spec))


@pytest.mark.slow
@pytest.mark.parametrize("spec", compared, ids=lambda spec: spec.id)
def test_random_play_has_the_statistics_of_the_original_over_many_episodes(
    spec: TaskSpec,
) -> None:
    check(spec, 60 if spec.domain.name != "atari" else 10)


def test_all_that_the_reference_holds_is_compared() -> None:
    assert {spec.id for spec in compared} == REFERENCE.keys()
    assert len(compared) == 204
