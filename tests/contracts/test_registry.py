"""The registry against the table of the original."""

import csv
import subprocess
import sys

import gymnasium
import pytest

import mmbench
from mmbench.errors import SpecError, UnknownSuiteError, UnknownTaskError
from mmbench.registry import DOMAINS, SUITES
from mmbench.spec import ScoreRule, TaskSpec
from tests.conftest import DATA


def test_holds_exactly_the_tasks_of_the_original() -> None:
    with (DATA / "tasks.csv").open() as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    specs = {spec.id: spec for spec in mmbench.tasks()}
    assert specs.keys() == rows.keys()
    assert len(specs) == 234
    for task_id, row in rows.items():
        spec = specs[task_id]
        assert spec.domain.name == row["domain"]
        assert spec.split == row["split"]
        assert spec.action_dim == int(row["action_dim"])
        assert spec.max_episode_steps == int(row["max_episode_steps"])
        assert spec.discount == (float(row["discount"]) if row["discount"] else None)
        if row["obs_dim"]:
            assert spec.obs_dim == int(row["obs_dim"])


def test_every_instruction_is_its_own_sentence() -> None:
    instructions = [spec.instruction for spec in mmbench.tasks()]
    assert len(set(instructions)) == 234


def test_suites_are_fixed_and_right_sized() -> None:
    assert len(SUITES["full"]) == 200
    assert len(SUITES["heldout"]) == 34
    assert len(SUITES["quick"]) == 10
    assert len(SUITES["lite"]) == 40
    assert {mmbench.task(t).domain.name for t in SUITES["quick"]} == {d.name for d in DOMAINS}
    sizes = {d.name: len(SUITES[d.name]) for d in DOMAINS}
    assert sizes == {
        "dmcontrol": 21,
        "dmcontrol-ext": 16,
        "metaworld": 49,
        "maniskill": 36,
        "mujoco": 6,
        "miniarcade": 19,
        "box2d": 8,
        "robodesk": 6,
        "ogbench": 12,
        "atari": 27,
    }
    for name in ("full", "heldout", "quick", "lite"):
        assert len(set(SUITES[name])) == len(SUITES[name])
        split = "heldout" if name == "heldout" else "train"
        assert all(mmbench.task(task).split == split for task in SUITES[name])


def test_filters_combine() -> None:
    ids = [spec.id for spec in mmbench.tasks(domain="miniarcade", split="heldout")]
    assert ids[0] == "pygame-point-maze-var4"
    assert len(ids) == 9
    assert [s.id for s in mmbench.tasks(suite="quick", domain="atari")] == ["atari-pong"]


def test_unknown_names_suggest_a_near_one() -> None:
    with pytest.raises(UnknownTaskError) as task:
        mmbench.task("walker-rum")
    assert str(task.value) == "unknown task 'walker-rum'; did you mean 'walker-run'?"
    with pytest.raises(UnknownSuiteError) as suite:
        mmbench.tasks(suite="quik")
    assert str(suite.value) == "unknown suite 'quik'; did you mean 'quick'?"


def test_gymnasium_knows_every_id_after_import() -> None:
    for spec in mmbench.tasks():
        assert gymnasium.spec(f"mmbench/{spec.id}").kwargs == {"task": spec.id}


def test_a_module_prefix_imports_the_suite() -> None:
    code = (
        "import gymnasium; env = gymnasium.make('mmbench:mmbench/pygame-pong');"
        "print(env.reset(seed=0)[0].shape)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "(6,)"


def test_listing_tasks_loads_no_simulator() -> None:
    heavy = ["torch", "mujoco", "dm_control", "metaworld", "mani_skill", "sapien", "ogbench"]
    heavy += ["robodesk", "ale_py", "Box2D", "pygame", "pyarrow", "matplotlib"]
    code = (
        "import sys, mmbench; mmbench.tasks(); mmbench.task('walker-run');"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("max_episode_steps", "discount", "expected"),
    [
        (500, None, 0.99),  # (100 - 1) / 100
        (100, None, 0.95),  # (20 - 1) / 20
        (25, None, 0.95),  # 0.8 is below the range
        (1000, None, 0.995),
        (1000, 0.99, 0.99),
    ],
)
def test_discount_follows_the_length_rule(
    max_episode_steps: int, discount: float | None, expected: float
) -> None:
    spec = TaskSpec(
        id="x",
        domain=DOMAINS[0],
        embodiment="A body.",
        instruction="Do it.",
        obs_dim=1,
        action_dim=1,
        max_episode_steps=max_episode_steps,
        discount=discount,
        score=ScoreRule(kind="success"),
    )
    assert spec.effective_discount == pytest.approx(expected)


def test_scores_are_on_a_line_and_clipped() -> None:
    rule = ScoreRule(kind="return", low=-50.0, high=0.0)
    assert rule.score(-50.0, True) == 0.0
    assert rule.score(-12.5, False) == 0.75
    assert rule.score(3.0, False) == 1.0
    assert rule.score(-99.0, False) == 0.0
    assert ScoreRule(kind="success").score(1e9, False) == 0.0
    assert ScoreRule(kind="success").score(-1e9, True) == 1.0
    with pytest.raises(SpecError, match="low < high"):
        ScoreRule(kind="return", low=1.0, high=1.0)
