"""Practice: episodes that stray, labelled by scripted experts."""

from pathlib import Path

import numpy as np
import pytest

from mmbench.demos.dataset import PRACTICE
from mmbench.demos.expert import SCRIPTED, build_expert
from mmbench.demos.practice import Disturbance, Student, Teacher, can_be_labelled, practise
from mmbench.env import TaskEnv
from mmbench.episodes import EpisodeRecord, read
from mmbench.errors import DemonstrationError, UsageError
from mmbench.registry import get_suite, get_task
from mmbench.seeding import practice_seed

TASK = "pygame-cartpole-balance"


def practice(out: Path, behaviour: Disturbance | Student, steps: int = 1) -> list[EpisodeRecord]:
    practise((TASK,), out=out, behaviour=behaviour, steps=steps, workers=1)
    return list(read(out / PRACTICE))


def assert_labelled_by_the_expert(record: EpisodeRecord) -> None:
    env = TaskEnv(TASK)
    env.reset(seed=record.seed)
    expert = build_expert(env, SCRIPTED)
    assert record.labels is not None
    assert record.disturbed is not None
    for action, label, is_disturbed in zip(
        record.actions, record.labels, record.disturbed, strict=True
    ):
        # In 16 bits: half of the last of the 11 binary places of numbers up to 1.
        np.testing.assert_allclose(label, np.clip(expert(env), -1, 1), atol=2**-12)
        if not is_disturbed:
            assert np.abs(action - label).max() < 6 * 0.1
        env.step(action)


def test_a_disturbed_expert_says_what_it_would_have_done(tmp_path: Path) -> None:
    records = practice(tmp_path, Disturbance(rate=0.02))
    assert [r.seed for r in records] == [practice_seed(TASK, index) for index in range(20)]
    assert_labelled_by_the_expert(records[0])
    share = np.mean([np.mean(r.disturbed) for r in records if r.disturbed is not None])
    # Held for 8.5 steps on average, begun in 2 % of the others.
    assert 0.08 < share < 0.22


def test_a_student_plays_and_the_expert_labels(tmp_path: Path) -> None:
    records = practice(tmp_path, Student(agent="zero"))
    assert [r.seed for r in records] == [practice_seed(TASK, 1000 + index) for index in range(20)]
    for record in records:
        assert not record.actions.any()
        assert record.agent == "zero"
    assert_labelled_by_the_expert(records[0])


def test_an_agent_can_be_the_teacher(tmp_path: Path) -> None:
    practise((TASK,), out=tmp_path, teacher=Teacher(agent="zero"), steps=1, workers=1)
    for record in read(tmp_path / PRACTICE):
        assert record.labels is not None
        assert record.agent == "zero"
        assert not record.labels.any()
        assert record.actions.any()  # it is disturbed


def test_a_student_of_whom_the_expert_plays_all_is_the_expert(tmp_path: Path) -> None:
    record = practice(tmp_path, Student(agent="zero", mix=1.0, round=2))[0]
    assert record.labels is not None
    np.testing.assert_array_equal(record.actions, record.labels)
    assert record.seed == practice_seed(TASK, 2000)
    assert record.score > 0.9


def test_more_steps_keep_what_was_played(tmp_path: Path) -> None:
    length = get_task(TASK).max_episode_steps
    few = {r.seed: r.actions for r in practice(tmp_path, Disturbance())}
    more = {r.seed: r.actions for r in practice(tmp_path, Disturbance(), steps=22 * length)}
    assert len(more) == 22
    for seed, actions in few.items():
        np.testing.assert_array_equal(actions, more[seed])


def test_an_expert_that_remembers_cannot_label_a_student(tmp_path: Path) -> None:
    with pytest.raises(DemonstrationError, match="rd-push-red remembers what it has done"):
        practise(("rd-push-red",), out=tmp_path, behaviour=Student(agent="zero"))
    labelled = [name for name in get_suite("full") if can_be_labelled(get_task(name))]
    assert len(labelled) == 126


@pytest.mark.parametrize("rate", [0.0, 1.0, -1.0])
def test_a_rate_is_a_share(rate: float) -> None:
    with pytest.raises(UsageError, match="rate is"):
        Disturbance(rate=rate)


def test_a_student_needs_a_known_agent_and_a_share() -> None:
    with pytest.raises(UsageError, match="mix is 2"):
        Student(agent="zero", mix=2)
    with pytest.raises(Exception, match="nobody"):
        Student(agent="nobody")
