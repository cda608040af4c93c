"""Training runs: what they leave behind, and that stopping one changes nothing."""

import csv
import dataclasses
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import mmbench
from mmbench.errors import DeviceError, RunError, UsageError
from mmbench.simulator import FloatArray
from mmbench.training.collector import Collector
from mmbench.training.curves import read_evaluations
from mmbench.training.replay import Batch
from mmbench.training.run import load_snapshot, save_snapshot
from newt_agent.agent import make
from newt_agent.beginning import new_scale
from newt_agent.checkpoint import SHIPPED_WEIGHTS, load_checkpoint
from newt_agent.config import LearningConfig, PlannerConfig, TrainConfig
from newt_agent.trainer import Trainer

TASK = "mujoco-reacher"  # 50 steps
PLANNER = PlannerConfig(num_samples=16, num_elites=4, num_policy_samples=4, num_iterations=1)
CONFIG = TrainConfig(
    tasks=(TASK,),
    env_steps=400,
    seeding_episodes=2,
    updates_per_env_step=0.2,
    batch_size=16,
    eval_interval=200,
    eval_episodes=1,
    workers=0,
    planner=PLANNER,
)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    Trainer(CONFIG, out).run()
    return out


def _logged(run: Path, board: str, tag: str) -> list[int]:
    """Return the steps at which TensorBoard shows a number."""
    events = EventAccumulator(str(run / "tensorboard" / board))
    events.Reload()
    return [event.step for event in events.Scalars(tag)]


def test_a_run_leaves_checkpoints_logs_and_evaluations(whole_run: Path) -> None:
    assert load_checkpoint(whole_run / "final").tasks == (TASK,)
    assert list(read_evaluations(whole_run / "evaluations.csv")[TASK]) == [200, 400]
    with Image.open(whole_run / "learning_curves.png") as curves:
        assert curves.width > 200
    assert _logged(whole_run, "env_steps", "score") == [200, 400]
    assert _logged(whole_run, "updates", "training/value")[-1] == 60
    with (whole_run / "metrics.csv").open() as stream:
        metrics = list(csv.DictReader(stream))
    assert {"consistency", "reward", "value", "policy_loss"} <= {row["name"] for row in metrics}
    assert int(metrics[-1]["updates"]) == 60  # 0.2 of the 300 steps after seeding
    agent = make([TASK], checkpoint=str(whole_run / "final"), device="cpu", seed=0)
    actions = agent.act(np.zeros((1, 128), np.float32), first=np.array([True]))
    assert np.abs(actions[0, :2]).max() > 0
    result = mmbench.evaluate(
        "newt",
        tasks=[TASK],
        episodes=1,
        out=whole_run / "again",
        workers=0,
        checkpoint=str(whole_run / "final"),
        options={"planning": False},
    )
    assert len(result.episodes) == 1


CODE = """
from pathlib import Path
from mmbench.training.curves import read_evaluations
from newt_agent.trainer import Trainer
from tests.newt.test_trainer import CONFIG
Trainer(CONFIG, Path({out!r})).run()
"""


def test_kill_and_resume_give_the_same_weights(whole_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", CODE.format(out=str(out))])
    deadline = time.monotonic() + 120
    while not (out / "journal" / "000003.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not (out / "final").exists()
    trainer = Trainer(CONFIG, out)
    assert 100 <= trainer.env_steps < 400
    trainer.run()
    whole, resumed = (load_checkpoint(folder / "final") for folder in (whole_run, out))
    for name, tensor in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], tensor, rtol=0, atol=0)
    for name, tensor in whole.target_q.items():
        torch.testing.assert_close(resumed.target_q[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("updates", -5, "updates is -5, expected a number of 0 or more"),
        ("env_steps", "many", "env_steps is 'many', expected a number of 0 or more"),
        ("rng", {"bit_generator": "MT19937"}, "does not fit this run (ValueError: "),
        ("episodes_begun", "x", "does not fit this run ("),
        ("num_journals", 1000, "is not a regular file"),
    ],
)
def test_a_damaged_snapshot_is_told(
    whole_run: Path, tmp_path: Path, name: str, value: object, reason: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole_run, run)
    tensors, numbers = load_snapshot(run, "cpu")
    save_snapshot(run, tensors, {**numbers, name: value})
    with pytest.raises(RunError, match=re.escape(reason)) as told:
        Trainer(CONFIG, run)
    assert "\n" not in str(told.value)


