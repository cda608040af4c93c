"""Newt as an agent."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mmbench
from mmbench.errors import CheckpointError, DeviceError, UsageError
from newt_agent.agent import make
from newt_agent.checkpoint import Checkpoint, new_model, save_checkpoint
from newt_agent.config import NewtConfig, PlannerConfig
from newt_agent.planner import plan

TASKS = ("pygame-landing", "pygame-pong")
CONFIG = NewtConfig(
    size="S",
    embedding_dim=384,
    planner=PlannerConfig(num_samples=48, num_elites=8, num_policy_samples=8, num_iterations=2),
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("newt") / "c"
    model = new_model(CONFIG, TASKS, "minilm")
    save_checkpoint(folder, Checkpoint(model=model, tasks=TASKS, encoder="minilm", target_q={}))
    return str(folder)


def agent(
    checkpoint: str | None, tasks: tuple[str, ...] = TASKS, **options: object
) -> mmbench.Agent:
    return make(tasks, checkpoint=checkpoint, device="cpu", seed=0, **options)


def obs(num_slots: int = 2) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((num_slots, 128)).astype(np.float32)


def test_newt_is_evaluated_like_any_agent(checkpoint: str, tmp_path: Path) -> None:
    results = [
        mmbench.evaluate(
            "newt",
            tasks=TASKS,
            episodes=1,
            out=tmp_path / str(run),
            workers=0,
            checkpoint=checkpoint,
            options={"planning": False},
        )
        for run in range(2)
    ]
    first, second = ({e.key: e.rewards for e in result.episodes} for result in results)
    assert first.keys() == second.keys()
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])


def test_actions_are_padded_and_bounded(checkpoint: str) -> None:
    actions = agent(checkpoint).act(obs(), first=np.array([True, True]))
    assert actions.shape == (2, 16)
    assert actions.dtype == np.float32
    assert not actions[0, 2:].any()
    assert not actions[1, 1:].any()
    assert np.abs(actions).max() <= 1


def test_open_loop_plans_once_in_a_while(checkpoint: str) -> None:
    player = agent(checkpoint, open_loop=3)
    first = np.array([True, True])
    player.act(obs(), first=first)
    planned = player._parts[0][2].mean[:, 0].clone()  # type: ignore[attr-defined]
    second = player.act(obs() + 5, first=~first)
    np.testing.assert_array_equal(second, planned.numpy())


def test_each_task_is_played_by_what_the_checkpoint_says(tmp_path: Path) -> None:
    model = new_model(CONFIG, TASKS, "minilm")
    mixed = Checkpoint(
        model=model,
        tasks=TASKS,
        encoder="minilm",
        target_q={},
        plays_by_task={"pygame-pong": "policy"},
        prior_weight=0.25,
    )
    save_checkpoint(tmp_path, mixed)
    first = np.array([True, True])
    found, planned, asked = (
        agent(str(tmp_path), **options).act(obs(), first=first)
        for options in ({}, {"planning": True}, {"planning": False})
    )
    np.testing.assert_allclose(found[1], asked[1], atol=1e-6)
    assert np.abs(found[0] - asked[0]).max() > 1e-3
    assert np.abs(planned[1] - asked[1]).max() > 1e-3


def test_plans_start_from_the_policy_as_in_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = new_model(CONFIG, TASKS, "minilm")
    save_checkpoint(
        tmp_path,
        Checkpoint(model=model, tasks=TASKS, encoder="minilm", target_q={}, prior_weight=0.25),
    )
    asked: list[tuple[float, bool]] = []

    def watched(*arguments: Any, **options: Any) -> Any:
        asked.append((options["prior_weight"], options["is_deterministic"]))
        return plan(*arguments, **options)

    monkeypatch.setattr("newt_agent.player.plan", watched)
    for options in ({}, {"prior_weight": 1.0, "elite": "drawn"}):
        agent(str(tmp_path), **options).act(obs(), first=np.array([True, True]))
    assert asked == [(0.25, True), (1.0, False)]


def test_a_task_that_is_new_to_the_model_is_played_by_its_language(checkpoint: str) -> None:
    actions = agent(checkpoint, ("walker-run",)).act(obs(1), first=np.array([True]))
    assert np.abs(actions[0, :6]).max() > 0
    assert not actions[0, 6:].any()


def test_wrong_use_is_told(checkpoint: str) -> None:
    for message, wrong in (
        ("open_loop is 4, expected 1 to 3", {"open_loop": 4}),
        ("elite is 'first', expected best or drawn", {"elite": "first"}),
        ("plan_budget 0.01 leaves 0 sequences, at least 9", {"plan_budget": 0.01}),
    ):
        with pytest.raises(UsageError, match=message):
            agent(**{"checkpoint": checkpoint, **wrong})  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match="'cuda' was asked for, and torch sees no GPU"):
        make(TASKS, checkpoint=checkpoint, device="cuda", seed=0)


@pytest.mark.parametrize("code_dim", [0, 4])
def test_without_language_a_new_task_cannot_be_played(tmp_path: Path, code_dim: int) -> None:
    config = NewtConfig(size="S", embedding_dim=0, code_dim=code_dim)
    model = new_model(config, ["pygame-pong"], "none")
    save_checkpoint(
        tmp_path, Checkpoint(model=model, tasks=("pygame-pong",), encoder="none", target_q={})
    )
    with pytest.raises(
        CheckpointError, match="trained without language on 1 tasks, and walker-run"
    ):
        agent(str(tmp_path), ("walker-run",))
