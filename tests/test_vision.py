"""Pictures, with a tiny network made here: the real weights are 350 MB."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

import mmbench
from mmbench.errors import CheckpointError, UsageError
from mmbench.vision import ImageEncoder
from newt_agent.checkpoint import load_checkpoint
from newt_agent.trainer import Trainer
from tests.newt.test_trainer import CONFIG, TASK

WIDTH = 16


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("dinov2")
    torch.manual_seed(0)
    shape = {"hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2}
    Dinov2Model(Dinov2Config(**shape, image_size=518, patch_size=14)).save_pretrained(folder)
    return str(folder)


def test_features_are_class_tokens_of_normalised_pictures(weights: str) -> None:
    encoder = ImageEncoder(weights)
    assert encoder.feature_dim == WIDTH
    pictures = np.random.default_rng(0).integers(0, 256, (70, 28, 28, 3), np.uint8)
    found = encoder.features(pictures)
    assert found.shape == (70, WIDTH)
    network = Dinov2Model.from_pretrained(weights).eval()
    scaled = (pictures[69] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    values = torch.from_numpy(scaled).float().permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = network(pixel_values=values).last_hidden_state[0, 0]
    np.testing.assert_allclose(found[69], expected.numpy(), rtol=1e-4, atol=1e-5)


def test_training_and_evaluation_see_pictures(weights: str, tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG, obs="state+rgb", vision=weights, env_steps=150, seeding_episodes=2, size="XS"
    )
    Trainer(config, tmp_path / "run").run()
    loaded = load_checkpoint(tmp_path / "run" / "final")
    assert loaded.vision == weights
    assert loaded.model.config.feature_dim == WIDTH
    options: dict[str, Any] = {"tasks": [TASK], "episodes": 1, "workers": 0}
    checkpoint = str(tmp_path / "run" / "final")
    result = mmbench.evaluate(
        "newt", out=tmp_path / "a", checkpoint=checkpoint, obs_type="state+rgb", **options
    )
    assert len(result.episodes) == 1
    with pytest.raises(UsageError, match="the model sees pictures; give --obs state"):
        mmbench.evaluate("newt", out=tmp_path / "b", checkpoint=checkpoint, **options)


def test_a_model_without_pictures_goes_on_with_them(weights: str, tmp_path: Path) -> None:
    small = dataclasses.replace(CONFIG, env_steps=0, size="XS")
    Trainer(small, tmp_path / "state").run()
    checkpoint = str(tmp_path / "state" / "final")
    seeing = dataclasses.replace(small, obs="state+rgb", vision=weights, checkpoint=checkpoint)
    trainer = Trainer(seeing, tmp_path / "seeing")
    matrix = trainer.model.encoder.matrices[0]
    before = load_checkpoint(checkpoint).model.encoder.matrices[0]
    torch.testing.assert_close(matrix[..., :-WIDTH], before)
    assert not matrix[..., -WIDTH:].any()


def test_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a model folder"):
        ImageEncoder(str(tmp_path))