def test_snapshots_go_on_after_a_worker_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two environments of 50 steps; at step 20 the worker of one dies, and both begin anew."""
    num_calls = 0
    send = Collector.send

    def kill_and_send(self: Collector, actions: FloatArray) -> None:
        nonlocal num_calls
        num_calls += 1
        if num_calls == 20:
            next(c for c in active_children() if c.name == "mmbench-worker-1").kill()
        send(self, actions)

    monkeypatch.setattr(Collector, "send", kill_and_send)
    config = dataclasses.replace(
        CONFIG, copies=2, workers=2, env_steps=250, eval_interval=1000, updates_per_env_step=0.01
    )
    Trainer(config, tmp_path).run()
    assert load_snapshot(tmp_path, "cpu")[1]["env_steps"] == 2 * (20 + 2 * 50)


@pytest.mark.parametrize("workers", [0, 1])
def test_updates_are_taken_while_environments_step_on_what_was_there_before(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(CONFIG, env_steps=150, seeding_episodes=1, workers=workers)
    trainer = Trainer(config, tmp_path)
    calls: list[str] = []
    num_episodes: list[int] = []

    def noted(name: str) -> Callable[..., None]:
        method = getattr(trainer._collector, name)

        def call(*arguments: Any) -> None:
            calls.append(name)
            method(*arguments)

        return call

    for name in ("send", "receive"):
        monkeypatch.setattr(trainer._collector, name, noted(name))

    def update(batch: Batch) -> dict[str, torch.Tensor]:
        calls.append("update")
        num_episodes.append(trainer._replay.num_episodes)
        return {}

    monkeypatch.setattr(trainer.learner, "update", update)
    trainer.run()
    at_work = [calls[: i + 1].count("send") - calls[: i + 1].count("receive") for i in range(450)]
    assert {n for n, call in zip(at_work, calls, strict=False) if call == "update"} == {1}
    assert calls.count("update") == 20  # 0.2 of the 101 steps from the 50th on
    assert [num_episodes.count(n) for n in (1, 2)] == [10, 10]
    assert trainer.times.stepping_s > 0


def test_a_run_without_evaluations_saves_all_the_same(tmp_path: Path) -> None:
    Trainer(dataclasses.replace(CONFIG, env_steps=200, eval_episodes=0), tmp_path).run()
    assert load_checkpoint(tmp_path / "latest").tasks == (TASK,)
    assert not (tmp_path / "evaluations").exists()


def test_pretraining_on_demonstrations(tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG,
        tasks=("og-point-arena", "pygame-point-maze-var1"),
        env_steps=0,
        demos="shipped",
        pretrain_updates=120,
    )
    Trainer(config, tmp_path).run()
    with (tmp_path / "metrics.csv").open() as stream:
        prior = [float(r["value"]) for r in csv.DictReader(stream) if r["name"] == "prior"]
    assert prior[-1] < prior[0]
    Trainer(config, tmp_path).run()  # nothing is left to do
    assert _logged(tmp_path, "updates", "pretraining/prior") == [100, 120]


def test_a_second_run_goes_on_where_the_first_was_killed_with_its_logs(whole_run: Path) -> None:
    before = (whole_run / "metrics.csv").read_text()
    Trainer(CONFIG, whole_run).run()  # nothing is left to do
    assert (whole_run / "metrics.csv").read_text() == before


def test_finetuning_starts_from_the_checkpoints_weights(whole_run: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG, tasks=("og-point-arena",), checkpoint=str(whole_run / "final"), encoder="none"
    )
    trainer = Trainer(config, tmp_path)
    before = load_checkpoint(whole_run / "final")
    taken = dict(trainer.model.named_parameters())
    for name, parameter in before.model.named_parameters():
        torch.testing.assert_close(taken[name], parameter)
    for name, weights in before.target_q.items():
        torch.testing.assert_close(trainer.learner.target_q.state_dict()[name], weights)
    assert trainer.model.embeddings.shape == (1, 384)  # of the new task, by the old encoder
    assert not torch.equal(trainer.model.embeddings, before.model.embeddings)
    trainer.run()
    assert load_checkpoint(tmp_path / "final").tasks == ("og-point-arena",)


def test_observations_are_normalised_by_what_was_seen_when_learning_began(tmp_path: Path) -> None:
    trainer = Trainer(dataclasses.replace(CONFIG, env_steps=150), tmp_path)
    trainer.run()
    seeding = trainer._replay._rows["obs"][:102].astype(float)  # two episodes of 50 steps
    expected = np.sqrt(((seeding - seeding.mean(0)) ** 2).mean(0)).clip(min=1e-3)
    found = load_checkpoint(tmp_path / "final").model
    np.testing.assert_allclose(found.obs_mean[0], seeding.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.obs_rate[0], 1 / expected, rtol=1e-4)
    as_they_are = Trainer(dataclasses.replace(CONFIG, normalise=False), tmp_path / "raw")
    assert not as_they_are.model.config.has_normalised_obs


def test_the_scale_of_the_most_alike_task_stays_if_it_fits(tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG, tasks=("ms-push-apple",), checkpoint=str(SHIPPED_WEIGHTS), constraint_end=0.0
    )
    model = Trainer(config, tmp_path).model
    mean, std = model.obs_mean[0].clone(), 1 / model.obs_rate[0]
    rows = mean + 4 * std * torch.linspace(-1, 1, 200)[:, None]
    for number_beyond, stays in ((70, True), (71, False)):  # of 35 entries in 200 rows; 1 % is 70
        seen = rows.clone()
        seen[:number_beyond, 0] += 100 * std[0]
        found_mean, found_std = new_scale(config, model, 0, seen.numpy())
        if stays:
            torch.testing.assert_close(found_mean, mean)
            torch.testing.assert_close(found_std, std)
        else:
            torch.testing.assert_close(found_mean, seen.mean(0))
    scratch = dataclasses.replace(config, checkpoint=None)
    found_mean, _ = new_scale(scratch, model, 0, rows.numpy())
    torch.testing.assert_close(found_mean, rows.mean(0))


def test_a_finetuned_task_is_never_played_worse_than_before(tmp_path: Path) -> None:
    """On training seeds: with a rate at which all is lost, the weights of before are kept."""
    config = dataclasses.replace(
        CONFIG,
        tasks=("og-point-arena",),
        checkpoint=str(SHIPPED_WEIGHTS),
        env_steps=300,
        eval_episodes=0,
        choose_episodes=2,
        learning=LearningConfig(learning_rate=0.1),
    )
    Trainer(config, tmp_path).run()
    kept, shipped = load_checkpoint(tmp_path / "final"), load_checkpoint(SHIPPED_WEIGHTS)
    assert kept.tasks == ("og-point-arena",)
    assert kept.plays == shipped.plays == "policy"
    assert kept.plays_by_task == {"og-point-arena": "policy"}
    torch.testing.assert_close(kept.model.policy.matrices[0], shipped.model.policy.matrices[0])
    latest = load_checkpoint(tmp_path / "latest")
    assert not torch.equal(latest.model.policy.matrices[0], shipped.model.policy.matrices[0])


@pytest.mark.parametrize(("imitate", "weight_of_own"), [("demonstrations", 0), ("all", 1)])
def test_what_is_imitated_online(
    imitate: Any, weight_of_own: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(
        CONFIG,
        tasks=("og-point-arena",),
        env_steps=110,
        seeding_episodes=1,
        demos="shipped",
        demo_share=0.25,
        demos_in_replay=True,
        imitate=imitate,
    )
    trainer = Trainer(config, tmp_path)
    assert trainer._demos is not None
    num_demos = trainer._demos.num_episodes
    assert trainer._replay.num_episodes == num_demos > 10
    batches: list[Batch] = []

    def update(batch: Batch) -> dict[str, torch.Tensor]:
        batches.append(batch)
        return {}

    monkeypatch.setattr(trainer.learner, "update", update)
    trainer.run()
    assert trainer._replay.num_episodes == num_demos + 1
    assert len(batches) == 2  # 0.2 of 11 steps
    for batch in batches:
        assert batch.weight is not None
        assert batch.weight.shape == (3, 16)
        assert (batch.weight[:, :4] > 0).any()
        assert (batch.weight[:, 4:] == weight_of_own).all()


def test_plans_depend_less_and_less_on_the_policy(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, checkpoint="any", constraint_start=0.1, constraint_end=0.5)
    steps = (0, 40, 120, 160, 200, 400)  # of 400
    assert [config.prior_weight(s) for s in steps] == pytest.approx([1, 1, 0.5, 0.25, 0, 0])
    at_once = dataclasses.replace(config, constraint_end=0.1)
    assert [at_once.prior_weight(s) for s in (39, 40)] == [1, 0]
    only_pretrained = dataclasses.replace(CONFIG, demos="x", pretrain_updates=1, env_steps=0)
    assert only_pretrained.prior_weight(0) == 1
    for free in (CONFIG, dataclasses.replace(config, constraint_start=0, constraint_end=0)):
        assert free.prior_weight(0) == 0
    trainer = Trainer(dataclasses.replace(config, checkpoint=str(SHIPPED_WEIGHTS)), tmp_path)
    trainer.env_steps = 160
    assert trainer._checkpoint().prior_weight == pytest.approx(0.25)


@pytest.mark.parametrize(("seeding_episodes", "num_updates"), [(0, 7 + 37), (1, 7 + 25)])
def test_learning_may_begin_with_many_updates(
    seeding_episodes: int, num_updates: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of an update for each of 150 env steps, or of the 101 from the 50th on."""
    config = dataclasses.replace(
        CONFIG,
        env_steps=150,
        seeding_episodes=seeding_episodes,
        seeding_updates=7,
        updates_per_env_step=0.25,
    )
    trainer = Trainer(config, tmp_path)
    updates: list[Batch] = []
    monkeypatch.setattr(trainer.learner, "update", lambda batch: updates.append(batch) or {})
    trainer.run()
    assert len(updates) == num_updates


