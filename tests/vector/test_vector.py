"""MultitaskVectorEnv: equal to single environments, and unharmed by what happens to workers."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers.vector import NumpyToTorch, RecordEpisodeStatistics

import mmbench
from mmbench.errors import ActionError, EpisodeOverError, MMBenchError, WorkerError
from mmbench.progress import Progress
from mmbench.registry import SUITES
from mmbench.spec import MAX_ACTION_DIM, MAX_OBS_DIM
from mmbench.vector.layout import STAY_IDLE
from mmbench.vector.placement import place, step_cost

TASKS = ("pygame-pong", "pygame-landing", "pygame-point-maze-var1", "pygame-highway")
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["serial", "process"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def workers() -> Iterator[mmbench.MultitaskVectorEnv]:
    envs = mmbench.make_vec(TASKS, num_workers=2)
    yield envs
    envs.close()


def actions_for(envs: mmbench.MultitaskVectorEnv, count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (count, envs.num_envs, MAX_ACTION_DIM)).astype(np.float32)


def test_every_slot_plays_like_a_single_environment(backend: str) -> None:
    envs = mmbench.make_vec(TASKS, copies=2, num_workers=2, backend=backend)
    assert envs.tasks == tuple(task for task in TASKS for _ in range(2))
    assert envs.task_index.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    singles = [mmbench.make(task) for task in envs.tasks]
    obs, info = envs.reset(seed=100)
    rows = [env.reset(seed=100 + slot) for slot, env in enumerate(singles)]
    for actions in actions_for(envs, 210):  # beyond the end of the 200-step episodes
        for slot, (expected, expected_info) in enumerate(rows):
            spec = singles[slot].task
            np.testing.assert_array_equal(obs[slot, : spec.obs_dim], expected)
            assert not obs[slot, spec.obs_dim :].any()
            assert info["score"][slot] == expected_info["score"]
        obs, rewards, terminated, truncated, info = envs.step(actions)
        assert not terminated.any()
        rows = []
        for slot, env in enumerate(singles):
            expected, reward, _, is_over, expected_info = env.step(
                actions[slot, : env.task.action_dim]
            )
            assert rewards[slot] == reward
            assert truncated[slot] == is_over
            if is_over:
                np.testing.assert_array_equal(info["final_obs"][slot, : env.task.obs_dim], expected)
                assert info["final_info"]["score"][slot] == expected_info["score"]
                assert info["final_info"]["return"][slot] == expected_info["return"]
                assert not info["final_info"]["worker_restarted"][slot]
                rows.append(env.reset())
            else:
                rows.append((expected, expected_info))
        if truncated.any():
            np.testing.assert_array_equal(info["_final_obs"], truncated)
    envs.close()


def test_masks_and_spaces_tell_real_entries_from_padding() -> None:
    envs = mmbench.make_vec(TASKS, backend="serial")
    assert envs.single_observation_space.shape == (MAX_OBS_DIM,)
    assert envs.observation_space.shape == (4, MAX_OBS_DIM)
    assert envs.action_space.shape == (4, MAX_ACTION_DIM)
    assert envs.obs_mask.sum(axis=1).tolist() == [6, 7, 44, 24]
    assert envs.action_mask.sum(axis=1).tolist() == [1, 2, 2, 2]
    envs.close()


def test_groups_are_served_as_they_become_ready(workers: mmbench.MultitaskVectorEnv) -> None:
    reference = mmbench.make_vec(TASKS, backend="serial")
    obs, _ = workers.reset(seed=3)
    expected, _ = reference.reset(seed=3)
    np.testing.assert_array_equal(obs, expected)
    actions = actions_for(workers, 30)
    traces = [reference.step(a) for a in actions]
    counts = [0] * len(workers.groups)
    for group, slots in enumerate(workers.groups):
        workers.send(actions[0][slots], group)
    while min(counts) < len(actions):
        group, obs, rewards, _, _, _ = workers.recv()
        slots = workers.groups[group]
        np.testing.assert_array_equal(obs, traces[counts[group]][0][slots])
        np.testing.assert_array_equal(rewards, traces[counts[group]][1][slots])
        counts[group] += 1
        if counts[group] < len(actions):
            workers.send(actions[counts[group]][slots], group)
    assert counts == [30, 30]
    reference.close()


def test_pictures_come_through_shared_memory(backend: str) -> None:
    envs = mmbench.make_vec(
        TASKS[:2], num_workers=2, obs_type="state+rgb", image_size=64, backend=backend
    )
    obs, _ = envs.reset(seed=0)
    assert obs["rgb"].shape == (2, 64, 64, 3)
    assert obs["rgb"].dtype == np.uint8
    single = mmbench.make(TASKS[1], obs_type="rgb", image_size=64)
    expected, _ = single.reset(seed=1)
    np.testing.assert_array_equal(obs["rgb"][1], expected)
    later, *_ = envs.step(np.ones((2, MAX_ACTION_DIM), np.float32))
    assert not np.array_equal(later["rgb"], obs["rgb"])
    envs.close()


def test_seeds_can_be_fixed_ahead_and_slots_put_to_rest() -> None:
    envs = mmbench.make_vec(["pygame-landing"], copies=2, backend="serial")
    envs.reset(seed=[5, 6])
    assert envs.episode_seeds.tolist() == [5, 6]
    envs.set_next_seed(0, 77)
    envs.set_next_seed(1, STAY_IDLE)
    for _ in range(200):
        *_, truncated, _ = envs.step(np.zeros((2, MAX_ACTION_DIM), np.float32))
    assert truncated.all()
    assert envs.episode_seeds[0] == 77
    assert envs.active.tolist() == [True, False]
    obs, rewards, *_ = envs.step(np.zeros((2, MAX_ACTION_DIM), np.float32))
    assert rewards[1] == 0
    assert not obs[1].any()
    envs.close()


def test_a_killed_worker_is_replaced(workers: mmbench.MultitaskVectorEnv) -> None:
    workers.reset(seed=0)
    zeros = np.zeros((4, MAX_ACTION_DIM), np.float32)
    for _ in range(5):
        workers.step(zeros)
    victim = workers.worker_pids[0]
    slots = workers.groups[0]
    os.kill(victim, signal.SIGKILL)
    _, _, _, truncated, info = workers.step(zeros)
    assert truncated[slots].all()
    assert info["final_info"]["worker_restarted"][slots].all()
    others = np.setdiff1d(np.arange(4), slots)
    assert not truncated[others].any()
    assert workers.worker_pids[0] != victim
    assert workers.episode_seeds.tolist() == [0, 1, 2, 3]  # the lost episodes begin again
    obs, *_ = workers.step(zeros)
    single = mmbench.make(workers.tasks[slots[0]])
    single.reset(seed=int(slots[0]))
    expected, *_ = single.step(np.zeros(single.task.action_dim, np.float32))
    np.testing.assert_array_equal(obs[slots[0], : len(expected)], expected)


def test_a_worker_that_hangs_is_replaced() -> None:
    envs = mmbench.make_vec(TASKS, num_workers=2, hang_timeout_s=3.0)
    envs.reset(seed=0)
    os.kill(envs.worker_pids[1], signal.SIGSTOP)
    started = time.monotonic()
    _, _, _, truncated, info = envs.step(np.zeros((4, MAX_ACTION_DIM), np.float32))
    assert time.monotonic() - started < 30
    assert info["final_info"]["worker_restarted"][envs.groups[1]].all()
    assert truncated[envs.groups[1]].all()
    envs.close()


class Killer:
    """Kills workers while they build: as `on_progress`, it is called meanwhile."""

    def __init__(self, kills: int) -> None:
        self.kills_left = kills
        self._killed: set[int | None] = set()

    def __call__(self, progress: Progress) -> None:
        for worker in multiprocessing.active_children():
            if (
                worker.name == "mmbench-worker-0"
                and self.kills_left
                and worker.pid not in self._killed
            ):
                worker.kill()
                self._killed.add(worker.pid)
                self.kills_left -= 1


def test_a_worker_killed_while_it_builds_is_replaced() -> None:
    killer = Killer(kills=2)
    envs = mmbench.make_vec(TASKS, num_workers=2, on_progress=killer)
    assert killer.kills_left == 0
    obs, _ = envs.reset(seed=3)
    reference = mmbench.make_vec(TASKS, backend="serial")
    np.testing.assert_array_equal(obs, reference.reset(seed=3)[0])
    envs.close()
    reference.close()


def test_a_worker_that_never_lives_is_given_up() -> None:
    with pytest.raises(WorkerError) as error:
        mmbench.make_vec(TASKS[:2], num_workers=2, on_progress=Killer(kills=100))
    assert str(error.value) == "worker 0 died (exit code -9) 11 times in a row"
    assert not multiprocessing.active_children()


def test_an_error_in_one_environment_names_task_seed_and_step(backend: str) -> None:
    envs = mmbench.make_vec(TASKS, num_workers=2, backend=backend)
    envs.reset(seed=20)
    zeros = np.zeros((4, MAX_ACTION_DIM), np.float32)
    envs.step(zeros)
    bad = zeros.copy()
    bad[2, 1] = np.nan
    with pytest.raises(WorkerError) as error:
        envs.step(bad)
    assert str(error.value) == (
        "pygame-point-maze-var1, seed 22, step 1: action entry 1 is nan, "
        "'pygame-point-maze-var1' takes finite numbers"
    )
    envs.close()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("ending", ["kill", "terminate", "interrupt", "forgotten"])
def test_nothing_is_left_behind(ending: str, tmp_path: Path) -> None:
    code = f"""
