"""A Ray cluster of two nodes does what one machine does, also when one of the nodes dies."""

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

import mmbench
from mmbench.cluster import connect
from mmbench.demos.generation import generate
from mmbench.demos.practice import practise
from mmbench.episodes import EpisodeRecord, read_all
from mmbench.errors import AgentError, ResultError, UsageError
from mmbench.evaluation.jobs import Player, plan_jobs, play_job
from mmbench.evaluation.runner import evaluate
from mmbench.progress import Progress

TASKS = ("pygame-landing", "pygame-point-maze-var1")
NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
STUCK = "tests.agents_for_tests:stuck"


class TwoNodes:
    """A head and a second node, which can be killed."""

    def __init__(self) -> None:
        head = {**NODE, "include_dashboard": False, "no_monitor": True}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._second = self._cluster.add_node(**NODE)
        self.address = self._cluster.address

    @property
    def second(self) -> str:
        """Id of the second node."""
        return str(self._second.node_id)

    def kill_second(self) -> None:
        self._cluster.remove_node(self._second, allow_graceful=False)
        self._second = None

    def repair(self) -> None:
        if self._second is None:
            self._cluster.wait_for_nodes(timeout=60)  # till the lost one is no longer counted
            self._second = self._cluster.add_node(**NODE)

    def close(self) -> None:
        ray.shutdown()
        self._cluster.shutdown()


def started() -> TwoNodes:
    for _ in range(2):  # a node gets 30 s to start, which is little on a loaded machine
        with contextlib.suppress(Exception):
            return TwoNodes()
    return TwoNodes()


@pytest.fixture(scope="module")
def cluster() -> Iterator[TwoNodes]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        nodes = started()
        yield nodes
        nodes.close()


@pytest.fixture
def nodes(cluster: TwoNodes) -> TwoNodes:
    cluster.repair()
    return cluster


def assert_same_episodes(found: Sequence[EpisodeRecord], expected: Sequence[EpisodeRecord]) -> None:
    """Each exactly once, with the same actions and rewards."""
    assert Counter(r.key for r in found) == Counter(r.key for r in expected)
    by_key = {record.key: record for record in found}
    for record in expected:
        np.testing.assert_array_equal(by_key[record.key].actions, record.actions)
        np.testing.assert_array_equal(by_key[record.key].rewards, record.rewards)


