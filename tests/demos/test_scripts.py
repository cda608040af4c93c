"""Scripted experts, and which of their episodes are good."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import mmbench
from mmbench.demos.dataset import BEST_RETURNS, is_good
from mmbench.demos.expert import build_expert
from mmbench.demos.practice import can_be_labelled
from mmbench.demos.scripted.metaworld import OWN as METAWORLD_SCRIPTS
from mmbench.env import TaskEnv
from mmbench.seeding import demonstration_seed


def _play(env: TaskEnv, index: int) -> tuple[float, dict[str, Any]]:
    """Return what the task's script earns in an episode, and the last step's info."""
    env.reset(seed=demonstration_seed(env.task.id, index))
    act = build_expert(env, "scripted")
    total, is_over, info = 0.0, False, {}
    while not is_over:
        _, reward, _, is_over, info = env.step(act(env))
        total += reward
    return total, info


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
    num_episodes = 1 if name.startswith(("ms", "atari")) else 4
    returns = [_play(env, index)[0] for index in range(num_episodes)]
    env.close()
    assert np.mean(returns) >= least
    assert can_be_labelled(env.task)


@pytest.mark.parametrize("name", sorted(METAWORLD_SCRIPTS))
def test_metaworld_scripts_are_functions_of_the_state_and_come_back(name: str) -> None:
    env = TaskEnv(name)
    successes = 0
    for index in range(2):
        env.reset(seed=demonstration_seed(name, 500 + index))
        rng = np.random.default_rng(index)
        first = build_expert(env, "scripted")
        is_over, is_success = False, False
        while not is_over:
            action = first(env)
            if env.env_steps < 5:
                action = rng.uniform(-1, 1, action.shape).astype(np.float32)
            elif env.env_steps % 10 == 0:  # one that has seen nothing of the episode says the same
                np.testing.assert_array_equal(build_expert(env, "scripted")(env), action)
            _, _, _, is_over, info = env.step(action)
            is_success = bool(info["success"])
        successes += is_success
    env.close()
    assert successes >= 1


@pytest.mark.parametrize(
    "name", ["ms-pull-cube-tool", "ms-pick-fork", "ms-pick-knife", "ms-pick-spoon", "ms-pick-mug"]
)
def test_hands_hold_thin_and_hollow_things_and_reach_with_a_tool(name: str) -> None:
    env = TaskEnv(name)
    scores = [_play(env, 500 + index)[1]["score"] for index in range(6)]
    env.close()
    assert sum(scores) >= 4


@pytest.mark.parametrize(
    ("name", "folded"), [("reacher-hard", (0.0, 2.79)), ("reacher-three-easy", (0.0, -1.4, -1.4))]
)
def test_a_folded_arm_unfolds(name: str, folded: tuple[float, ...]) -> None:
    env = TaskEnv(name)
    env.reset(seed=0)
    simulator: Any = env.simulator
    with simulator.physics.reset_context():
        simulator.physics.data.qpos[:] = folded
    act = build_expert(env, "scripted")
    rewards = [env.step(act(env))[1] for _ in range(200)]
    assert min(rewards[-50:]) == 2.0  # of two inner steps: the finger is in the target
    env.close()


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