def test_finetuning_takes_what_the_checkpoint_is_like(tmp_path: Path) -> None:
    """The clone that ships sees normalised observations, and mujoco-walker's with a clock."""
    config = dataclasses.replace(
        CONFIG,
        tasks=("mujoco-walker", "ms-push-apple"),
        checkpoint=str(SHIPPED_WEIGHTS),
        fresh=("reward", "q"),
        normalise=False,
        constraint_end=0.0,
    )
    trainer = Trainer(config, tmp_path)
    clone = load_checkpoint(SHIPPED_WEIGHTS)
    row = clone.tasks.index("mujoco-walker")
    torch.testing.assert_close(trainer.model.obs_rate[0], clone.model.obs_rate[row])
    assert trainer._is_scaled.tolist() == [True, False]
    alike = clone.tasks.index("ms-push-cube")
    torch.testing.assert_close(trainer.model.obs_mean[1], clone.model.obs_mean[alike])
    assert trainer.model.clock_rate.tolist() == [clone.model.clock_rate[row].item(), 0]
    assert trainer.model.clock_rate[0] > 0
    taken, before = trainer.model, clone.model
    torch.testing.assert_close(taken.policy.matrices[1], before.policy.matrices[1])
    torch.testing.assert_close(taken.dynamics.matrices[1], before.dynamics.matrices[1])
    assert not torch.equal(taken.q.matrices[1], before.q.matrices[1])
    assert torch.equal(trainer.learner.target_q.matrices[1], taken.q.matrices[1])
    assert config.prior_weight(0) == 0


