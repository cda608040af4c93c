"""Plans or the policy alone, task by task."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from newt_agent import Checkpoint, Newt, NewtConfig, choose_plays, new_model
from newt_agent.choosing import _scores
from newt_agent.config import PlannerConfig

TASKS = ("og-point-maze", "og-point-arena", "mujoco-reacher")  # 100, 100 and 50 steps


def test_the_better_way_to_play_is_chosen_on_episodes_of_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planner = PlannerConfig(num_samples=8, num_elites=2, num_policy_samples=2, num_iterations=1)
    config = NewtConfig(size="XS", embedding_dim=0, planner=planner)
    model = new_model(config, TASKS, "none")
    checkpoint = Checkpoint(model=model, tasks=TASKS, encoder="none", target_q={})
    played: list[tuple[tuple[str, ...], bool]] = []

    class Watched(Newt):
        def __init__(self, checkpoint: Checkpoint, tasks: Any, **options: Any) -> None:
            super().__init__(checkpoint, tasks, **options)
            played.append((tuple(tasks), options["planning"]))

    seeds: list[int] = []
    monkeypatch.setattr("newt_agent.choosing.Newt", Watched)
    monkeypatch.setattr(
        "mmbench.training.collector.training_seed",
        lambda task, seed, copy: seeds.append(seed) or 2**40 + seed,
    )
    scores = iter(
        [
            [[0.5, 0.5, 0.5]],
            [[0.5, 0.5, 0.5]],
            # Gains of 0.3, 0.4 and 0.5, and of 0.4, 0.4 and -0.6.
            [[0.2, 0.2, 0.2], [0.2, 0.2, 0.6]],
            [[0.5, 0.6, 0.7], [0.6, 0.6, 0.0]],
        ]
    )
    whole = choose_plays(checkpoint, episodes=1, seed=3, precision="float32")
    assert set(whole.plays_by_task) == set(TASKS)
    assert set(seeds) == {3}
    assert played == [
        (("mujoco-reacher",), False),
        (("mujoco-reacher",), True),
        (("og-point-maze", "og-point-arena"), False),
        (("og-point-maze", "og-point-arena"), True),
    ]
    monkeypatch.setattr("newt_agent.choosing._scores", lambda *arguments: np.array(next(scores)))
    chosen = choose_plays(checkpoint, episodes=3, precision="float32")
    assert chosen.plays_by_task == {
        "mujoco-reacher": "policy",  # as good, and cheaper
        "og-point-maze": "plan",
        "og-point-arena": "policy",  # better on average by 0.07, with a standard error of 0.33
    }
    scores = iter([[[1.0]], [[0.95], [0.9]], [[1.0]]])  # the last: the one that is left to gain
    best = choose_plays(checkpoint, episodes=1, precision="float32")
    assert best.plays_by_task == {
        "mujoco-reacher": "policy",
        "og-point-maze": "policy",
        "og-point-arena": "plan",
    }
    scores = iter([[[0.2]], [[0.9]]])
    one_more = choose_plays(best, tasks=["mujoco-reacher"], episodes=1, precision="float32")
    assert one_more.plays_by_task == {**best.plays_by_task, "mujoco-reacher": "plan"}
    assert chosen.model is model
    assert checkpoint.plays_by_task == {}


def test_scores_are_those_of_whole_episodes() -> None:
    class Still:
        def act_on(self, states: Any, features: Any, first: Any) -> Any:
            self.num_played = getattr(self, "num_played", 0) + 1
            return np.zeros((len(states), 16), np.float32)

    still: Any = Still()
    scores = _scores(still, ["cartpole-balance"], 1, 0, 0, None)
    assert still.num_played == 500
    assert scores.shape == (1, 1)
    assert 0.05 < scores[0, 0] < 1  # the pole begins near the top, and rewards are given on the way


@pytest.mark.parametrize(("score_before", "is_kept"), [(0.7, True), (0.6, True), (0.5, False)])
def test_what_training_began_with_is_kept_where_nothing_was_gained(
    score_before: float, is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three tasks at 0.6 by policy or plan, against what is given."""
    config = NewtConfig(size="XS", embedding_dim=0)
    checkpoint = Checkpoint(
        model=new_model(config, TASKS, "none"), tasks=TASKS, encoder="none", target_q={}
    )
    before = dataclasses.replace(checkpoint, plays="policy")
    scores = iter(
        [
            *([[0.6]], [[0.3]], [[score_before]]),  # the reacher: the policy is better
            *([[0.1], [0.6]], [[0.6], [0.6]], [[score_before], [score_before]]),
        ]
    )
    monkeypatch.setattr("newt_agent.choosing._scores", lambda *arguments: np.array(next(scores)))
    chosen = choose_plays(checkpoint, before=before, episodes=1, precision="float32")
    assert (chosen is before) == is_kept
    if not is_kept:
        assert list(chosen.plays_by_task.values()) == ["policy", "plan", "policy"]