def test_an_evaluation_outlives_a_node(nodes: TwoNodes, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()

    def kill_it_at_work() -> None:
        while second not in log.read_text():
            time.sleep(0.05)
        nodes.kill_second()

    second = nodes.second
    killer = threading.Thread(target=kill_it_at_work)
    killer.start()
    spread = evaluate(
        STUCK,
        tasks=TASKS,
        episodes=3,
        out=tmp_path / "spread",
        backend="ray",
        address=nodes.address,
        options={"log": str(log), "stuck_on": second},
    )
    killer.join()
    assert spread.is_complete
    alone = evaluate("random", tasks=TASKS, episodes=3, out=tmp_path / "alone", workers=0)
    assert_same_episodes(read_all(tmp_path / "spread"), alone.episodes)
    begun = Counter(log.read_text().split())
    assert (begun[second], begun.total()) == (1, 7), "six jobs of one episode, one of them lost"


def test_remote_workers_play_the_same_and_can_be_lost(nodes: TwoNodes) -> None:
    connect(nodes.address)
    built: list[Progress] = []
    envs = mmbench.make_vec(TASKS, copies=2, backend="ray", on_progress=built.append)
    assert len(envs.groups) == 2
    assert built[-1] == Progress("building environments", 4, 4)
    alone = mmbench.make_vec(TASKS, copies=2, backend="serial")
    obs, _ = envs.reset(seed=7)
    expected, _ = alone.reset(seed=7)
    np.testing.assert_array_equal(obs, expected)
    rng = np.random.default_rng(0)
    for _ in range(205):  # beyond the end of the episodes
        actions = rng.uniform(-1, 1, (4, 16)).astype(np.float32)
        *results, info = envs.step(actions)
        *expected_results, expected_info = alone.step(actions)
        for result, expected in zip(results, expected_results, strict=True):
            np.testing.assert_array_equal(result, expected)
        if expected_results[-1].any():
            np.testing.assert_array_equal(info["final_obs"], expected_info["final_obs"])
    nodes.kill_second()
    is_lost = np.zeros(4, np.bool_)
    deadline = time.monotonic() + 60
    while not is_lost.any() and time.monotonic() < deadline:  # its processes end soon after it
        seeds = envs.episode_seeds
        *_, truncated, info = envs.step(np.zeros((4, 16), np.float32))
        is_lost = info["final_info"]["worker_restarted"] if truncated.any() else is_lost
    assert np.flatnonzero(is_lost).tolist() in [group.tolist() for group in envs.groups]
    np.testing.assert_array_equal(envs.episode_seeds[is_lost], seeds[is_lost])  # they begin again
    envs.close()


@pytest.mark.slow
def test_demonstrations_are_the_same(nodes: TwoNodes, tmp_path: Path) -> None:
    maze = "og-point-arena"
    where: dict[str, Any] = {"backend": "ray", "address": nodes.address}
    for name, options in (("spread", where), ("alone", {"workers": 1})):
        generate([maze], out=tmp_path / name, episodes=3, **options)
        practise((maze,), out=tmp_path / name, steps=1, **options)
    for folder in ("episodes", "practice"):
        assert_same_episodes(
            read_all(tmp_path / "spread" / folder), read_all(tmp_path / "alone" / folder)
        )


@pytest.mark.slow
def test_an_interrupted_evaluation_continues_in_a_cluster(nodes: TwoNodes, tmp_path: Path) -> None:
    whole = evaluate("random", tasks=TASKS, episodes=4, out=tmp_path / "r", workers=0)
    (shard,) = (tmp_path / "r" / "episodes").glob("*.parquet")
    mmbench.episodes.write(whole.episodes[1::3], shard)
    evaluate(
        "random",
        tasks=TASKS,
        episodes=4,
        out=tmp_path / "r",
        backend="ray",
        address=nodes.address,
    )
    assert_same_episodes(read_all(tmp_path / "r"), whole.episodes)


@pytest.mark.slow
def test_an_error_in_a_job_is_one_sentence(nodes: TwoNodes, tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"answered with shape \(\d, 3\), expected \(\d, 16\)$"):
        evaluate(
            "tests.agents_for_tests:wrong_shape",
            tasks=TASKS,
            episodes=2,
            out=tmp_path / "r",
            backend="ray",
            address=nodes.address,
        )


def test_jobs_are_of_one_task_and_the_longest_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not what other tests have measured on this machine.
    costs = {"pygame-pong": 1e-5, "atari-pong": 3e-4, "ms-pick-cube": 2e-3}
    monkeypatch.setattr("mmbench.evaluation.jobs.step_cost", costs.__getitem__)
    left = {"pygame-pong": list(range(10)), "atari-pong": list(range(10)), "ms-pick-cube": [1]}
    few_workers = plan_jobs(left, num_workers=1)
    assert [(task, len(seeds)) for task, seeds in few_workers] == [
        ("atari-pong", 6),
        ("atari-pong", 4),
        ("ms-pick-cube", 1),
        ("pygame-pong", 6),
        ("pygame-pong", 4),
    ]
    many_workers = plan_jobs(left, num_workers=100)
    assert len(many_workers) == 21
    assert Counter(task for task, _ in many_workers) == {
        "pygame-pong": 10,
        "atari-pong": 10,
        "ms-pick-cube": 1,
    }


def test_a_worker_that_would_play_something_else_refuses(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_text("weights")

    def player(**changes: Any) -> Player:
        options: dict[str, Any] = {
            **{"agent": "zero", "checkpoint": None, "checkpoint_sha256": None, "device": "cpu"},
            **{"seed": 0, "options": {}, "obs_type": "state", "image_size": 64},
            "simulators": {"miniarcade": "mmbench 0.1.0"},
        }
        return Player(**{**options, **changes})

    (record,) = play_job(player(), "pygame-landing", (5,))
    assert (record.seed, record.agent) == (5, "zero")
    with pytest.raises(ResultError) as error:
        play_job(player(simulators={"miniarcade": "mmbench 0.0.9"}), "pygame-landing", (5,))
    assert str(error.value) == (
        "a worker has mmbench 0.1.0, the evaluation was begun with mmbench 0.0.9; "
        "install the same on every machine"
    )
    with pytest.raises(ResultError) as error:
        play_job(player(checkpoint=str(checkpoint), checkpoint_sha256="0"), "pygame-landing", (5,))
    assert str(error.value) == (
        f"checkpoint {checkpoint} of a worker is another one; it must be the same on every "
        "machine, for example in a shared folder"
    )


def test_an_address_where_nobody_answers_is_told_at_once(tmp_path: Path) -> None:
    ray.shutdown()  # of a test before
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(UsageError) as error:
            evaluate("zero", tasks=TASKS, out=tmp_path / "r", backend="ray", address=address)
    assert str(error.value) == (
        f"no Ray cluster answers at '{address}' ([Errno 111] Connection refused); "
        "`ray start --head` starts one"
    )


def test_misuse_is_told(tmp_path: Path) -> None:
    def agent(tasks: tuple[str, ...], **options: Any) -> None:
        raise AssertionError

    for arguments, message in (
        ({"agent": "zero", "backend": "slurm"}, "backend is 'slurm', expected one of process, ray"),
        (
            {"agent": "zero", "address": "head:6379"},
            "address is 'head:6379', which only the ray backend takes",
        ),
        (
            {"agent": "zero", "backend": "ray", "workers": 0},
            "workers is 0, expected 1 or more with the ray backend",
        ),
        (
            {"agent": agent, "backend": "ray"},
            "the ray backend needs the agent's name or module:factory, not an object: agents are "
            "built where they play",
        ),
    ):
        with pytest.raises(UsageError) as error:
            evaluate(tasks=TASKS, out=tmp_path / "r", **arguments)
        assert str(error.value) == message
