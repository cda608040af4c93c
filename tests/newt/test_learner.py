"""Losses and targets, against the equations written out row by row."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from mmbench.training import two_hot
from mmbench.training.replay import Batch
from newt_agent.config import LearningConfig
from newt_agent.learner import Learner
from newt_agent.losses import td_target
from newt_agent.scale import RunningScale
from newt_agent.world_model import WorldModel
from tests.newt.test_world_model import made

RHO = (8 / 15, 4 / 15, 2 / 15, 1 / 15)
DISCOUNTS = torch.tensor([0.9, 0.95, 0.99])
B = 5


def trained_model() -> WorldModel:
    """A model whose outputs are not all zero."""
    model = made()
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def batch() -> Batch:
    torch.manual_seed(4)
    model = made()
    task = torch.tensor([0, 1, 2, 1, 0])
    obs, action = torch.randn(4, B, 128), torch.rand(3, B, 16) * 2 - 1
    return Batch(
        obs=obs, action=action * model.action_masks[task], reward=torch.randn(3, B), task=task
    )


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """No noise in the policy and the first two Q networks, so that losses have one value."""

    monkeypatch.setattr(Learner, "_noise", lambda self, *shape: torch.zeros(shape))
    monkeypatch.setattr(WorldModel, "draw_q_pair", lambda *arguments: torch.tensor([0, 1]))
    return


def losses_by_hand(learner: Learner, data: Batch) -> dict[str, float]:
    """Equations of the specification for every row and time step alone."""
    model = learner.model
    consistency = reward = value = prior = 0.0
    with torch.no_grad():
        for b in range(B):
            task = int(data.task[b])
            context = model.contexts().of(torch.tensor([task]))
            target_table = learner.target_q.contexts(model.embeddings)
            target_context = context._replace(q=target_table[:, [task]])
            mask = model.action_masks[[task]]
            z = model.encode(data.obs[0, b][None], context)
            for t in range(3):
                action = data.action[t, b][None]
                next_z = model.encode(data.obs[t + 1, b][None], context)
                # target
                a = model.act(next_z, context, mask, torch.zeros(1, 16)).action
                logits = model.q_logits(next_z, a, target_context, network=learner.target_q)
                q = min(two_hot.decode(logits[0]).item(), two_hot.decode(logits[1]).item())
                y = data.reward[t, b].item() + DISCOUNTS[task].item() * q
                # losses
                logits = model.reward_logits(z, action, context)
                reward += RHO[t] * _ce(logits[0], data.reward[t, b].item()) / B
                for logits in model.q_logits(z, action, context)[:, 0]:
                    value += RHO[t] * _ce(logits, y) / B / 3
                sample = model.act(z, context, mask, torch.zeros(1, 16))
                d = int(mask.sum())
                cloning = (
                    sum((sample.action[0, j] - action[0, j]).item() ** 2 for j in range(d)) / d
                )
                gaussian = sum(-sample.log_std[0, j].item() - 0.91893853 for j in range(d))
                prior += RHO[t] * (cloning - 1e-4 * -d * gaussian) / B / 3
                z = model.next_latent(z, action, context)
                consistency += RHO[t] * (z - next_z).square().mean().item() / B
    return {"consistency": consistency, "reward": reward, "value": value, "prior": prior}


def _ce(logits: Tensor, x: float) -> float:
    p = torch.softmax(logits, 0)
    return -(two_hot.two_hot(torch.tensor(x)) * p.log()).sum().item()


@pytest.mark.usefixtures("noise")
def test_model_losses() -> None:
    learner = Learner(trained_model(), DISCOUNTS, LearningConfig(), seed=0)
    with torch.no_grad():  # the targets differ from the online networks
        for parameter in learner.target_q.parameters():
            parameter.mul_(1.5)
    expected = losses_by_hand(learner, batch())
    metrics = learner.pretrain(batch())
    for name, number in expected.items():
        assert metrics[name].item() == pytest.approx(number, rel=1e-4), name
    total = 20 * expected["consistency"] + 0.1 * (expected["reward"] + expected["value"])
    assert metrics["loss"].item() == pytest.approx(total + expected["prior"], rel=1e-4)


@pytest.mark.usefixtures("noise")
def test_policy_loss_is_taken_after_the_models_step_on_latents_from_before_it() -> None:
    data = batch()
    learner = Learner(trained_model(), DISCOUNTS, LearningConfig(), seed=0)
    learner.scale.value[:] = 2.5
    model = learner.model
    _, z = learner._step_model(data, has_prior=False)
    expected = 0.0
    with torch.no_grad():
        for b in range(B):
            task = int(data.task[b])
            context = model.contexts().of(torch.tensor([task]))
            mask = model.action_masks[[task]]
            d = int(mask.sum())
            for t in range(4):
                sample = model.act(z[t, b][None], context, mask, torch.zeros(1, 16))
                logits = model.q_logits(z[t, b][None], sample.action, context)
                q = (two_hot.decode(logits[0]) + two_hot.decode(logits[1])).item() / 2
                entropy = -d * sample.log_likelihood.item()
                expected += RHO[t] * (-q / 2.5 - 1e-4 * entropy) / B
                if t < 3:
                    error = (sample.action[0, :d] - data.action[t, b, :d]).square().sum().item()
                    expected += RHO[t] * error / d / B
    before = [parameter.clone() for parameter in model.q.parameters()]
    metrics = learner._step_policy(data, z)
    assert metrics["policy_loss"].item() == pytest.approx(expected, rel=1e-4)
    for old, new in zip(before, model.q.parameters(), strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=0)


def test_online_targets_are_a_parity_option() -> None:
    data = batch()
    targets = {}
    for kind in ("ema", "online"):
        learner = Learner(trained_model(), DISCOUNTS, LearningConfig(target=kind), seed=0)
        for parameter in learner.target_q.parameters():
            torch.nn.init.zeros_(parameter)
        context = learner.model.contexts().of(data.task[None])
        z, noise, pair = torch.rand(3, B, 384), torch.zeros(3, B, 16), torch.tensor([0, 1])
        targets[kind] = td_target(
            *(learner.model, learner.target_q, data, z, context, learner.constants),
            noise=noise,
            pair=pair,
        )
    torch.testing.assert_close(targets["ema"], data.reward)  # zero networks decode to 0
    assert not torch.allclose(targets["online"], data.reward)


def test_targets_follow_by_one_percent() -> None:
    learner = Learner(trained_model(), DISCOUNTS, LearningConfig(), seed=0)
    before = learner.target_q.matrices[0].clone()
    learner.update(batch())
    online = learner.model.q.matrices[0]
    torch.testing.assert_close(learner.target_q.matrices[0], before + 0.01 * (online - before))


def test_the_policy_is_left_alone_by_the_models_step_online() -> None:
    learner = Learner(trained_model(), DISCOUNTS, LearningConfig(), seed=0)
    before = [parameter.clone() for parameter in learner.model.policy.parameters()]
    for _ in range(2):
        learner._step_model(batch(), has_prior=False)
    for old, new in zip(before, learner.model.policy.parameters(), strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=0)


def test_codes_learn_from_the_models_loss_alone() -> None:
    model = made(code_dim=4)
    learner = Learner(model, DISCOUNTS, LearningConfig(learning_rate=1e-3), seed=0)
    assert model.codes is not None
    assert learner.model_optimizer.param_groups[-1]["params"] == [model.codes]
    assert [group["lr"] for group in learner.model_optimizer.param_groups] == [3e-4, *[1e-3] * 5]
    before = model.codes.detach().clone()
    _, z = learner._step_model(batch(), has_prior=False)
    after = model.codes.detach().clone()
    assert (after - before).abs().max() > 1e-4
    model.codes.grad = None
    learner._step_policy(batch(), z)
    assert model.codes.grad is None


def test_warmup_counts_the_updates_of_each_optimiser() -> None:
    learner = Learner(trained_model(), DISCOUNTS, LearningConfig(warmup_updates=5000), seed=0)
    factors = [learner.warmup_factor(n - 1) for n in (1, 2, 3, 4999, 6000)]
    assert factors == [2 / 5000, 3 / 5000, 4 / 5000, 1.0, 1.0]
    learner.pretrain(batch())
    assert learner.model_optimizer.param_groups[0]["lr"] == pytest.approx(9e-5 * 3 / 5000)
    assert learner.policy_optimizer.param_groups[0]["lr"] == pytest.approx(3e-4 * 2 / 5000)


def test_the_scale_follows_the_spread_of_values() -> None:
    scale = RunningScale(1, 0.01, torch.device("cpu"))
    scale.update(torch.arange(101.0), torch.zeros(101, dtype=torch.long))  # percentiles 5 and 95
    assert scale.value.item() == pytest.approx(1 + 0.01 * (90 - 1))
    scale.update(torch.zeros(10), torch.zeros(10, dtype=torch.long))  # never below 1
    assert scale.value.item() == pytest.approx(1.89 + 0.01 * (1 - 1.89))


def test_scales_may_be_per_task() -> None:
    scale = RunningScale(3, 0.01, torch.device("cpu"))
    task = torch.tensor([1] * 101 + [2] * 10)
    scale.update(torch.cat((torch.arange(101.0), torch.zeros(10))), task)
    torch.testing.assert_close(scale.value, torch.tensor([1.0, 1.89, 1.0]))
    torch.testing.assert_close(scale.of(torch.tensor([2, 1])), torch.tensor([1.0, 1.89]))


@pytest.mark.parametrize(("num_tasks", "num_rows"), [(200, 256), (200, 1024), (13, 256)])
def test_scales_per_task_need_no_more_than_a_row_or_two_of_a_task(
    num_tasks: int, num_rows: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    scale = RunningScale(num_tasks, 0.1, torch.device("cpu"))
    for _ in range(60):
        task = torch.randint(num_tasks, (num_rows,), generator=generator)
        scale.update(100 * torch.rand(num_rows, generator=generator), task)
    assert scale.value.mean().item() == pytest.approx(90, abs=4)


def test_a_tasks_scale_forgets_values_older_than_its_last_128() -> None:
    scale = RunningScale(2, 1.0, torch.device("cpu"))
    scale.update(torch.linspace(0, 1000, 100), torch.zeros(100, dtype=torch.long))
    assert scale.value.tolist() == pytest.approx([900, 1])
    task = torch.tensor([0] * 200 + [1])
    scale.update(torch.cat((torch.linspace(5000, 6000, 72), torch.linspace(0, 100, 129))), task)
    # The last 128 of task 0 are 100 / 128 apart, from 0 to 99.2; task 1 has one value.
    assert scale.value.tolist() == pytest.approx([0.9 * 127 * 100 / 128, 1], rel=1e-4)


def test_a_scale_goes_on_where_it_was_saved() -> None:
    first, second = (RunningScale(3, 0.5, torch.device("cpu")) for _ in range(2))
    q, task = 10 * torch.randn(300), torch.randint(3, (300,))
    first.update(q[:200], task[:200])
    second.restore({name: tensor.clone() for name, tensor in first.tensors().items()})
    for scale in (first, second):
        scale.update(q[200:], task[200:])
    torch.testing.assert_close(first.value, second.value, rtol=0, atol=0)
    old = RunningScale(3, 0.5, torch.device("cpu"))
    old.restore({"scale": torch.tensor([4.0, 5.0, 6.0])})  # of before there were windows
    old.update(torch.zeros(1), torch.tensor([1]))
    assert old.value.tolist() == [4, 3, 6]


def test_imitation_has_one_coefficient_for_pretraining_and_one_for_online() -> None:
    data = batch()
    losses = []
    for config in (
        LearningConfig(pretrain_prior_coef=0, prior_coef=7),
        LearningConfig(pretrain_prior_coef=2, prior_coef=0),
        LearningConfig(pretrain_prior_coef=0, prior_coef=0),
    ):
        learner = Learner(trained_model(), DISCOUNTS, config, seed=0)
        pretrained = learner.pretrain(data)
        learner = Learner(trained_model(), DISCOUNTS, config, seed=0)
        losses.append((pretrained, learner.update(data)))
    (pretrained, online), (other_pretrained, _), (without, other_online) = losses
    assert pretrained["loss"].item() == pytest.approx(without["loss"].item())
    difference = other_pretrained["loss"] - pretrained["loss"]
    assert difference.item() == pytest.approx(2 * pretrained["prior"].item(), rel=1e-3)
    assert online["policy_loss"] > other_online["policy_loss"]


def test_rows_of_weight_zero_are_not_imitated() -> None:
    data = batch()
    weight = torch.zeros(3, B)
    weight[:, 0] = 0.5
    learner = Learner(trained_model(), DISCOUNTS, LearningConfig(), seed=0)
    whole = learner.update(data)["imitation"]
    learner = Learner(trained_model(), DISCOUNTS, LearningConfig(), seed=0)
    alone = learner.update(dataclasses.replace(data, weight=weight))["imitation"]
    assert 0 < alone < 0.5 * whole


def test_learning_fits_a_batch() -> None:
    learner = Learner(made(), DISCOUNTS, LearningConfig(learning_rate=1e-3), seed=0)
    data = batch()
    first = learner.update(data)
    assert first["reward"].item() == pytest.approx(14 / 15 * math.log(101), rel=1e-5)
    for _ in range(150):
        last = learner.update(data)
    assert last["reward"] < 0.6 * first["reward"]
    assert last["consistency"] < first["consistency"]
    assert all(torch.isfinite(metric) for metric in last.values())


def test_updates_are_a_function_of_the_seed() -> None:
    results = []
    for _ in range(2):
        learner = Learner(trained_model(), DISCOUNTS, LearningConfig(), seed=7)
        for _ in range(3):
            metrics = learner.update(batch())
        results.append({name: metric.item() for name, metric in metrics.items()})
    assert results[0] == results[1]
