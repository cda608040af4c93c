from pathlib import Path

from baselines.tdmpc2 import multitask, single_task
from newt_agent import PlannerConfig, load, train
from tests.baselines.online import TASK, assert_resumes, score

SMALL = {
    "size": "XS",
    "planner": PlannerConfig(num_samples=16, num_elites=4, num_policy_samples=4, num_iterations=1),
    "precision": "float32",
    "eval_episodes": 1,
    "workers": 0,
}


def test_many_tasks_are_told_apart_by_codes_and_one_by_nothing() -> None:
    many, one = multitask((TASK, "og-point-arena")), single_task((TASK,))
    for config in (many, one):
        assert (config.encoder, config.demos, config.pretrain_updates) == ("none", None, 0)
        assert config.learning.prior_coef == 0
        assert not config.normalise
    assert (many.code_dim, one.code_dim) == (96, 0)
    assert (one.size, one.batch_size, one.updates_per_env_step) == ("B", 256, 1.0)


def test_a_run_of_many_tasks_goes_on_bit_for_bit(tmp_path: Path) -> None:
    run = multitask(
        (TASK, "og-point-arena"),  # episodes of 50 and 100 steps
        env_steps=400,
        seeding_episodes=1,
        batch_size=16,
        eval_interval=400,
        **SMALL,
    )
    assert_resumes(train, run, tmp_path)
    assert load(tmp_path / "whole" / "final").model.codes is not None


def test_it_learns(tmp_path: Path) -> None:
    planner = PlannerConfig(num_samples=32, num_elites=8, num_policy_samples=8, num_iterations=2)
    run = single_task(
        (TASK,),
        env_steps=3000,
        seeding_episodes=10,
        updates_per_env_step=0.25,
        batch_size=64,
        eval_interval=3000,
        **(SMALL | {"planner": planner}),
    )
    train(run, tmp_path / "run")
    learned = score("tdmpc2", tmp_path / "tdmpc2", TASK, tmp_path / "run" / "final")
    assert learned > score("random", tmp_path / "random", TASK) + 0.3
