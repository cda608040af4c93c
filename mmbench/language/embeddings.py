"""The vectors of the tasks, and of any other text."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from mmbench.errors import LanguageError
from mmbench.language.encoders import CLIP_DIM, MINILM_DIM, TextEncoder, load_clip, load_minilm
from mmbench.language.text import task_text
from mmbench.registry import DOMAINS, get_task, list_tasks
from mmbench.simulator import FloatArray

EncoderName = Literal["minilm", "clip", "task-index", "none"]
"""`minilm` ships for all tasks; `clip` is what the original uses; `task-index` is one-hot, a code
without language; `none` is the empty vector."""

SHIPPED = Path(__file__).parent / "minilm.npz"

BENCHMARK = tuple(task for domain in DOMAINS for task in list_tasks(domain=domain.name))
"""The 234 tasks, in the order of `task-index`."""

_DIMS: dict[EncoderName, int] = {
    "minilm": MINILM_DIM,
    "clip": CLIP_DIM,
    "task-index": len(BENCHMARK),
    "none": 0,
}


def embedding_dim(encoder: EncoderName) -> int:
    """Return the length of an encoder's vectors."""
    if encoder not in get_args(EncoderName):
        raise LanguageError(
            f"unknown encoder {encoder!r}; there are {', '.join(get_args(EncoderName))}"
        )
    return _DIMS[encoder]


def task_embeddings(tasks: Sequence[str], encoder: EncoderName = "minilm") -> FloatArray:
    """Return the vectors of tasks, float32, shape `(K, embedding_dim(encoder))`.

    MiniLM's are read from the package; those of other packages' tasks, and CLIP's, are computed,
    which needs the weights.
    """
    dim = embedding_dim(encoder)
    specs = [get_task(task) for task in tasks]
    if encoder == "none":
        return np.zeros((len(specs), 0), np.float32)
    if encoder == "task-index":
        order = {spec.id: index for index, spec in enumerate(BENCHMARK)}
        if strange := [spec.id for spec in specs if spec.id not in order]:
            raise LanguageError(f"task {strange[0]!r} has no index; give another encoder")
        return np.eye(dim, dtype=np.float32)[[order[spec.id] for spec in specs]]
    if encoder == "clip":
        return load_clip()([task_text(spec) for spec in specs])
    table = _shipped()
    texts = [task_text(spec) for spec in specs]
    return np.stack([table[_key(t)] if _key(t) in table else embed_text(t) for t in texts])


def embed_text(text: str, encoder: EncoderName = "minilm") -> FloatArray:
    """Return the vector of any text, shape `(embedding_dim(encoder),)`."""
    if encoder not in ("minilm", "clip"):
        raise LanguageError(f"encoder {encoder!r} knows tasks, not texts; use minilm or clip")
    load: TextEncoder = load_minilm() if encoder == "minilm" else load_clip()
    vector: FloatArray = load([text])[0]
    return vector


def write_shipped(path: Path = SHIPPED) -> None:
    """Compute MiniLM's vectors of all tasks anew; run after a change of a task's text."""
    texts = [task_text(spec) for spec in BENCHMARK]
    vectors = load_minilm()(texts)
    with path.open("wb") as stream:
        np.savez_compressed(
            stream, allow_pickle=False, keys=np.array([_key(t) for t in texts]), vectors=vectors
        )


def _shipped() -> dict[str, FloatArray]:
    with np.load(SHIPPED, allow_pickle=False) as arrays:
        return dict(zip(arrays["keys"].tolist(), arrays["vectors"], strict=True))


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


if __name__ == "__main__":
    write_shipped()
