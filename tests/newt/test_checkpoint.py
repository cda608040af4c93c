"""Checkpoints: what is saved comes back, and nothing else is let in."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mmbench.errors import CheckpointError
from mmbench.training.tables import discounts
from newt_agent.checkpoint import Checkpoint, load_checkpoint, new_model, save_checkpoint
from newt_agent.config import SIZES, NewtConfig, SizeName
from newt_agent.official import OFFICIAL_TASKS, load_official
from tests.hostile import Hostile

TASKS = ("walker-run", "atari-pong", "pygame-landing")
CONFIG = NewtConfig(size="S", embedding_dim=384)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Checkpoint]:
    model = new_model(CONFIG, TASKS, "minilm", seed=1)
    target = {name: 2 * tensor for name, tensor in model.q.state_dict().items()}
    checkpoint = Checkpoint(model=model, tasks=TASKS, encoder="minilm", target_q=target)
    save_checkpoint(tmp_path / "c", checkpoint)
    return tmp_path / "c", checkpoint


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)


def test_what_is_saved_comes_back(saved: tuple[Path, Checkpoint]) -> None:
    folder, checkpoint = saved
    loaded = load_checkpoint(folder)
    assert loaded.model.config == CONFIG
    assert loaded.tasks == TASKS
    assert loaded.encoder == "minilm"
    assert_same(loaded.model.state_dict(), checkpoint.model.state_dict())
    assert_same(dict(loaded.target_q), dict(checkpoint.target_q))
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert all(parameter.requires_grad for parameter in loaded.model.parameters())


def test_a_model_is_a_function_of_its_seed() -> None:
    models = [new_model(CONFIG, TASKS, "minilm", seed=seed) for seed in (1, 1, 2)]
    assert_same(models[0].state_dict(), models[1].state_dict())
    assert not torch.equal(models[0].q.matrices[0], models[2].q.matrices[0])


def test_tables_are_those_of_the_tasks() -> None:
    model = new_model(CONFIG, TASKS, "minilm")
    assert model.action_masks.sum(1).tolist() == [6, 3, 2]
    assert discounts(TASKS).tolist() == pytest.approx([0.99, 0.99, 0.975])
    with pytest.raises(CheckpointError, match="embedding_dim is 384, encoder 'clip' has 512"):
        new_model(CONFIG, TASKS, "clip")


def test_damage_is_told(saved: tuple[Path, Checkpoint], tmp_path: Path) -> None:
    folder, _ = saved
    with pytest.raises(CheckpointError, match="is not a checkpoint: it has no model.safetensors"):
        load_checkpoint(tmp_path)
    description = json.loads((folder / "config.json").read_text())
    for change, message in (
        ({"config": {**description["config"], "size": "B"}}, "does not fit the model: .* expected"),
        ({"config": {**description["config"], "size": "XXL"}}, "config.json cannot be read"),
        ({"tasks": ["walker-jog"]}, "config.json cannot be read: unknown task 'walker-jog'"),
        ({"surprise": 1}, "config.json cannot be read"),
    ):
        (folder / "config.json").write_text(json.dumps({**description, **change}))
        with pytest.raises(CheckpointError, match=message):
            load_checkpoint(folder)
    (folder / "config.json").write_text(json.dumps(description))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be read"):
        load_checkpoint(folder)


def test_weights_that_are_not_numbers_are_refused(saved: tuple[Path, Checkpoint]) -> None:
    folder, checkpoint = saved
    with torch.no_grad():
        checkpoint.model.q.biases[0][0, 0] = float("nan")
    save_checkpoint(folder, checkpoint)
    with pytest.raises(CheckpointError, match=r"q\.biases\.0 has entries that are not finite"):
        load_checkpoint(folder)


def official_state(size: SizeName, embedding_dim: int = 512, obs: int = 128) -> dict[str, Tensor]:
    """A state dict laid out like the original's, with recognisable numbers."""
    known = SIZES[size]
    d, w, e = known.latent_dim, known.mlp_width, embedding_dim
    state: dict[str, Tensor] = {
        "_action_masks": torch.ones(200 if e else 10, 16),
        "log_std_min": torch.tensor(-10),
        "log_std_dif": torch.tensor(12.0),
    }
    if e:
        state["_task_emb.weight"] = torch.randn(200, e)

    def add(name: str, num_inputs: int, widths: list[int], last_has_norm: bool) -> None:
        for layer, num_outputs in enumerate(widths):
            state[f"{name}.{layer}.weight"] = torch.randn(num_outputs, num_inputs)
            state[f"{name}.{layer}.bias"] = torch.randn(num_outputs)
            if layer < len(widths) - 1 or last_has_norm:
                state[f"{name}.{layer}.ln.weight"] = torch.randn(num_outputs)
                state[f"{name}.{layer}.ln.bias"] = torch.randn(num_outputs)
            num_inputs = num_outputs

    hidden = [known.encoder_width] * (known.num_encoder_layers - 1)
    add("_encoder.state", obs + e, [*hidden, d], last_has_norm=True)
    add("_dynamics", d + e + 16, [w, w, d], last_has_norm=True)
    add("_reward", d + e + 16, [w, w, 101], last_has_norm=False)
    add("_pi", d + e, [w, w, 32], last_has_norm=False)
    for kind in ("online", "target"):
        for member in range(known.num_q):
            add(f"_Qs.{kind}._Qs.{member}", d + e + 16, [w, w, 101], last_has_norm=False)
    return state


