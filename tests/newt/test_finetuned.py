"""The table of scores before and after finetuning."""

from pathlib import Path

import pytest

import mmbench
from newt_agent.finetuned import table

TASKS = ("pygame-reacher-easy", "mujoco-reacher", "mujoco-inverted-pendulum")


def test_every_task_every_domain_and_all_of_them_have_a_row(tmp_path: Path) -> None:
    mmbench.evaluate("zero", tasks=TASKS, episodes=1, out=tmp_path / "before", workers=0)
    runs = []
    for name in TASKS:
        mmbench.evaluate("random", tasks=(name,), episodes=2, out=tmp_path / name, workers=0)
        runs.append(tmp_path / name)
    lines = table(tmp_path / "before", runs).splitlines()
    rows = {
        label: (old, new) for label, old, new in (line[2:-2].split(" | ") for line in lines[2:])
    }
    assert list(rows)[3:] == ["miniarcade (1)", "mujoco (2)", "all (3)"]
    old, new = mmbench.load_result(tmp_path / "before").scores, mmbench.load_result(runs[2]).scores
    pendulum = rows["`mujoco-inverted-pendulum`"]
    assert pendulum == (f"{old[TASKS[2]].mean():.3f}", f"{new[TASKS[2]].mean():.3f}")
    means = [float(rows[f"`{name}`"][1]) for name in TASKS]
    assert float(rows["all (3)"][1]) == pytest.approx(sum(means) / 3, abs=1e-3)
    assert float(rows["mujoco (2)"][1]) == pytest.approx(sum(means[1:]) / 2, abs=1e-3)
