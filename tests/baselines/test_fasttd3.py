import csv
import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import tyro
from safetensors.torch import load_file, save_file

import mmbench
from baselines import fasttd3
from baselines.fasttd3 import (
    BestActors,
    FastTD3Agent,
    FastTD3Config,
    GroupedMLP,
    Learner,
    Trainer,
    lower_of_both,
    projected,
)
from mmbench.cli.settings import with_settings
from mmbench.errors import CheckpointError, RunError, UsageError
from mmbench.evaluation.manifest import hash_path
from mmbench.progress import Progress
from mmbench.training.ring import Transitions
from mmbench.training.run import load_snapshot

REACHER, ARENA = "mujoco-reacher", "og-point-arena"  # 50 and 100 env steps
SMALL = FastTD3Config(
    tasks=(REACHER,),
    copies=2,
    actor_widths=(8,),
    critic_widths=(8,),
    num_atoms=5,
    start_steps=10,
    batch_size=4,
    n_step=3,
    replay_capacity=90,
    eval_episodes=0,
    workers=0,
)
ATOMS = torch.tensor([-1.0, 0.0, 1.0])


# The mathematics ------------------------------------------------------------------------------


def test_a_moved_distribution_is_split_between_neighbouring_atoms() -> None:
    probs = torch.tensor([[0.2, 0.3, 0.5]])
    # The atoms move to -0.25, 0.25 and 0.75.
    moved = projected(probs, torch.tensor(0.25), torch.tensor(0.5), ATOMS)
    torch.testing.assert_close(moved, torch.tensor([[0.05, 0.15 + 0.225 + 0.125, 0.075 + 0.375]]))


def test_what_moves_past_the_last_atom_stays_there() -> None:
    probs = torch.tensor([[[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]]])
    moved = projected(probs, torch.tensor([7.0, -0.5]), torch.tensor([1.0, 1.0]), ATOMS)
    torch.testing.assert_close(moved[0, 0], torch.tensor([0.0, 0.0, 1.0]))
    # -1.5 becomes -1; -0.5 and 0.5 lie half way.
    torch.testing.assert_close(moved[0, 1], torch.tensor([0.2 + 0.15, 0.15 + 0.25, 0.25]))


def test_the_distribution_with_the_lower_mean_is_taken_row_by_row() -> None:
    low, high = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.4, 0.0, 0.6])
    both = torch.stack((torch.stack((low, high)), torch.stack((high, low))))
    assert torch.equal(lower_of_both(both, ATOMS), torch.stack((low, low)))


def test_groups_are_networks_of_their_own() -> None:
    layers = GroupedMLP(2, 3, (4, 5, 2))
    rows = torch.randn(3, 6, 4)
    out = layers(rows)
    assert out.shape == (2, 3, 6, 2)
    first, second = layers.matrices
    hidden = torch.relu(rows[1] @ first[1, 1] + layers.biases[0][1, 1])
    torch.testing.assert_close(out[1, 1], hidden @ second[1, 1] + layers.biases[1][1, 1])


def test_one_group_takes_the_rows_of_all_tasks() -> None:
    layers = GroupedMLP(1, 1, (4, 5, 2), has_norm=True)
    rows = torch.randn(3, 6, 4)
    torch.testing.assert_close(layers(rows)[:, 2:], layers(rows[2:]))


def some_batch(num_tasks: int) -> Transitions:
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(num_tasks, 6, *shape, generator=generator)

    return Transitions(
        obs=normal(128),
        action=normal(16).clamp(-1, 1),
        total=normal(),
        factor=torch.full((num_tasks, 6), 0.9),
        next_obs=normal(128),
    )


def test_a_task_with_networks_of_its_own_learns_as_if_it_were_alone() -> None:
    config = dataclasses.replace(SMALL, networks="per-task", target_noise=0.0, policy_delay=1)
    both = Learner(dataclasses.replace(config, tasks=(REACHER, ARENA)), torch.device("cpu"))
    alone = Learner(dataclasses.replace(config, tasks=(ARENA,)), torch.device("cpu"))
    for ours, theirs in (
        (alone.actor.layers, both.actor.layers),
        (alone.critics, both.critics),
        (alone.target, both.target),
    ):
        ours.load_state_dict({name: t[:, 1:] for name, t in theirs.state_dict().items()})
    batch = some_batch(2)
    of_arena = Transitions(**{name: rows[1:] for name, rows in vars(batch).items()})
    for _ in range(3):
        both.update(batch, num_demos=2, imitation=0.5)
        alone.update(of_arena, num_demos=2, imitation=0.5)
    for name, ours in alone.critics.state_dict().items():
        torch.testing.assert_close(ours, both.critics.state_dict()[name][:, 1:])
    for name, ours in alone.actor.layers.state_dict().items():
        torch.testing.assert_close(ours, both.actor.layers.state_dict()[name][:, 1:])


