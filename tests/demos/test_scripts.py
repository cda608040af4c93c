"""Scripted experts, and which of their episodes are good."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import mmbench
from mmbench.demos.dataset import BEST_RETURNS, is_good
from mmbench.demos.expert import build_expert
from mmbench.demos.practice import can_be_labelled
from mmbench.env import TaskEnv
from mmbench.seeding import demonstration_seed


# Random play returns 100, 17, 0 and 1 in the first four, and -21, the least there is, in Pong.
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("ms-ant-walk", 900),
        ("ms-ant-run", 700),
        ("lunarlander-land", 150),
        ("pygame-spaceship", 25),
        ("pygame-bird-attack", 7),
        ("pygame-air-hockey", 3),
        ("pygame-rocket-collect", 18),
        ("atari-pong", 5),
    ],
)
def test_scripts_play_well_and_can_be_asked_anywhere(name: str, least: float) -> None:
    env = TaskEnv(name)
    returns = []
    for index in range(1 if name.startswith(("ms", "atari")) else 4):
        env.reset(seed=demonstration_seed(name, index))
        act = build_expert(env, "scripted")
        total, is_over = 0.0, False
        while not is_over:
            _, reward, _, is_over, _ = env.step(act(env))
            total += reward
        returns.append(total)
    env.close()
    assert np.mean(returns) >= least
    assert can_be_labelled(env.task)


def test_where_scores_cannot_tell_the_return_decides() -> None:
    for name, best in BEST_RETURNS.items():
        record = next(iter(mmbench.demos.shipped([name])))
        assert record.score < 0.5
        assert is_good(record)
        length = len(record.rewards)
        for share, expected in ((0.51, True), (0.49, False)):
            rewards = np.full(length, share * best / length, np.float32)
            total = float(rewards.sum(dtype=np.float64))
            score = mmbench.task(name).score.score(total, is_success=False)
            played = dataclasses.replace(record, rewards=rewards, episode_return=total, score=score)
            assert is_good(played) is expected
    assert not is_good(next(iter(mmbench.demos.shipped(["hopper-hop"]))))


def test_the_acrobot_stays_where_its_regulator_holds_it() -> None:
    env = TaskEnv("acrobot-swingup")
    env.reset(seed=0)
    simulator: Any = env.simulator
    physics = simulator.physics
    with physics.reset_context():
        physics.data.qpos[:] = 0.02, -0.03
        physics.data.qvel[:] = 0.0
    act = build_expert(env, "scripted")
    rewards = [env.step(act(env))[1] for _ in range(400)]
    assert min(rewards) == 2.0  # of two inner steps; left alone it falls within a second
    assert np.abs(physics.data.qpos).max() < 1e-3
    env.close()
