"""Whose code the time of a step is spent in."""

from types import SimpleNamespace

import pytest

import mmbench.profiling
from mmbench.profiling import profile_env

OURS = (mmbench.profiling.__file__, 1, "step")
PACKAGE = ("/somewhere/site-packages/dm_control/suite/walker.py", 5, "get_reward")
PHYSICS = ("~", 0, "<built-in method mujoco._functions.mj_step>")
SUM = ("~", 0, "<method 'reduce' of 'numpy.ufunc' objects>")


def test_shared_functions_count_for_their_callers_and_physics_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mmbench.profiling, "_profiler_s_per_call", lambda: 0.5)
    # Per function: calls, calls, own time, time with callees, and the same per caller.
    stats = {
        OURS: (1, 1, 2.0, 20.0, {}),
        PACKAGE: (1, 1, 3.0, 7.0, {OURS: (1, 1, 3.0, 7.0)}),
        PHYSICS: (1, 1, 8.0, 8.0, {OURS: (1, 1, 8.0, 8.0)}),
        SUM: (2, 2, 4.0, 4.0, {OURS: (1, 1, 1.0, 1.0), PACKAGE: (1, 1, 3.0, 3.0)}),
    }
    times = mmbench.profiling._times(SimpleNamespace(stats=stats))
    assert times == {"compiled": 7.5, "package": 4.75, "ours": 2.25}


@pytest.mark.parametrize("task", ["mujoco-inverted-pendulum", "atari-pong"])
def test_a_step_is_mostly_the_simulator(task: str) -> None:
    found = profile_env(task, num_steps=20)
    parts = found.compiled_s + found.package_s + found.ours_s
    assert parts == pytest.approx(found.step_s)
    assert found.compiled_s > found.package_s
    assert found.compiled_s > found.ours_s
