"""RoboDesk against the package, step for step."""

import contextlib
import io
import warnings

import numpy as np
import pytest

import mmbench
from mmbench.registry import load_simulator


def package_desk(task: str):
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        from robodesk.robodesk import RoboDesk
    desk = RoboDesk(task=task, reward="dense", action_repeat=10, episode_length=1001, image_size=1)
    desk.render = lambda *args, **kwargs: None  # its picture helper needs a Pillow that is gone
    return desk


@pytest.mark.parametrize("spec", mmbench.tasks(domain="robodesk"), ids=lambda spec: spec.id)
def test_equals_the_package(spec: mmbench.TaskSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    # The package solves with a matrix of rank 3 and size 6, and cuts off at the size of rounding:
    # now and then noise counts as a fourth direction, and joints turn by 1e-4 for nothing.
    solve = np.linalg.lstsq
    monkeypatch.setattr(np.linalg, "lstsq", lambda a, b, rcond: solve(a, b, rcond=1e-12))
    ours = load_simulator(spec, pictures=False)
    desk = package_desk(spec.params["task"])
    ours.place(np.random.default_rng(5))
    desk.reset()
    with desk.physics.reset_context():
        desk.physics.data.qpos[:] = ours.data.qpos
    desk.physics_copy.data.qpos[:] = desk.physics.data.qpos
    np.testing.assert_array_equal(desk.physics.data.qpos, ours.data.qpos)
    rng = np.random.default_rng(6)
    for _ in range(12):
        action = rng.uniform(-1, 1, 5).astype(np.float32)
        found = ours.step(action)
        obs, reward, _, _ = desk.step(action.astype(np.float64))
        expected = np.concatenate(
            [
                obs[name]
                for name in (
                    "end_effector",
                    "qpos_objects",
                    "qpos_robot",
                    "qvel_objects",
                    "qvel_robot",
                )
            ]
        )
        np.testing.assert_allclose(found.obs, expected, atol=2e-5)
        assert found.reward == pytest.approx(reward, abs=1e-6)
        success = desk._get_task_reward(spec.params["task"], "success")
        assert found.success == bool(np.ravel(success)[0])


def test_start_positions_are_drawn_from_the_published_ranges() -> None:
    simulator = load_simulator(mmbench.task("rd-open-drawer"), pictures=False)
    model, data = simulator.model, simulator.data
    rows = []
    for seed in range(200):
        simulator.place(np.random.default_rng(seed))
        flat, ball, upright = (
            data.qpos[model.body(n).jntadr[0] and model.jnt_qposadr[model.body(n).jntadr[0]] :][:2]
            for n in ("flat_block", "ball", "upright_block")
        )
        drawer = data.qpos[model.joint("drawer_joint").qposadr[0]]
        slide = data.qpos[model.joint("slide_joint").qposadr[0]]
        rows.append([drawer, slide, *flat, *ball, *upright])
    low, high = np.min(rows, axis=0), np.max(rows, axis=0)
    lows = np.array([-0.10, 0.0, 0.15, 0.63, -0.40, 0.70, 0.20, 0.78])
    highs = np.array([0.0, 0.20, 0.45, 0.70, 0.08, 0.78, 0.50, 0.83])
    assert (low >= lows - 1e-9).all()
    assert (high <= highs + 1e-9).all()
    np.testing.assert_allclose(low, lows, atol=0.02)
    np.testing.assert_allclose(high, highs, atol=0.02)
