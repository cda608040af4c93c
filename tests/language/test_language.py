"""Texts as vectors."""

import subprocess
import sys

import numpy as np
import pytest

import mmbench
from mmbench.errors import LanguageError
from mmbench.language import embed_text, embedding_dim, task_embeddings, task_text
from mmbench.language.encoders import load_clip

ALL = [spec.id for spec in mmbench.tasks()]


def test_a_text_is_two_sentences() -> None:
    text = task_text(mmbench.task("mw-hammer"))
    assert text.startswith("A Sawyer arm")
    assert text.count(". ") == 1
    assert text.endswith(".")
    assert not text.endswith("..")


def test_shipped_vectors_are_those_of_the_texts() -> None:
    table = task_embeddings(ALL)
    assert table.shape == (234, 384)
    assert table.dtype == np.float32
    assert len(np.unique(table, axis=0)) == 234
    for task in ("walker-run", "atari-pong", "og-point-var1"):
        fresh = embed_text(task_text(mmbench.task(task)))
        np.testing.assert_allclose(table[ALL.index(task)], fresh, atol=1e-5)


def test_alike_tasks_have_alike_vectors() -> None:
    run, walk, pong = task_embeddings(["walker-run", "walker-walk", "atari-pong"])
    assert run @ walk > run @ pong + 0.2
    said = embed_text("A two-legged walker. Sprint ahead as fast as you can.")
    assert said @ run > said @ pong


def test_other_codes() -> None:
    codes = task_embeddings(["walker-run", "atari-pong"], "task-index")
    assert codes.shape == (2, embedding_dim("task-index")) == (2, 234)
    assert codes.sum(axis=1).tolist() == [1, 1]
    assert codes[0] @ codes[1] == 0
    assert task_embeddings(["walker-run"], "none").shape == (1, 0)


def test_what_cannot_be_encoded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LanguageError, match="unknown encoder 'bert'"):
        task_embeddings(["walker-run"], "bert")  # type: ignore[arg-type]
    with pytest.raises(LanguageError, match="knows tasks, not texts"):
        embed_text("Run.", "task-index")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    load_clip.cache_clear()
    with pytest.raises(LanguageError, match="weights of openai/clip-vit-base-patch32 are not"):
        task_embeddings(["walker-run"], "clip")


def test_reading_vectors_loads_no_model() -> None:
    code = (
        "import sys; from mmbench.language import task_embeddings; task_embeddings(['walker-run']);"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