def test_a_run_of_before_an_option_existed_goes_on(whole_run: Path, tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text((whole_run / "train.json").read_text())
    described = json.loads((tmp_path / "train.json").read_text())
    for name in ("normalise", "practice", "imitate", "residual", "fresh", "code_dim"):
        del described[name]
    del described["learning"]["pretrain_prior_coef"]
    (tmp_path / "train.json").write_text(json.dumps(described))
    with pytest.raises(RunError, match="holds a run with normalise False, not True"):
        Trainer(CONFIG, tmp_path)
    as_then = dataclasses.replace(CONFIG, normalise=False, practice=False, imitate="all")
    assert Trainer(as_then, tmp_path).env_steps == 0


def test_wrong_use_is_told(whole_run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds a run with batch_size 16, not 32"):
        Trainer(dataclasses.replace(CONFIG, batch_size=32), whole_run)
    with pytest.raises(UsageError, match="pretraining needs demonstrations"):
        dataclasses.replace(CONFIG, pretrain_updates=1)
    with pytest.raises(UsageError, match="the buffer cannot begin with demonstrations; give"):
        dataclasses.replace(CONFIG, demos_in_replay=True)
    with pytest.raises(UsageError, match="without a checkpoint all networks begin anew"):
        dataclasses.replace(CONFIG, fresh=("q",))
    with pytest.raises(UsageError, match="residual dynamics are in float32 only"):
        Trainer(dataclasses.replace(CONFIG, residual=True, precision="int8"), tmp_path / "int8")
    with pytest.raises(DeviceError, match="torch sees no GPU"):
        dataclasses.replace(CONFIG, device="cuda")
    with pytest.raises(UsageError, match="no task was given"):
        Trainer(dataclasses.replace(CONFIG, tasks=()), tmp_path)
    with pytest.raises(UsageError, match="named twice"):
        dataclasses.replace(CONFIG, tasks=(TASK, TASK))
    (tmp_path / "snapshot.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(RunError, match=r"snapshot\.safetensors cannot be read"):
        Trainer(CONFIG, tmp_path)
