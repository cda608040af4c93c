"""The contract that every task of the registry keeps."""

import json
import math
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import mmbench
from mmbench.errors import ActionError, EpisodeOverError
from mmbench.registry import DOMAINS
from mmbench.spec import TaskSpec
from tests.rollouts import digest, domain_digests, episode, made, play, random_actions

every_task = pytest.mark.parametrize("spec", mmbench.tasks(), ids=lambda spec: spec.id)
STEPS = 20
# The console has no randomness at all; these draw only what is not observed at first.
SAME_START_ALWAYS = ("pygame-bird-attack", "pygame-cowboy")


@every_task
def test_passes_gymnasiums_checker(spec: TaskSpec) -> None:
    with made(spec.id) as env, warnings.catch_warnings():
        # An unbounded observation space is what the suite declares.
        warnings.filterwarnings("ignore", message=".*(infinity|render).*")
        check_env(env, skip_render_check=True, skip_close_check=True)


@every_task
def test_full_episode_has_the_declared_shape_and_length(spec: TaskSpec) -> None:
    with made(spec.id) as env:
        obs, info = env.reset(seed=3)
        assert env.observation_space.shape == (spec.obs_dim,) == obs.shape
        assert obs.dtype == np.float32
        assert env.action_space == gymnasium.spaces.Box(-1, 1, (spec.action_dim,), np.float32)
        assert info["return"] == 0.0
        assert info["score"] == spec.score.score(0.0, bool(info["success"]))
        total, previous = 0.0, obs
        for step, action in enumerate(random_actions(env, spec.max_episode_steps, 0), start=1):
            obs, reward, is_terminated, is_truncated, info = env.step(action)
            assert not is_terminated
            assert is_truncated == (step == spec.max_episode_steps)
            assert np.isfinite(obs).all()
            assert not np.shares_memory(obs, previous)
            total += reward
            previous = obs
        assert isinstance(reward, float)
        assert isinstance(info["success"], bool)
        assert info["return"] == total
        assert 0.0 <= info["score"] <= 1.0
        assert info["score"] == spec.score.score(total, info["success"])
        with pytest.raises(EpisodeOverError, match="call reset"):
            env.step(np.zeros(spec.action_dim, np.float32))


@every_task
def test_an_episode_depends_on_its_seed_and_actions_alone(spec: TaskSpec) -> None:
    with made(spec.id) as env, made(spec.id) as other:
        fresh = episode(env, seed=11, num_steps=STEPS)
        # Another episode to its end or middle, then the first one again.
        episode(other, seed=12, num_steps=min(60, spec.max_episode_steps), action_seed=5)
        later = episode(other, seed=11, num_steps=STEPS)
        np.testing.assert_array_equal(fresh[0], later[0])
        np.testing.assert_array_equal(fresh[1], later[1])


@every_task
def test_other_seeds_and_unseeded_resets_start_elsewhere(spec: TaskSpec) -> None:
    with made(spec.id) as env:
        first, _ = env.reset(seed=1)
        second, _ = env.reset(seed=2)
        third, _ = env.reset()
        unseeded = env.episode_seed
        again, _ = env.reset(seed=unseeded)
        np.testing.assert_array_equal(third, again)
        if spec.domain.name == "atari" or spec.id in SAME_START_ALWAYS:
            assert np.array_equal(first, second)
        else:
            assert not np.array_equal(first, second)
            assert not np.array_equal(second, third)


@every_task
def test_a_snapshot_continues_bit_identically(spec: TaskSpec) -> None:
    with made(spec.id) as env:
        env.reset(seed=4)
        length = min(24, spec.max_episode_steps)
        actions = random_actions(env, length, 1)
        play(env, actions[: length // 2])
        state = env.get_state()
        expected = play(env, actions[length // 2 :])
        score = env.task.score.score(env._return, env._success)
        for _ in range(2):  # a snapshot stays good
            env.set_state(state)
            found = play(env, actions[length // 2 :])
            np.testing.assert_array_equal(found[0], expected[0])
            np.testing.assert_array_equal(found[1], expected[1])
            assert env.task.score.score(env._return, env._success) == score
        with made(spec.id) as other:
            other.reset(seed=9)
            other.set_state(state)
            found = play(other, actions[length // 2 :])
            np.testing.assert_array_equal(found[0], expected[0])
            np.testing.assert_array_equal(found[1], expected[1])


@every_task
def test_actions_are_clipped_and_bad_ones_refused(spec: TaskSpec) -> None:
    with made(spec.id) as env:
        env.reset(seed=5)
        with pytest.raises(ActionError) as wrong_shape:
            env.step(np.zeros(spec.action_dim + 1, np.float32))
        assert str(wrong_shape.value) == (
            f"action has shape ({spec.action_dim + 1},), '{spec.id}' takes ({spec.action_dim},)"
        )
        for bad in (math.nan, math.inf):
            action = np.zeros(spec.action_dim, np.float32)
            action[-1] = bad
            with pytest.raises(ActionError) as not_finite:
                env.step(action)
            assert str(not_finite.value) == (
                f"action entry {spec.action_dim - 1} is {bad}, '{spec.id}' takes finite numbers"
            )
        beyond = np.full(spec.action_dim, 3.0, np.float32)
        obs, reward, *_ = env.step(beyond)
        env.reset(seed=5)
        clipped_obs, clipped_reward, *_ = env.step(np.ones(spec.action_dim, np.float32))
        np.testing.assert_array_equal(obs, clipped_obs)
        assert reward == clipped_reward


@pytest.mark.parametrize("domain", [domain.name for domain in DOMAINS])
def test_another_process_plays_the_same_episodes(domain: str) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-W", "ignore", "-m", "tests.rollouts", domain]
    output = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert json.loads(output.splitlines()[-1]) == domain_digests(domain)


def test_environments_do_not_disturb_each_other() -> None:
    ids = ("walker-run", "pygame-highway", "mw-push", "rd-push-red", "og-ant", "lunarlander-land")
    alone = {}
    for task in ids:
        with made(task) as env:
            alone[task] = digest(env)
    envs = [gymnasium.make(f"mmbench/{task}").unwrapped for task in ids]
    together = {task: digest(env) for task, env in zip(ids, envs, strict=True)}
    for env in envs:
        env.close()
    assert together == alone
