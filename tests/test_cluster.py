"""A Ray cluster of two nodes does what one machine does, also when one of the nodes dies."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

import mmbench
from mmbench.cluster import connect
from mmbench.episodes import EpisodeRecord, read_all
from mmbench.evaluation.runner import evaluate
from mmbench.progress import Progress

TASKS = ("pygame-landing", "pygame-pong", "pygame-point-maze-var1")
NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
SLOW = "tests.agents_for_tests:slow"


class TwoNodes:
    """A head and a second node, which can be killed."""

    def __init__(self) -> None:
        head = {**NODE, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._second = self._cluster.add_node(**NODE)
        self.address = self._cluster.address

    def kill_second(self) -> None:
        if self._second is not None:
            self._cluster.remove_node(self._second, allow_graceful=False)
            self._second = None

    def close(self) -> None:
        ray.shutdown()
        self._cluster.shutdown()


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoNodes]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "120")  # on a loaded machine
    nodes = TwoNodes()
    yield nodes
    nodes.close()


def by_key(records: list[EpisodeRecord]) -> dict[tuple[str, int], EpisodeRecord]:
    assert Counter(record.key for record in records).most_common(1)[0][1] == 1
    return {record.key: record for record in records}


def test_an_evaluation_outlives_a_node(nodes: TwoNodes, tmp_path: Path) -> None:
    alone = evaluate("random", tasks=TASKS, episodes=4, out=tmp_path / "alone", workers=0)
    log = tmp_path / "log"

    def kill_in_the_middle(progress: Progress) -> None:
        if "episode 2 of" in progress.note:
            nodes.kill_second()

    spread = evaluate(
        SLOW,
        tasks=TASKS,
        episodes=4,
        out=tmp_path / "spread",
        backend="ray",
        address=nodes.address,
        options={"log": str(log)},
        on_progress=kill_in_the_middle,
    )
    assert spread.is_complete
    found, expected = by_key(read_all(tmp_path / "spread")), by_key(list(alone.episodes))
    assert found.keys() == expected.keys()
    for key, record in expected.items():
        np.testing.assert_array_equal(found[key].actions, record.actions)
        np.testing.assert_array_equal(found[key].rewards, record.rewards)
    num_begun = len(log.read_text().splitlines())
    assert num_begun == 7, "six jobs of two episodes, of which one was lost with its node"


def test_a_vector_environment_of_remote_workers_plays_the_same(nodes: TwoNodes) -> None:
    connect(nodes.address)
    built: list[Progress] = []
    envs = mmbench.make_vec(TASKS, copies=2, backend="ray", on_progress=built.append)
    assert len(envs.groups) == 2
    assert built[-1] == Progress("building environments", 6, 6)
    alone = mmbench.make_vec(TASKS, copies=2, backend="serial")
    obs, _ = envs.reset(seed=7)
    expected, _ = alone.reset(seed=7)
    np.testing.assert_array_equal(obs, expected)
    rng = np.random.default_rng(0)
    for _ in range(205):  # beyond the end of the short episodes
        actions = rng.uniform(-1, 1, (6, 16)).astype(np.float32)
        for one, other in zip(envs.step(actions), alone.step(actions), strict=True):
            if isinstance(one, np.ndarray):
                np.testing.assert_array_equal(one, other)
    nodes.kill_second()
    *_, truncated, info = envs.step(np.zeros((6, 16), np.float32))
    lost = [group for group in envs.groups if truncated[group].all()]
    assert len(lost) == 1
    assert info["final_info"]["worker_restarted"].tolist() == truncated.tolist()
    assert truncated.sum() == len(lost[0])
    before = alone.episode_seeds
    np.testing.assert_array_equal(envs.episode_seeds, before)  # the lost episodes begin again
    envs.close()
