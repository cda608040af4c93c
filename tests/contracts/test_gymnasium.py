"""What Gymnasium's tools and users expect of an environment besides its contract."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.wrappers import TimeAwareObservation

import mmbench
from mmbench import versions
from mmbench.errors import EpisodeOverError
from mmbench.registry import DOMAINS, get_domain
from mmbench.versions import code_hash, installed_version, simulator_version

TASK = "pygame-cartpole-balance"


def test_the_spec_tells_the_length_of_episodes() -> None:
    env = gymnasium.make(f"mmbench/{TASK}")
    assert env.spec is not None
    assert env.spec.max_episode_steps == mmbench.task(TASK).max_episode_steps
    assert not isinstance(env, gymnasium.wrappers.TimeLimit)
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.spec is not None
    assert again.spec.max_episode_steps == env.spec.max_episode_steps


def test_going_back_in_time_does_not_shorten_an_episode() -> None:
    env = gymnasium.make(f"mmbench/{TASK}")
    task = mmbench.task(TASK)
    zeros = np.zeros(task.action_dim, np.float32)
    env.reset(seed=0)
    start = env.unwrapped.get_state()  # type: ignore[attr-defined]
    for _ in range(10):
        env.step(zeros)
    env.unwrapped.set_state(start)  # type: ignore[attr-defined]
    ends = [env.step(zeros)[3] for _ in range(task.max_episode_steps)]
    assert ends == [False] * (task.max_episode_steps - 1) + [True]


def test_the_time_can_be_observed() -> None:
    env = TimeAwareObservation(gymnasium.make(f"mmbench/{TASK}"))
    obs, _ = env.reset(seed=0)
    assert obs.shape == (mmbench.task(TASK).obs_dim + 1,)


@pytest.mark.parametrize("use", ["step", "reset", "get_state"])
def test_a_closed_environment_says_so(use: str) -> None:
    env = mmbench.make(TASK, render_mode="rgb_array")
    env.reset(seed=0)
    env.close()
    env.close()
    arguments = (np.zeros(env.task.action_dim, np.float32),) if use == "step" else ()
    with pytest.raises(EpisodeOverError) as error:
        getattr(env, use)(*arguments)
    assert str(error.value) == f"{TASK}: the environment is closed; make a new one"


def test_a_script_that_draws_and_does_not_close_ends_quietly() -> None:
    code = (
        "import mmbench; e = mmbench.make('walker-run', render_mode='rgb_array'); "
        "e.reset(seed=0); e.render()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize("name", [domain.name for domain in DOMAINS if domain.code])
def test_files_that_count_are_those_of_the_pinned_version(name: str) -> None:
    for code in get_domain(name).code:
        if installed_version(code.package) == code.version:
            assert code_hash(code.package, code.files) == code.sha256


def test_an_upgrade_that_leaves_physics_alone_is_no_other_simulator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = simulator_version(get_domain("mujoco"))
    monkeypatch.setattr(
        versions,
        "installed_version",
        lambda name: "99.0" if name == "gymnasium" else installed_version(name),
    )
    versions.simulator_version.cache_clear()
    assert simulator_version(get_domain("mujoco")) == before
    versions.simulator_version.cache_clear()


def test_an_upgrade_that_changes_physics_is_another_simulator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(versions, "code_hash", lambda package, files: "0" * 64)
    monkeypatch.setattr(
        versions,
        "installed_version",
        lambda name: "99.0" if name == "gymnasium" else installed_version(name),
    )
    versions.simulator_version.cache_clear()
    assert simulator_version(get_domain("box2d")).endswith("gymnasium 99.0")
    versions.simulator_version.cache_clear()
