import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import mmbench
from baselines import ppo
from baselines.ppo import PPOConfig, Trainer, make
from mmbench.errors import CheckpointError, DeviceError, RunError, UsageError
from mmbench.progress import Progress

TASKS = ("og-point-arena", "pygame-point-maze-var1")
CONFIG = PPOConfig(
    tasks=TASKS[:1],
    copies=8,
    width=64,
    num_layers=2,
    env_steps=8192,
    num_minibatches=4,
    num_epochs=10,
    learning_rate=1e-3,
    eval_interval=4096,
    eval_episodes=2,
    snapshot_episodes=2,  # a snapshot after every second rollout
    workers=0,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ppo")
    Trainer(CONFIG, out).run()
    return out


def test_ppo_beats_random_play(trained: Path, tmp_path: Path) -> None:
    scores = {}
    for agent, checkpoint in (("ppo", str(trained / "final")), ("random", None)):
        result = mmbench.evaluate(
            agent,
            tasks=TASKS[:1],
            episodes=5,
            out=tmp_path / agent,
            workers=0,
            checkpoint=checkpoint,
        )
        scores[agent] = result.scores[TASKS[0]].mean()
    assert scores["ppo"] > scores["random"] + 0.5


def test_a_run_is_logged(trained: Path) -> None:
    with (trained / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {int(row["env_steps"]) for row in rows} == set(range(1024, 8193, 1024))
    assert {row["name"] for row in rows} >= {"value_loss", "approx_kl", "score", "updates_per_s"}
    assert int(rows[-1]["updates"]) == 8 * 4 * 10
    with (trained / "evaluations.csv").open() as stream:
        assert [int(row["env_steps"]) for row in csv.DictReader(stream)] == [4096, 8192]
    assert (trained / "learning_curves.png").exists()


class StopError(Exception):
    pass


def test_a_run_that_was_stopped_goes_on_bit_for_bit(trained: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.phase == "training" and progress.done >= 5 * 1024:
            raise StopError

    with pytest.raises(StopError):
        Trainer(CONFIG, tmp_path, stop).run()
    resumed = Trainer(CONFIG, tmp_path)
    resumed.run()
    for name in ("final/model.safetensors", "latest/model.safetensors", "evaluations.csv"):
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes(), name
    assert losses(tmp_path) == losses(trained)


def losses(folder: Path) -> list[tuple[str, str, str]]:
    with (folder / "metrics.csv").open() as stream:
        return [
            (row["env_steps"], row["name"], row["value"])
            for row in csv.DictReader(stream)
            if not row["name"].endswith("_per_s")
        ]


def test_a_run_that_is_over_is_left_alone(trained: Path) -> None:
    before = losses(trained)
    Trainer(CONFIG, trained).run()
    assert losses(trained) == before


def test_another_run_is_not_gone_on_with(trained: Path) -> None:
    with pytest.raises(RunError, match="holds a run with width 64, not 32"):
        Trainer(dataclasses.replace(CONFIG, width=32), trained).run()


def test_tasks_of_any_size_are_trained_together(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, tasks=TASKS, copies=2, env_steps=1024, workers=1)
    Trainer(config, tmp_path).run()
    agent = make(TASKS[::-1], checkpoint=str(tmp_path / "final"), device="cpu", seed=0)
    obs = np.zeros((2, mmbench.MAX_OBS_DIM), np.float32)
    actions = agent.act(obs, first=np.ones(2, bool))
    for row, name in zip(actions, TASKS[::-1], strict=True):
        num_entries = mmbench.task(name).action_dim
        assert (row[num_entries:] == 0).all()
        assert (row[:num_entries] != 0).all()
        assert (np.abs(row) <= 1).all()


def test_only_true_entries_count_in_densities_and_entropies() -> None:
    mask = torch.tensor([[1.0, 1.0, 0.0]])
    action, mean = torch.tensor([[1.0, 0.0, 9.0]]), torch.zeros(1, 3)
    log_std = torch.tensor([[0.0, np.log(2.0), 5.0]])
    normal = torch.distributions.Normal(mean, log_std.exp())
    expected = normal.log_prob(action)[0, :2].sum()
    assert ppo.log_probability(action, mean, log_std, mask).item() == pytest.approx(expected.item())
    expected = normal.entropy()[0, :2].sum()
    assert ppo.entropy(log_std, mask).item() == pytest.approx(expected.item())


def test_advantages_end_with_the_episode() -> None:
    # Two environments with discounts 0.5 and 1, lambda 0.5. The first one's episode ends after
    # step 1, whose reward holds the value of the last observation already.
    advantages = ppo.generalised_advantages(
        rewards=np.array([[1, 1], [2, 1], [3, 1]], np.float32),
        values=np.array([[4, 0], [2, 0], [2, 0]], np.float32),
        ends=np.array([[False, False], [True, False], [False, False]]),
        last_values=np.array([8, 2], np.float32),
        discount=np.array([0.5, 1], np.float32),
        gae_lambda=0.5,
    )
    # First: step 2: 3 + .5*8 - 2 = 5; step 1: 2 - 2 = 0; step 0: 1 + .5*2 - 4 + .25*0 = -2.
    # Second: step 2: 1 + 2 = 3; step 1: 1 + .5*3 = 2.5; step 0: 1 + .5*2.5 = 2.25.
    np.testing.assert_allclose(advantages, [[-2, 2.25], [0, 2.5], [5, 3]])


def test_a_truncated_episode_is_bootstrapped_with_its_own_discount(tmp_path: Path) -> None:
    name = "og-point-arena"
    length = mmbench.task(name).max_episode_steps
    trainer = Trainer(dataclasses.replace(CONFIG, copies=1, rollout_steps=length), tmp_path)
    envs = mmbench.make_vec([name], num_workers=0)
    with torch.no_grad():  # the value is 7 everywhere
        trainer.networks.critic[-1].weight.zero_()
        trainer.networks.critic[-1].bias.fill_(7.0)
    trainer._begin(envs)
    trainer._play(envs)
    rewards = trainer._ppo.rollout_buffer.rewards[:, 0]
    discount = mmbench.task(name).effective_discount
    assert rewards[-1] == pytest.approx(7 * discount, abs=0.5)
    assert np.abs(rewards[5:-1]).max() < 3  # the first ones have little to be scaled by
    envs.close()


@pytest.mark.parametrize("damage", ["missing", "words", "cut", "other"])
def test_a_bad_checkpoint_is_told(trained: Path, tmp_path: Path, damage: str) -> None:
    for file in (trained / "final").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config, weights = tmp_path / "config.json", tmp_path / "model.safetensors"
    if damage == "missing":
        weights.unlink()
    elif damage == "words":
        config.write_text("not json")
    elif damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    else:
        config.write_text(config.read_text().replace('"width": 64', '"width": 32'))
    with pytest.raises(CheckpointError, match="is no checkpoint of 'ppo'"):
        make(TASKS[:1], checkpoint=str(tmp_path), device="cpu", seed=0)


def test_a_task_it_was_not_trained_on_is_told(trained: Path) -> None:
    with pytest.raises(CheckpointError, match="was trained on 1 tasks; pygame-point-maze-var1 is"):
        make(TASKS, checkpoint=str(trained / "final"), device="cpu", seed=0)
    with pytest.raises(CheckpointError, match="agent 'ppo' plays a checkpoint"):
        make(TASKS, checkpoint=None, device="cpu", seed=0)


def test_settings_that_cannot_be_right_are_told() -> None:
    with pytest.raises(UsageError, match="num_epochs is 0, expected 1 or more"):
        dataclasses.replace(CONFIG, num_epochs=0)
    with pytest.raises(UsageError, match="a task is named twice; --copies plays it several times"):
        dataclasses.replace(CONFIG, tasks=TASKS[:1] * 2)
    with pytest.raises(DeviceError, match="'gpu' is no device"):
        dataclasses.replace(CONFIG, device="gpu")
