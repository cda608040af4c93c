"""Tasks and instructions as vectors."""

from mmbench.language.embeddings import EncoderName, embed_text, embedding_dim, task_embeddings
from mmbench.language.text import task_text

__all__ = ["EncoderName", "embed_text", "embedding_dim", "task_embeddings", "task_text"]
