"""Robots that walk, and the search for how."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmbench.cli.gait_search import Search
from mmbench.demos import plans
from mmbench.demos.scripted import gaits
from mmbench.env import TaskEnv
from mmbench.seeding import demonstration_seed


@pytest.fixture
def numbers_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    file = tmp_path / "gaits.json"
    file.write_text(plans.GAIT_NUMBERS.read_text())
    monkeypatch.setattr(plans, "GAIT_NUMBERS", file)
    gaits.all_numbers.cache_clear()
    yield file
    gaits.all_numbers.cache_clear()


def _return(name: str, num_steps: int) -> float:
    env = TaskEnv(name)
    env.reset(seed=demonstration_seed(name, 0))
    act = gaits.build(env)
    total = 0.0
    for _ in range(num_steps):
        action = act(env)
        assert action.shape == (env.task.action_dim,)
        assert np.abs(action).max() <= 1
        total += env.step(action)[1]
    env.close()
    return total


def test_the_ant_goes_where_it_is_told() -> None:
    assert _return("og-ant", 100) > 10  # metres


def test_the_walker_walks() -> None:
    assert _return("mujoco-walker", 200) > 600  # standing still is worth 400


def test_the_biped_walks() -> None:
    assert _return("bipedal-walker-flat", 250) > 125


@pytest.mark.parametrize("name", sorted(gaits.GAITS))
def test_a_gait_begins_anew_in_every_episode(name: str) -> None:
    assert _return(name, 5) == _return(name, 5)


def test_a_search_keeps_the_better_numbers(numbers_file: Path) -> None:
    before = json.loads(numbers_file.read_text())
    worse = dict(before, **{"og-ant": [0.0] * 17})
    numbers_file.write_text(json.dumps(worse))
    Search(tasks=("og-ant",), minutes=0.1, steps=40, start="og-antball").run()
    after = json.loads(numbers_file.read_text())
    assert after["og-ant"] != [0.0] * 17
    assert {t: row for t, row in after.items() if t != "og-ant"} == {
        t: row for t, row in before.items() if t != "og-ant"
    }
    assert Search(tasks=())._value(TaskEnv("og-ant"), np.array(after["og-ant"]), [1]) > 20


def test_a_hopeless_episode_ends_early() -> None:
    search = Search(tasks=(), hopeless=1e9, steps=100)
    env = TaskEnv("og-ant")
    search._value(env, np.zeros(17), [0])
    assert env.env_steps == 25