import signal, numpy as np, mmbench
if __name__ == "__main__":
    # A shell that starts tests in the background leaves interrupts ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    envs = mmbench.make_vec({TASKS!r}, num_workers=2)
    envs.reset(seed=0)
    print(*envs.worker_pids, envs._slots.name, flush=True)
    while {ending != "forgotten"}:
        envs.step(np.zeros((4, 16), np.float32))
"""
    script = tmp_path / "leave.py"
    script.write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        *workers, name = process.stdout.readline().split()
        pids = [int(pid) for pid in workers]
        memory = Path("/dev/shm") / name
        assert len(pids) == 2
        if ending != "forgotten":  # that one may be over already
            assert memory.exists()
        if ending == "kill":
            process.kill()
        elif ending == "terminate":
            process.terminate()
        elif ending == "interrupt":
            os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=30)
        process.stdout.close()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and (any(map(is_running, pids)) or memory.exists()):
            time.sleep(0.1)
        assert not any(map(is_running, pids))
        assert not memory.exists()
    finally:
        # Whatever a failing test would leave running.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_misuse_is_told() -> None:
    with pytest.raises(MMBenchError, match="needs at least one task"):
        mmbench.make_vec([])
    with pytest.raises(MMBenchError, match="copies is 0"):
        mmbench.make_vec(TASKS, copies=0)
    with pytest.raises(MMBenchError, match="unknown task"):
        mmbench.make_vec(["nope"])
    with pytest.raises(MMBenchError, match="backend is 'thread'"):
        mmbench.make_vec(TASKS, backend="thread")
    envs = mmbench.make_vec(TASKS, backend="serial")
    with pytest.raises(EpisodeOverError, match="call reset"):
        envs.step(np.zeros((4, MAX_ACTION_DIM), np.float32))
    envs.reset(seed=0)
    with pytest.raises(ActionError) as error:
        envs.step(np.zeros((4, 2), np.float32))
    assert str(error.value) == "actions have shape (4, 2), expected (4, 16)"
    with pytest.raises(MMBenchError, match="got 2 seeds for 4 slots"):
        envs.reset(seed=[1, 2])
    envs.close()


def test_progress_counts_environments() -> None:
    seen: list[Progress] = []
    envs = mmbench.make_vec(TASKS, num_workers=2, on_progress=seen.append)
    assert seen[-1] == Progress("building environments", 4, 4)
    assert seen == sorted(seen)
    envs.close()


def test_lazy_environments_are_built_at_the_first_reset() -> None:
    seen: list[Progress] = []
    envs = mmbench.make_vec(TASKS, num_workers=2, lazy=True, on_progress=seen.append)
    assert seen[-1].done == 0
    obs, _ = envs.reset(seed=1)
    assert obs.any(axis=1).all()
    envs.close()


def test_gymnasiums_vector_wrappers_work(workers: mmbench.MultitaskVectorEnv) -> None:
    import torch

    envs = NumpyToTorch(RecordEpisodeStatistics(workers))
    envs.reset(seed=0)
    returns = 0.0
    for _ in range(200):
        obs, rewards, _, truncated, info = envs.step(torch.zeros((4, MAX_ACTION_DIM)))
        returns += float(rewards[1])
    assert isinstance(obs, torch.Tensor)
    assert truncated[1]
    assert float(info["episode"]["r"][1]) == pytest.approx(returns, abs=1e-3)
    assert int(info["episode"]["l"][1]) == 200


def test_placement_splits_few_domains_and_balances_cost() -> None:
    tasks = SUITES["full"]
    groups = place(tasks, 2)
    assert sorted(slot for group in groups for slot in group) == list(range(200))
    loads = [sum(step_cost(tasks[slot]) for slot in group) for group in groups]
    assert max(loads) / min(loads) < 1.05
    domains = [{mmbench.task(tasks[slot]).domain.name for slot in group} for group in groups]
    assert len(domains[0] & domains[1]) <= 1
    assert [len(group) for group in place(["pygame-pong"] * 3, 8)] == [1, 1, 1]


def test_placement_shares_out_what_takes_long_to_start() -> None:
    tasks = SUITES["full"]
    slow = ("maniskill", "atari", "dmcontrol", "dmcontrol-ext")
    counts = [
        [sum(mmbench.task(tasks[i]).domain.name == name for i in group) for name in slow]
        for group in place(tasks, 2)
    ]
    assert max(counts) == [36, 0, 0, 0]  # by step costs alone all four came to one worker


def test_vector_env_is_a_gymnasium_one(workers: mmbench.MultitaskVectorEnv) -> None:
    assert isinstance(workers, gymnasium.vector.VectorEnv)
    mode = workers.metadata["autoreset_mode"]
    assert mode is gymnasium.vector.AutoresetMode.SAME_STEP
