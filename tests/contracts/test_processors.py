"""Episodes do not depend on which code NumPy and its BLAS choose for the processor."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmbench.registry import list_tasks
from tests.processors import SETTINGS, answers, honest_episodes, three_of_each_domain

# The rewards of Meta-World are the package's own, and it leaves lengths to BLAS.
ADDS_UP_ELSEWHERE = ("metaworld",)
# Their demonstrations are of experts that kept their balance step by step. The same actions make
# the robot fall where sines differ in the last bit.
FALL_ELSEWHERE = {"mujoco-ant", "og-ant", "walker-walk-backward"}
PLAY = """
import sys
import numpy as np
from mmbench.env import TaskEnv

seen = {}
for task in sys.argv[2:]:
    env = TaskEnv(task)
    obs, _ = env.reset(seed=12345)
    rng = np.random.default_rng(7)
    observed, rewards = [obs], []
    for _ in range(20):
        obs, reward, *_ = env.step(rng.uniform(-1, 1, env.task.action_dim).astype(np.float32))
        observed.append(obs)
        rewards.append(reward)
    env.close()
    seen[task + " obs"], seen[task + " rewards"] = np.stack(observed), np.array(rewards)
np.savez(sys.argv[1], **seen)
"""


def test_an_older_processor_plays_the_same_episodes(tmp_path: Path) -> None:
    tasks = three_of_each_domain()
    assert len(tasks) == 30
    played = []
    for name, changes in (("here", {}), ("older", SETTINGS["BLAS of Nehalem, NumPy without AVX"])):
        file = tmp_path / f"{name}.npz"
        subprocess.run(
            [sys.executable, "-c", PLAY, str(file), *tasks],
            check=True,
            env={**os.environ, **changes},
        )
        with np.load(file) as arrays:
            played.append(dict(arrays))
    here, there = played
    for spec in (spec for spec in list_tasks() if spec.id in tasks):
        for key in (f"{spec.id} obs", f"{spec.id} rewards"):
            if spec.domain.name in ADDS_UP_ELSEWHERE and key.endswith("rewards"):
                np.testing.assert_allclose(here[key], there[key], rtol=1e-12, err_msg=key)
            else:
                np.testing.assert_array_equal(here[key], there[key], err_msg=key)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return honest_episodes(tmp_path_factory.mktemp("honest"))


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
def test_honest_episodes_are_not_different_where_libraries_choose_other_code(
    honest: Path, setting: str
) -> None:
    found = answers(honest, setting)
    assert len(found) >= 100
    is_old = "GLIBC_TUNABLES" in SETTINGS[setting]
    different = {verdict.task_id for verdict in found if verdict.answer == "different"}
    assert different == (FALL_ELSEWHERE if is_old else set())
    if not SETTINGS[setting]:
        assert {verdict.answer for verdict in found} == {"equal"}
