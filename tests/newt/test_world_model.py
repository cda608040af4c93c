"""Networks: shapes, counts, and what depends on what."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from newt_agent.activations import simnorm
from newt_agent.config import NewtConfig, SizeName
from newt_agent.networks import StackedMLP
from newt_agent.world_model import WorldModel

COUNTS: dict[tuple[SizeName, int], int] = {
    ("S", 0): 2_143_284,
    ("M", 0): 5_272_399,
    ("B", 0): 7_261_566,
    ("L", 0): 20_356_734,
    ("XL", 0): 81_591_240,
    ("S", 768): 2_241_588,
    ("B", 768): 7_458_174,
    ("L", 768): 21_143_166,
    ("XL", 768): 83_164_104,
}


def made(num_tasks: int = 3, **config: object) -> WorldModel:
    torch.manual_seed(0)
    settings = NewtConfig(**{"size": "S", "embedding_dim": 8, **config})  # type: ignore[arg-type]
    masks = torch.zeros(num_tasks, 16)
    for task in range(num_tasks):
        masks[task, : 2 * task + 1] = 1
    return WorldModel(settings, torch.randn(num_tasks, settings.embedding_dim), masks)


@pytest.mark.parametrize(("size", "feature_dim"), COUNTS)
def test_parameter_counts(size: SizeName, feature_dim: int) -> None:
    with torch.device("meta"):
        config = NewtConfig(size=size, feature_dim=feature_dim)
        model = WorldModel(config, torch.zeros(200, 512), torch.zeros(200, 16))
    assert sum(p.numel() for p in model.parameters()) == COUNTS[size, feature_dim]


def test_single_task_model_without_embedding_has_the_published_size() -> None:
    with torch.device("meta"):
        config = NewtConfig(size="B", embedding_dim=0)
        model = WorldModel(config, torch.zeros(1, 0), torch.zeros(1, 16))
    assert sum(p.numel() for p in model.parameters()) == 5_033_342


@pytest.mark.parametrize(
    ("size", "count"), [("S", 1_470_260), ("B", 5_470_334), ("L", 16_542_078), ("XL", 72_238_792)]
)
def test_multitask_td_mpc2_has_the_published_size(size: SizeName, count: int) -> None:
    with torch.device("meta"):
        config = NewtConfig(size=size, embedding_dim=0, code_dim=96)
        model = WorldModel(config, torch.zeros(200, 0), torch.zeros(200, 16))
    assert sum(p.numel() for p in model.parameters()) == count


def test_codes_stand_behind_embeddings_and_are_shortened_to_norm_one() -> None:
    model = made(code_dim=2)
    assert model.codes is not None
    assert model.codes.abs().max() <= 0.02
    with torch.no_grad():
        model.codes.copy_(torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, -2.0]]))
    model.limit_codes()
    expected = torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, -1.0]])
    torch.testing.assert_close(model.codes.data, expected)
    torch.testing.assert_close(model.task_vectors()[:, :8], model.embeddings)
    torch.testing.assert_close(model.task_vectors()[:, 8:], model.codes)
    assert not model.task_vectors(frozen=True).requires_grad


def test_a_checkpoints_codes_are_of_its_own_tasks() -> None:
    model, other = made(code_dim=2), made(num_tasks=5, code_dim=2)
    assert model.codes is not None
    before = model.codes.clone()
    model.load_networks(other)
    torch.testing.assert_close(model.codes.data, before)
    torch.testing.assert_close(model.policy.matrices[0], other.policy.matrices[0])


def test_residual_dynamics_begin_at_nothing_changes() -> None:
    model = made(has_residual_dynamics=True)
    context = model.contexts().of(torch.tensor([1]))
    z = model.encode(torch.randn(1, 128), context)
    action = torch.rand(1, 16)
    torch.testing.assert_close(model.next_latent(z, action, context), z, rtol=1e-4, atol=1e-5)
    # What the last layer adds multiplies: SimNorm(log z + b) is z exp(b), with sums of 1 again.
    with torch.no_grad():
        model.dynamics.shifts[-1].normal_(std=0.5)
    raised = (z * model.dynamics.shifts[-1].exp()).view(8, -1)
    expected = (raised / raised.sum(0)).view(1, -1)
    found = model.next_latent(z, action, context)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert found.sum().item() == pytest.approx(384 / 8)


def test_networks_may_begin_anew() -> None:
    model, other = made(), made()
    for network in (other.reward, other.q, other.policy):
        torch.nn.init.ones_(network.matrices[0])
    model.load_networks(other, but=("reward", "q"))
    assert not (model.reward.matrices[0] == 1).any()
    assert not (model.q.matrices[0] == 1).any()
    assert (model.policy.matrices[0] == 1).all()


def test_simnorm_is_a_softmax_in_groups_of_eight() -> None:
    x = torch.tensor([[0, 7], [1, 6], [2, 5], [3, 4], [4, 3], [5, 2], [6, 1], [7, 0]]).float()
    y = simnorm(x.view(1, 16)).view(8, 2)
    group = [math.exp(i) for i in range(8)]
    expected = torch.tensor([value / sum(group) for value in group])
    torch.testing.assert_close(y[:, 0], expected)
    torch.testing.assert_close(y[:, 1], expected.flip(0))


@pytest.mark.parametrize("num_members", [1, 3])
def test_members_equal_plain_perceptrons_of_the_concatenated_input(num_members: int) -> None:
    torch.manual_seed(1)
    stack = StackedMLP(
        num_members=num_members,
        x_dim=5,
        embedding_dim=4,
        more_dim=3,
        widths=[16, 24],
        out_dim=8,
        last="simnorm",
    )
    for parameter in stack.parameters():
        nn.init.normal_(parameter)
    x, embeddings, more = torch.randn(6, 5), torch.randn(2, 4), torch.randn(6, 3)
    task = torch.tensor([0, 1, 1, 0, 0, 1])
    out = stack(x, stack.contexts(embeddings)[:, task], more)
    assert out.shape == (num_members, 6, 8)
    for member in range(num_members):
        h = torch.cat((x, embeddings[task], more), dim=1)
        for index in range(3):
            h = functional.linear(h, stack.matrices[index][member], stack.biases[index][member])
            h = functional.layer_norm(
                h, h.shape[-1:], stack.gains[index][member], stack.shifts[index][member], 1e-5
            )
            h = functional.mish(h) if index < 2 else simnorm(h)
        torch.testing.assert_close(out[member], h)
    pair = torch.tensor([num_members - 1, 0])
    torch.testing.assert_close(
        stack(x, stack.contexts(embeddings)[:, task], more, members=pair), out[pair]
    )


def test_rows_broadcast() -> None:
    model = made()
    task = torch.tensor([0, 2])
    z, action = torch.randn(2, 384), torch.randn(2, 5, 16)
    context = model.contexts().of(task)
    wide = type(context)(*(rows[:, :, None] for rows in context))
    together = model.next_latent(z[:, None], action, wide)
    for sample in range(5):
        alone = model.next_latent(z, action[:, sample], context)
        torch.testing.assert_close(together[:, sample], alone)


def test_the_start() -> None:
    model = made()
    task = torch.tensor([0, 1, 2])
    context = model.contexts().of(task)
    z = model.encode(torch.randn(3, 128), context)
    torch.testing.assert_close(z.view(3, 8, 48).sum(1), torch.ones(3, 48))
    action = torch.zeros(3, 16)
    assert not model.reward_logits(z, action, context).any()
    assert not model.q_logits(z, action, context).any()
    sample = model.act(z, context, model.action_masks[task], torch.zeros(3, 16))
    assert sample.mean.abs().max() < 0.5


def test_padded_actions_stay_zero_and_do_not_count() -> None:
    model = made()
    task = torch.tensor([0, 1])
    context = model.contexts().of(task)
    z = torch.rand(2, 384)
    mask, noise = model.action_masks[task], torch.randn(2, 16)
    sample = model.act(z, context, mask, noise)
    assert not sample.action[0, 1:].any()
    assert not sample.log_std[1, 3:].any()
    log_std, e = sample.log_std[0, 0].item(), noise[0, 0].item()
    expected = -(e**2) / 2 - log_std - 0.9189385175704956
    assert sample.log_likelihood[0].item() == pytest.approx(expected, rel=1e-5)


def test_log_std_lies_between_its_bounds() -> None:
    model = made()
    with torch.no_grad():
        model.policy.biases[-1][:, 16:] = torch.tensor([-1e3, 1e3] * 8)
    context = model.contexts().of(torch.tensor([2]))
    sample = model.act(torch.rand(1, 384), context, torch.ones(1, 16), torch.zeros(1, 16))
    assert sample.log_std[0, :2].tolist() == [-10.0, 2.0]


def test_pairs_are_distinct_and_all_occur() -> None:
    model = made()
    generator = torch.Generator().manual_seed(0)
    pairs = {tuple(model.draw_q_pair(generator).tolist()) for _ in range(100)}
    assert pairs == {(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)}
