"""Every task says what it observes, what it is rewarded for and how it starts."""

import re
from pathlib import Path

import numpy as np
import pytest

import mmbench
from mmbench.cli.main import main
from mmbench.domains.miniarcade.adapter import GAMES
from mmbench.errors import SpecError
from mmbench.mujoco_support.control_suite import SuiteSimulator
from mmbench.registry import load_simulator
from mmbench.spec import TaskSpec
from tests.rollouts import made, random_actions

ROOT = Path(__file__).parents[2]
SUITE_TASKS = [spec for spec in mmbench.tasks() if spec.domain.name.startswith("dmcontrol")]
ONE_PER_LAYOUT = {spec.observation: spec for spec in SUITE_TASKS}.values()


@pytest.mark.parametrize("spec", mmbench.tasks(), ids=lambda spec: spec.id)
def test_a_task_is_described_to_the_last_entry(spec: TaskSpec) -> None:
    assert sum(size for size, _ in spec.observation) == spec.obs_dim
    assert all(size > 0 and meaning for size, meaning in spec.observation)
    assert spec.reward
    assert spec.start
    assert spec.success or spec.score.kind != "success"


def test_sentences_end_in_one_full_stop() -> None:
    for spec in mmbench.tasks():
        for sentence in (spec.instruction, spec.embodiment):
            assert re.fullmatch(r"[A-Z].*[^.]\.", sentence), sentence


def test_a_layout_that_contradicts_the_size_is_refused() -> None:
    known = mmbench.task("walker-run")
    with pytest.raises(SpecError) as error:
        TaskSpec(
            id="x",
            domain=known.domain,
            embodiment="A body.",
            instruction="Do it.",
            obs_dim=3,
            action_dim=1,
            max_episode_steps=1,
            score=known.score,
            observation=((2, "place"), (2, "velocity")),
        )
    assert str(error.value) == "x: the description of the observation has 4 entries, obs_dim is 3"


@pytest.mark.parametrize("spec", ONE_PER_LAYOUT, ids=lambda spec: spec.id)
def test_the_suites_observations_have_the_described_parts(spec: TaskSpec) -> None:
    simulator = load_simulator(spec, pictures=False)
    assert isinstance(simulator, SuiteSimulator)
    simulator.reset(np.random.default_rng(0))
    parts = simulator._suite.task.get_observation(simulator.physics)
    sizes = [int(np.size(part)) for part in parts.values()]
    described = np.cumsum([size for size, _ in spec.observation]).tolist()
    assert set(np.cumsum(sizes).tolist()) <= set(described)


def test_metaworlds_second_half_is_the_step_before() -> None:
    with made("mw-hammer") as env:
        env.reset(seed=0)
        obs = np.stack([env.step(a)[0] for a in random_actions(env, 20, seed=0)])
    moved = np.abs(obs[:, :18] - obs[:, 18:36]).max()
    assert 0 < moved < 0.05
    assert (obs[:, 36:] == obs[0, 36:]).all()


def test_the_equation_of_a_game_is_where_the_page_says() -> None:
    folder = ROOT / "mmbench" / "domains" / "miniarcade" / "games"
    for spec in mmbench.tasks(domain="miniarcade"):
        game = spec.params["game"]
        assert GAMES[game].__module__.endswith(f".{game}")
        assert "def step(" in (folder / f"{game}.py").read_text()


def test_every_task_has_a_section_on_its_domains_page(capsys: pytest.CaptureFixture[str]) -> None:
    for spec in mmbench.tasks():
        page = (ROOT / "docs" / "tasks" / f"{spec.domain.name}.md").read_text()
        assert f"\n### {spec.id}\n\n{spec.instruction}\n\n- **Reward**: " in page
    assert main(["tasks", "og-point-arena"]) == 0
    told = capsys.readouterr().out
    for fact in ("0 to   1  x and y", "within 1.0 of the goal", "shifted by U(-1, 1)", "9 entries"):
        assert fact in told