def test_the_actor_and_the_targets_move_at_their_own_rates() -> None:
    learner = Learner(dataclasses.replace(SMALL, target_rate=0.25), torch.device("cpu"))
    start = {name: t.clone() for name, t in learner.critics.state_dict().items()}
    actor = {name: t.clone() for name, t in learner.actor.layers.state_dict().items()}
    learner.update(some_batch(1))
    for name, before in start.items():
        after = learner.critics.state_dict()[name]
        assert not torch.equal(after, before)
        torch.testing.assert_close(learner.target.state_dict()[name], 0.75 * before + 0.25 * after)
        # AdamW's first step is the learning rate for every entry with a gradient.
        assert float((after - before).abs().max()) <= 1.1 * 3e-4
    for name, before in actor.items():
        assert torch.equal(learner.actor.layers.state_dict()[name], before)
    assert "value" in learner.update(some_batch(1))  # every second update
    assert not torch.equal(learner.actor.layers.matrices[0], actor["matrices.0"])


def test_products_in_bfloat16_change_little() -> None:
    losses = [
        Learner(dataclasses.replace(SMALL, precision=precision), torch.device("cpu")).update(
            some_batch(1)
        )
        for precision in ("float32", "bfloat16")
    ]
    exact, low = (float(of_run["critic_loss"]) for of_run in losses)
    assert low != exact
    assert low == pytest.approx(exact, rel=0.02)


def test_padded_actions_are_zero() -> None:
    learner = Learner(SMALL, torch.device("cpu"))
    action = learner.actor(learner.actor.inputs(torch.randn(1, 5, 128)))
    assert (action[..., :2] != 0).all()
    assert (action[..., 2:] == 0).all()


def test_the_best_actor_of_every_task_is_kept() -> None:
    layers = GroupedMLP(1, 2, (1, 1))

    def paint(number: float) -> None:
        for tensor in layers.parameters():
            tensor.data.fill_(number)

    best = BestActors(layers)
    for number, (task_index, score) in enumerate(
        # Running scores: 0.4; 0.6, the best; 0.4. Task 1 is never seen.
        [(0, 0.4), (0, 0.8), (0, 0.2)],
        start=1,
    ):
        paint(number)
        best.see(task_index, score, layers)
    paint(9)
    assert best.over(layers)["matrices.0"].flatten().tolist() == [2, 9]
    again = BestActors(layers)
    again.restore({name: t.clone() for name, t in best.state().items()})
    paint(10)
    again.see(0, 0.79, layers)  # 0.595
    assert again.over(layers)["matrices.0"].flatten().tolist() == [2, 10]


def test_the_experts_settings_are_options() -> None:
    file = Path(fasttd3.__file__).parent / "experiments" / "fasttd3_experts.toml"
    arguments = with_settings(["--config", str(file), "--out", "x", "--tasks", REACHER])
    found = tyro.cli(fasttd3.TrainFastTD3, args=arguments, config=(tyro.conf.OmitArgPrefixes,))
    assert found.run_config == FastTD3Config(
        tasks=(REACHER,),
        copies=4,
        networks="per-task",
        actor_widths=(256, 256),
        critic_widths=(512, 256),
        layer_norm=True,
        env_steps=5_500_000,
        start_steps=250,
        updates_per_vector_step=2,
        batch_size=192,
        n_step=3,
        replay_capacity=12_000,
        demos="shipped",
        demo_share=0.34,
        imitation_coef=2.0,
        imitation_end=0.4,
        weight_decay=0.01,
        target_rate=0.02,
        keep_best=True,
        eval_interval=5_500_000,
        eval_episodes=0,
        precision="bfloat16",
        workers=15,
    )


# Learning -------------------------------------------------------------------------------------


LEARNING = dataclasses.replace(
    SMALL,
    actor_widths=(64, 64),
    critic_widths=(64, 64),
    num_atoms=51,
    batch_size=64,
    replay_capacity=1000,
    learning_rate=1e-3,
    target_rate=0.05,
    weight_decay=0.01,
)


def score(agent: Any, tasks: Sequence[str], out: Path) -> float:
    result = mmbench.evaluate(agent, tasks=tasks, episodes=5, out=out, workers=0)
    return float(np.mean([values.mean() for values in result.scores.values()]))


def player(run: Path) -> Any:
    return lambda tasks, **_: FastTD3Agent(run, tasks, device="cpu")


