"""ManiSkill against the package, with official and with stand-in assets, and without graphics."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sapien

import mmbench
from mmbench.domains.maniskill import stand_ins
from mmbench.domains.maniskill.environments import KINDS
from mmbench.domains.maniskill.stand_ins import THINGS, write_faceted_ball
from mmbench.registry import load_simulator
from mmbench.simulator import Nudgeable

ROOT = Path(__file__).parents[2]
OFFICIAL_ASSETS = ROOT.parent / "shared" / "assets" / "maniskill"
# Return of T agent steps after the package's reset with seed 0; see the conformance tables.
RETURNS = {
    "ms-ant-walk": 100.11016,
    "ms-ant-run": 16.69305,
    "ms-cartpole-balance": 234.46905,
    "ms-cartpole-swingup": 190.79792,
    "ms-cartpole-balance-sparse": 278.0,
    "ms-cartpole-swingup-sparse": 200.0,
    "ms-pick-cube": 1.03563,
    "ms-pick-cube-eepose": 0.97726,
    "ms-pick-cube-so": 6.02561,
    "ms-reach": 5.43591,
    "ms-reach-eepose": 5.15750,
    "ms-poke-cube": 1.01849,
    "ms-push-cube": 1.12136,
    "ms-pull-cube": 1.75355,
    "ms-pull-cube-tool": 0.42114,
    "ms-stack-cube": 0.76515,
    "ms-place-sphere": 0.57079,
    "ms-lift-peg": 9.63566,
    "ms-hopper-stand": 0.0,
    "ms-hopper-hop": 0.0,
}
OFFICIAL_RETURNS = {
    "ms-pick-cube-xarm6": 1.83026,
    "ms-reach-xarm6": 9.59609,
    "ms-anymal-reach": 42.47151,
}
OWN_REWARD = {"Reach", "CartpoleBalanceSparse", "CartpoleSwingUpSparse"}


def played_return(simulator: Any, num_steps: int, action_dim: int) -> float:
    simulator.start(0)
    rng = np.random.default_rng(0)
    return sum(
        simulator.step(rng.uniform(-1, 1, action_dim).astype(np.float32)).reward
        for _ in range(num_steps)
    )


@pytest.mark.parametrize("task_id", RETURNS)
def test_full_random_episode_has_the_original_return(task_id: str) -> None:
    spec = mmbench.task(task_id)
    simulator = load_simulator(spec, pictures=False)
    found = played_return(simulator, spec.max_episode_steps, spec.action_dim)
    assert found == pytest.approx(RETURNS[task_id], abs=2e-4)


@pytest.mark.parametrize(
    "spec",
    [s for s in mmbench.tasks(domain="maniskill") if s.params["environment"] not in OWN_REWARD],
    ids=lambda spec: spec.id,
)
def test_steps_equal_the_packages_own(spec: mmbench.TaskSpec) -> None:
    """Same scene, same actions: the package's batched step, and ours."""
    ours, theirs = (load_simulator(spec, pictures=False) for _ in range(2))
    ours.start(3)
    theirs.start(3)
    package: Any = theirs.env
    rng = np.random.default_rng(1)
    for _ in range(min(15, spec.max_episode_steps)):
        action = rng.uniform(-1, 1, spec.action_dim).astype(np.float32)
        found = ours.step(action)
        reward = 0.0
        for _ in range(2):
            obs, inner, _, _, info = package.step(action)
            reward += float(inner)
        # Equal to the bit but for the ant's centre-of-mass velocity, a sum in another order.
        np.testing.assert_allclose(found.obs, obs[0].numpy(), rtol=1e-6, atol=1e-6)
        assert found.reward == pytest.approx(reward, abs=1e-5)
        if "success" in info:
            assert found.success == bool(info["success"])


def played(simulator: Any, seed: int, num_steps: int, action_dim: int) -> list[np.ndarray]:
    observations = [simulator.start(seed)]
    rng = np.random.default_rng(seed)
    for step in range(num_steps):
        action = rng.uniform(-1, 1, action_dim).astype(np.float32)
        if step % 20 < 10:  # push on, so that things touch
            action = np.sign(action)
        transition = simulator.step(action)
        observations += [transition.obs, np.array([transition.reward])]
    return observations


def assert_renewed_scenes_equal_rebuilt_ones(task: str, num_episodes: int) -> None:
    spec = mmbench.task(task)
    renewed, rebuilt = (load_simulator(spec, pictures=False) for _ in range(2))
    rebuilt._renewal = None  # type: ignore[attr-defined]  # as with pictures
    for seed in range(num_episodes):
        found = played(renewed, seed, 40, spec.action_dim)
        expected = played(rebuilt, seed, 40, spec.action_dim)
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    "task", ["ms-stack-cube", "ms-lift-peg", "ms-ant-run", "ms-anymal-reach", "ms-reach-xarm6"]
)
def test_an_episode_in_a_renewed_scene_equals_one_in_a_scene_built_anew(task: str) -> None:
    assert_renewed_scenes_equal_rebuilt_ones(task, num_episodes=3)


@pytest.mark.slow
@pytest.mark.parametrize("task", mmbench.tasks(domain="maniskill"), ids=lambda spec: spec.id)
def test_every_task_plays_the_same_in_a_renewed_scene(task: mmbench.TaskSpec) -> None:
    assert_renewed_scenes_equal_rebuilt_ones(task.id, num_episodes=6)


