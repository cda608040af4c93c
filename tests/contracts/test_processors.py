"""Episodes do not depend on which code NumPy and its BLAS choose for the processor."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from mmbench.registry import list_tasks

# The rewards of Meta-World are the package's own, and it leaves lengths to BLAS.
ADDS_UP_ELSEWHERE = ("metaworld",)
KNOWN_TO_HAVE_DIFFERED = ("ms-ant-walk", "og-antball", "rd-push-red")
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


def three_of_each_domain() -> list[str]:
    by_domain: dict[str, list[str]] = {}
    for spec in list_tasks(split="train"):
        by_domain.setdefault(spec.domain.name, []).append(spec.id)
    chosen = []
    for tasks in by_domain.values():
        known = [task for task in tasks if task in KNOWN_TO_HAVE_DIFFERED]
        spread = [task for task in tasks[:: max(1, len(tasks) // 3)] if task not in known]
        chosen += [*known, *spread][:3]
    return chosen


def test_an_older_processor_plays_the_same_episodes(tmp_path: Path) -> None:
    tasks = three_of_each_domain()
    assert len(tasks) == 30
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])  # type: ignore[call-overload]
    older = {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": " ".join(found)}
    played = []
    for name, changes in (("here", {}), ("older", older)):
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