def test_shared_networks_beat_random_play(tmp_path: Path) -> None:
    config = dataclasses.replace(
        LEARNING, copies=4, env_steps=4000, start_steps=100, updates_per_vector_step=1
    )
    Trainer(config, tmp_path / "run").run()
    learned = score(player(tmp_path / "run"), [REACHER], tmp_path / "learned")
    assert learned > score("random", [REACHER], tmp_path / "random") + 0.4


def test_networks_of_their_own_beat_random_play(tmp_path: Path) -> None:
    config = dataclasses.replace(
        LEARNING,
        tasks=(REACHER, ARENA),
        networks="per-task",
        env_steps=2000,
        start_steps=50,
        demos="shipped",
        imitation_coef=2.0,
        imitation_end=1.0,
        keep_best=True,
    )
    Trainer(config, tmp_path / "run").run()
    tasks = config.tasks
    learned = score(player(tmp_path / "run"), tasks, tmp_path / "learned")
    assert learned > score("random", tasks, tmp_path / "random") + 0.3


# Runs -----------------------------------------------------------------------------------------


class Stopped(Exception):
    pass


def stop_at(env_steps: int) -> Any:
    def on_progress(progress: Progress) -> None:
        if progress.phase == "training" and progress.done >= env_steps:
            raise Stopped

    return on_progress


def logged(run: Path) -> list[tuple[str, ...]]:
    """Return the metrics that do not tell the time."""
    with (run / "metrics.csv").open() as stream:
        return [
            (row["env_steps"], row["updates"], row["name"], row["value"])
            for row in csv.DictReader(stream)
            if not row["name"].endswith("_per_s")
        ]


def assert_same_run(ours: Path, theirs: Path) -> None:
    for name in ("model.safetensors", "snapshot.safetensors"):
        expected, found = load_file(theirs / name), load_file(ours / name)
        assert found.keys() == expected.keys()
        for key, tensor in expected.items():
            assert torch.equal(found[key].nan_to_num(), tensor.nan_to_num()), (name, key)
    assert logged(ours) == logged(theirs)


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fasttd3, "LOG_INTERVAL", 20)
    config = dataclasses.replace(
        SMALL,
        tasks=(REACHER, ARENA),  # all begin together every 100 env steps
        networks="per-task",
        demos="shipped",
        keep_best=True,
        imitation_coef=1.0,
        eval_interval=300,  # vector step 75: the snapshot is taken at 100
        env_steps=4 * 170,
    )
    Trainer(config, tmp_path / "whole").run()
    with pytest.raises(Stopped):
        Trainer(config, tmp_path / "parts", stop_at(4 * 140)).run()
    assert load_snapshot(tmp_path / "parts", "cpu")[1]["env_steps"] == 4 * 100
    Trainer(config, tmp_path / "parts").run()
    assert_same_run(tmp_path / "parts", tmp_path / "whole")


CODE = """
import sys
from tests.baselines import test_fasttd3 as module
module.Trainer(module.KILLED, sys.argv[1]).run()
"""
KILLED = dataclasses.replace(SMALL, eval_interval=100, env_steps=3000)


def test_a_killed_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    Trainer(KILLED, tmp_path / "whole").run()
    killed = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", CODE, str(killed)])
    while not (killed / "snapshot.safetensors").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert load_snapshot(killed, "cpu")[1]["env_steps"] < 3000
    Trainer(KILLED, killed).run()
    assert_same_run(killed, tmp_path / "whole")


def test_a_worker_that_dies_leaves_no_step_that_did_not_happen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fasttd3, "LOG_INTERVAL", 10)
    snapshots = []

    def on_progress(progress: Progress) -> None:
        if progress.done == 2 * 30:
            pid = max(child.pid or 0 for child in multiprocessing.active_children())
            os.kill(pid, signal.SIGKILL)
        if (tmp_path / "snapshot.safetensors").exists():
            snapshots.append(load_snapshot(tmp_path, "cpu")[1]["env_steps"])

    config = dataclasses.replace(SMALL, workers=2, eval_interval=120, env_steps=2 * 130)
    Trainer(config, tmp_path, on_progress).run()
    # Due at vector step 60; as the copies begin at other times now, it waits for one episode.
    assert set(snapshots) == {2 * 110}
    tensors, numbers = load_snapshot(tmp_path, "cpu")
    assert numbers["env_steps"] == 2 * 130
    for obs, is_last in zip(
        tensors["ring.obs"].numpy(), tensors["ring.is_last"].numpy(), strict=True
    ):
        # The target stays where it is in an episode.
        for episode in np.split(obs[:, 4:6], np.flatnonzero(is_last) + 1):
            assert (episode == episode[:1]).all()