def run_with(assets: Path | None, code: str) -> str:
    """Run code in a process without graphics that looks for assets in a given place."""
    environment = {**os.environ, "VK_ICD_FILENAMES": "/nonexistent", "PYTHONWARNINGS": "ignore"}
    environment["MS_ASSET_DIR"] = str(assets or "/nonexistent")
    environment.pop("DISPLAY", None)
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_all_tasks_play_without_driver_and_assets() -> None:
    code = """
import numpy as np, mmbench
for spec in mmbench.tasks(domain="maniskill"):
    env = mmbench.make(spec.id)
    obs, info = env.reset(seed=0)
    for _ in range(2):
        obs, *_ = env.step(np.zeros(spec.action_dim, np.float32))
    assert obs.shape == (spec.obs_dim,) and np.isfinite(obs).all()
    assert info.get("assets") == ("stand-in" if spec.assets else None), spec.id
    env.close()
print("all")
"""
    assert run_with(None, code).strip() == "all"


@pytest.mark.parametrize("task_id", OFFICIAL_RETURNS)
def test_official_robots_have_the_original_return(task_id: str) -> None:
    if not OFFICIAL_ASSETS.is_dir():
        pytest.skip("the official robot models are third-party data and not in this checkout")
    code = f"""
from mmbench.registry import get_task, load_simulator
from tests.domains.test_maniskill import played_return
spec = get_task({task_id!r})
simulator = load_simulator(spec, pictures=False)
assert simulator.assets == "official"
print(played_return(simulator, spec.max_episode_steps, spec.action_dim))
"""
    found = float(run_with(OFFICIAL_ASSETS, code).splitlines()[-1])
    assert found == pytest.approx(OFFICIAL_RETURNS[task_id], abs=2e-4)


@pytest.mark.parametrize("task_id", OFFICIAL_RETURNS)
def test_stand_in_robots_come_near_the_original_return(task_id: str) -> None:
    code = f"""
from mmbench.registry import get_task, load_simulator
from tests.domains.test_maniskill import played_return
spec = get_task({task_id!r})
simulator = load_simulator(spec, pictures=False)
assert simulator.assets == "stand-in"
print(played_return(simulator, spec.max_episode_steps, spec.action_dim))
"""
    found = float(run_with(None, code).splitlines()[-1])
    assert found == pytest.approx(OFFICIAL_RETURNS[task_id], rel=0.15)


def round_bounds(parts: Any) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of capsules that are turned about the vertical only."""
    ends = []
    for part in parts:
        angle = 2 * np.arctan2(part.turn[3], part.turn[0])
        half = part.length / 2 * np.array([np.cos(angle), np.sin(angle), 0])
        ends += [np.array(part.centre) + half, np.array(part.centre) - half]
    return np.min(ends, axis=0) - parts[0].radius, np.max(ends, axis=0) + parts[0].radius


@pytest.mark.parametrize("thing", THINGS)
def test_a_thing_has_its_size_and_lies_still(thing: str) -> None:
    spec = next(s for s in mmbench.tasks(domain="maniskill") if s.params.get("object") == thing)
    simulator = load_simulator(spec, pictures=False)
    simulator.start(0)
    actor = simulator.env.obj._objs[0]
    place = actor.pose
    actor.set_pose(sapien.Pose())
    low, high = actor.find_component_by_type(
        sapien.physx.PhysxRigidDynamicComponent
    ).compute_global_aabb_tight()
    if any(getattr(part, "is_round", False) for part in THINGS[thing].parts):
        low, high = round_bounds(THINGS[thing].parts)  # SAPIEN bounds a turned capsule loosely
    np.testing.assert_allclose((high - low) / 2, THINGS[thing].half_extents, atol=1.6e-3)
    np.testing.assert_allclose((high + low) / 2, 0, atol=1.6e-3)
    actor.set_pose(place)
    for _ in range(20):
        simulator.step(np.zeros(spec.action_dim, np.float32))
    start = simulator.goal.object.p
    for _ in range(4):
        simulator.step(np.zeros(spec.action_dim, np.float32))
    np.testing.assert_allclose(simulator.goal.object.p, start, atol=1e-3)


def test_every_kind_of_task_is_used() -> None:
    assert KINDS.keys() == {s.params["environment"] for s in mmbench.tasks(domain="maniskill")}


def test_contacts_switched_off_for_the_pole_stay_on_for_the_hopper() -> None:
    """ManiSkill keeps the options of one MJCF file for all that are read later."""

    def observations() -> list[np.ndarray]:
        env = mmbench.make("ms-hopper-stand")
        env.reset(seed=5)
        found = [env.step(np.full(4, 0.3, np.float32))[0] for _ in range(15)]
        env.close()
        return found

    before = observations()
    mmbench.make("ms-cartpole-balance").close()
    np.testing.assert_array_equal(observations(), before)


def test_the_ball_of_stand_ins_is_what_its_code_makes(tmp_path: Path) -> None:
    write_faceted_ball(tmp_path / "ball.obj")
    shipped = Path(stand_ins.__file__).parent / "assets" / "faceted_ball.obj"
    assert (tmp_path / "ball.obj").read_text() == shipped.read_text()


def test_a_nudge_moves_what_lies_free_and_nothing_else() -> None:
    simulator: Any = load_simulator(mmbench.task("ms-pick-apple"), pictures=False)
    assert isinstance(simulator, Nudgeable)
    simulator.start(0)
    bodies = {name: actor._bodies[0] for name, actor in simulator.env.scene.actors.items()}
    places = {name: body.entity.pose.p for name, body in bodies.items()}
    simulator.nudge(np.random.default_rng(0), 1e-3)
    moved = {name: np.abs(body.entity.pose.p - places[name]) for name, body in bodies.items()}
    assert {name for name, distance in moved.items() if distance.any()} == {"013_apple"}
    assert 0 < max(moved["013_apple"]) <= 1.001e-3
    simulator.close()
