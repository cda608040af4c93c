"""Experts see the environment, and what they score is kept apart."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mmbench
from baselines.expert import make
from mmbench.agent import Expert, Privileged
from mmbench.cli.main import main
from mmbench.demos.expert import build_expert
from mmbench.env import TaskEnv
from mmbench.episodes import record_episode
from mmbench.errors import AgentError, DemonstrationError, UsageError
from mmbench.evaluation import load_result
from mmbench.evaluation.report import summary_table
from mmbench.evaluation.result import load_results

SCRIPTED, PLANNED = "pygame-point-maze-var1", "pygame-landing"


@pytest.mark.parametrize("workers", [0, 2])
def test_an_expert_is_evaluated_as_agents_are(tmp_path: Path, workers: int) -> None:
    result = mmbench.evaluate("expert", tasks=[SCRIPTED], episodes=3, out=tmp_path, workers=workers)
    assert result.is_complete
    assert result.manifest.is_privileged
    assert {record.seed for record in result.episodes} == {
        mmbench.evaluation_seed(SCRIPTED, index) for index in range(3)
    }
    assert result.scores[SCRIPTED].min() == 1.0
    for record in result.episodes:
        mmbench.episodes.replay(record)  # raises where it differs


def test_an_agent_is_not_privileged(tmp_path: Path) -> None:
    result = mmbench.evaluate("zero", tasks=[SCRIPTED], episodes=1, out=tmp_path, workers=0)
    assert not result.manifest.is_privileged


def test_finished_episodes_are_not_played_again(tmp_path: Path) -> None:
    played: list[int] = []

    def build(env: TaskEnv, **_: Any) -> Expert:
        assert env.episode_seed is not None
        played.append(env.episode_seed)
        if len(played) == 2:
            raise RuntimeError("stopped")
        return lambda env: np.zeros(env.task.action_dim, np.float32)

    def evaluate() -> None:
        mmbench.evaluate(Privileged(build), tasks=[SCRIPTED], episodes=2, out=tmp_path, workers=0)

    with pytest.raises(RuntimeError, match="stopped"):
        evaluate()
    assert len(load_result(tmp_path).episodes) == 1
    evaluate()
    assert load_result(tmp_path).is_complete
    assert played == [mmbench.evaluation_seed(SCRIPTED, index) for index in (0, 1, 1)]


def test_planning_takes_a_budget(tmp_path: Path) -> None:
    env = TaskEnv(PLANNED)
    actions = []
    for budget in (0.2, 0.2, 0.4):
        env.reset(seed=0)
        play = make.begin(
            env, name="expert", checkpoint=None, device="cpu", seed=0, options={"budget": budget}
        )
        actions.append(play(env))
    np.testing.assert_array_equal(actions[0], actions[1])
    assert (actions[0] != actions[2]).any()


def test_an_expert_can_be_named_where_demonstrations_are_made() -> None:
    env = TaskEnv(SCRIPTED)
    env.reset(seed=0)
    play = build_expert(env, "expert", options={"kind": "scripted"})
    scores = [record_episode(env, play, agent="expert").score]
    env.reset(seed=1)  # the same player goes on with the next episode
    scores.append(record_episode(env, play, agent="expert").score)
    assert scores == [1.0, 1.0]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kind": "best"}, UsageError, "kind is 'best', expected auto, scripted, plan or search"),
        ({"budget": 0}, UsageError, "budget is 0, expected more than 0"),
        ({"luck": 1}, AgentError, "agent 'expert' cannot be built: .*luck"),
        ({"kind": "scripted"}, DemonstrationError, "pygame-landing has no scripted expert"),
        ({"kind": "search"}, DemonstrationError, "pygame-landing cannot be searched"),
    ],
)
def test_bad_options_are_told(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        mmbench.evaluate(
            "expert", tasks=[PLANNED], episodes=1, out=tmp_path, workers=0, options=options
        )


def test_pictures_are_nothing_for_an_expert(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sees the environment itself; leave obs_type as it is"):
        mmbench.evaluate("expert", tasks=[SCRIPTED], out=tmp_path, obs_type="rgb")


def test_a_report_never_ranks_an_expert_with_agents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [tmp_path / name for name in ("expert", "random", "zero")]
    for folder in folders:
        mmbench.evaluate(folder.name, tasks=[SCRIPTED], episodes=2, out=folder, workers=0)
    table = summary_table(load_results(folders))
    rank, agent = table.header.index("rank"), table.header.index("agent")
    ranks = {row[agent]: row[rank] for row in table.rows}
    assert ranks["expert"] == "privileged"
    assert {ranks["random"], ranks["zero"]} <= {"1", "2"}
    assert main(["report", *map(str, folders), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [entry["is_privileged"] for entry in report] == [True, False, False]