def test_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    Trainer(SMALL_RUN, tmp_path).run()
    with pytest.raises(RunError, match="holds a run with batch_size 4, not 5"):
        Trainer(dataclasses.replace(SMALL_RUN, batch_size=5), tmp_path).run()


SMALL_RUN = dataclasses.replace(SMALL, env_steps=60, eval_interval=40, eval_episodes=1)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fasttd3")
    Trainer(SMALL_RUN, out).run()
    return out


def test_a_run_that_is_over_stays_the_same_checkpoint(run_folder: Path) -> None:
    before = hash_path(run_folder)
    (run_folder / ".lock").write_text("{}")  # of another process
    Trainer(SMALL_RUN, run_folder).run()
    assert hash_path(run_folder) == before


def test_a_run_is_logged_and_evaluated(run_folder: Path) -> None:
    names = {name for _, _, name, _ in logged(run_folder)}
    assert names == {"critic_loss", "value"}
    with (run_folder / "evaluations.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["env_steps"], row["task"]) for row in rows] == [("40", REACHER)]


# Checkpoints ----------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(run_folder: Path, tmp_path: Path) -> Path:
    for name in ("model.safetensors", "config.json"):
        (tmp_path / name).write_bytes((run_folder / name).read_bytes())
    return tmp_path


def load(folder: Path, *tasks: str) -> Any:
    return fasttd3.make(tasks or (REACHER,), checkpoint=str(folder), device="cpu", seed=0)


def test_a_checkpoint_of_a_gpu_plays_without_one(checkpoint: Path) -> None:
    config = checkpoint / "config.json"
    config.write_text(config.read_text().replace('"device": "cpu"', '"device": "cuda"'))
    obs = np.ones((2, 128), np.float32)
    actions = load(checkpoint, REACHER, REACHER).act(obs, first=np.ones(2, bool))
    assert actions.shape == (2, 16)
    assert np.array_equal(actions[0], actions[1])


def test_an_agent_needs_a_checkpoint() -> None:
    with pytest.raises(CheckpointError, match="give one with --checkpoint"):
        fasttd3.make((REACHER,), checkpoint=None, device="cpu", seed=0)


def test_tasks_that_were_not_trained_are_refused(checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match=r"was trained on 1 tasks; og-point-arena is none"):
        load(checkpoint, REACHER, ARENA)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{", ""),
        ('"copies"', '"sources"'),
        ('"num_atoms": 5', '"num_atoms": "many"'),
        ("mujoco-reacher", "no-such-task"),
        ('"num_atoms": 5', '"num_atoms": 0'),
    ],
)
def test_a_damaged_description_is_refused(checkpoint: Path, old: str, new: str) -> None:
    config = checkpoint / "config.json"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read: "):
        load(checkpoint)


def test_weights_that_do_not_fit_are_refused(checkpoint: Path) -> None:
    file = checkpoint / "model.safetensors"
    tensors = load_file(file)
    tensors["actor.biases.0"] = tensors["actor.biases.0"][..., :7].contiguous()
    tensors["obs.mean"][0, 0] = torch.nan
    del tensors["obs.std"]
    save_file(tensors, file)
    with pytest.raises(CheckpointError) as caught:
        load(checkpoint)
    assert str(caught.value) == (
        f"{checkpoint} does not fit the model: actor.biases.0 has shape (1, 1, 1, 7), "
        "expected (1, 1, 1, 8); obs.mean has entries that are not finite; obs.std is missing"
    )
    file.write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be read: "):
        load(checkpoint)
    file.unlink()
    with pytest.raises(CheckpointError, match=r"it has no model\.safetensors"):
        load(checkpoint)


# Arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"copies": 0}, "copies is 0, expected 1 or more"),
        ({"num_atoms": 1}, "num_atoms is 1, expected 2 or more"),
        ({"learning_rate": float("nan")}, "learning_rate is nan, expected 0 or more"),
        ({"max_noise": 0.01}, "max_noise is 0.01, expected 0.05 or more"),
        ({"demo_share": 1.5}, "demo_share is 1.5, expected 0 to 1"),
        ({"critic_widths": (8, 0)}, "critic_widths is 0, expected 1 or more"),
        ({"keep_best": True}, "keep_best needs an actor per task; give --networks per-task"),
        ({"tasks": (ARENA, ARENA)}, "a task is named twice; --copies plays it several times"),
    ],
)
def test_bad_numbers_are_told(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        dataclasses.replace(SMALL, **change)
    assert str(caught.value) == message