def stored(folder: Path, content: Any) -> Path:
    file = folder / "soup.pt"
    torch.save(content, file)
    return file


def test_the_originals_tasks_are_the_200() -> None:
    assert len(OFFICIAL_TASKS) == 200
    assert OFFICIAL_TASKS[0] == "walker-stand"
    assert OFFICIAL_TASKS[86] == "ms-ant-walk"
    assert OFFICIAL_TASKS[154] == "pygame-cowboy"
    assert OFFICIAL_TASKS[199] == "atari-yars-revenge"


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_official_checkpoint_computes_what_it_did(tmp_path: Path, wrapped: bool) -> None:
    torch.manual_seed(0)
    state = official_state("S")
    assert len(state) == 104
    content: Any = state
    if wrapped:  # as several GPUs save it
        content = {"model": {f"module.{k}": v for k, v in state.items()}, "scale": {}}
    loaded = load_official(stored(tmp_path, content))
    model = loaded.model
    assert loaded.encoder == "clip"
    context = model.contexts().of(torch.tensor([7]))
    obs, action = torch.randn(1, 128), torch.randn(1, 16)
    embedding = state["_task_emb.weight"][7][None]
    z = _run(state, "_encoder.state", 2, torch.cat((obs, embedding), dim=1))
    z = _run(state, "_dynamics", 3, torch.cat((z, embedding, action), dim=1))
    h = _run(state, "_Qs.online._Qs.2", 3, torch.cat((z, embedding, action), dim=1))
    ours = model.next_latent(model.encode(obs, context), action, context)
    torch.testing.assert_close(model.q_logits(ours, action, context)[2], h, rtol=1e-3, atol=1e-2)
    assert torch.equal(loaded.target_q["matrices.1"][1], state["_Qs.target._Qs.1.1.weight"])


def _run(
    state: dict[str, torch.Tensor], name: str, num_layers: int, h: torch.Tensor
) -> torch.Tensor:
    """Compute a network of an official checkpoint: SimNorm groups consecutive entries there."""
    for layer in range(num_layers):
        prefix = f"{name}.{layer}"
        h = h @ state[f"{prefix}.weight"].T + state[f"{prefix}.bias"]
        if f"{prefix}.ln.weight" in state:
            gain, shift = state[f"{prefix}.ln.weight"], state[f"{prefix}.ln.bias"]
            h = torch.nn.functional.layer_norm(h, h.shape[-1:], gain, shift)
            if layer < num_layers - 1:
                h = torch.nn.functional.mish(h)
            else:
                h = torch.softmax(h.view(len(h), -1, 8), dim=-1).flatten(1)
    return h


@pytest.mark.parametrize("size", ["B", "L"])
def test_sizes_are_told_apart(tmp_path: Path, size: SizeName) -> None:
    state = official_state(size)
    assert len(state) == {"B": 144, "L": 148}[size]
    assert load_official(stored(tmp_path, state)).model.config.size == size


def test_single_task_and_image_checkpoints(tmp_path: Path) -> None:
    state = official_state("B", embedding_dim=0)
    state["_action_masks"][:, 6:] = 0
    file = stored(tmp_path, state)
    single = load_official(file, single_task="walker-run")
    assert (single.encoder, single.tasks) == ("none", ("walker-run",))
    assert single.model.action_masks.shape == (1, 16)
    with pytest.raises(CheckpointError, match="does not say which; name it"):
        load_official(file)
    with pytest.raises(CheckpointError, match="has 6 action entries, which atari-pong has not"):
        load_official(file, single_task="atari-pong")
    images = load_official(stored(tmp_path, official_state("S", obs=128 + 768)))
    assert images.model.config.feature_dim == 768


def test_official_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    state = official_state("S")
    for content, message in (
        ([1], "holds a list, expected named tensors"),
        ({"a": torch.zeros(2)}, "it has no matrix _action_masks"),
        ({**state, "extra": torch.zeros(2)}, "does not fit the model: extra is unknown"),
        ({**state, "_pi.0.bias": torch.zeros(3)}, r"policy\.biases\.0 has shape \(1, 3\)"),
        (
            {k: v for k, v in state.items() if k != "_reward.1.bias"},
            r"reward\.biases\.1 is missing",
        ),
        ({**state, "_dynamics.0.weight": torch.zeros(300, 912)}, "width 300 with 3 Q networks"),
        ({**state, "_encoder.state.0.weight": torch.zeros(128, 700)}, "an encoder of 700 inputs"),
        ({**state, "_reward.0.bias": "x"}, "_reward.0.bias is a str"),
    ):
        with pytest.raises(CheckpointError, match=message):
            load_official(stored(tmp_path, content))


def test_code_in_an_official_file_is_not_executed(tmp_path: Path) -> None:
    trap = tmp_path / "executed"
    with pytest.raises(CheckpointError, match="damaged or holds more than tensors"):
        load_official(stored(tmp_path, {**official_state("S"), "x": Hostile(trap)}))
    assert not trap.exists()
