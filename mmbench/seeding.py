"""Seeds of evaluation, training and demonstration episodes; they never meet."""

import hashlib

EVALUATION_NAMESPACE = "mmbench-eval"
TRAINING_NAMESPACE = "mmbench-train"
DEMONSTRATION_NAMESPACE = "mmbench-demo"
PRACTICE_NAMESPACE = "mmbench-practice"
FRESH_NAMESPACE = "mmbench-fresh"


def evaluation_seed(task_id: str, index: int) -> int:
    """Return the seed of evaluation episode `index` of a task, the same for everybody.

    It is the first four bytes, big-endian, of SHA-256 of `mmbench-eval/<task id>/<index>`.
    """
    return _seed(f"{EVALUATION_NAMESPACE}/{task_id}/{index}", num_bytes=4)


def training_seed(task_id: str, run_seed: int, copy: int) -> int:
    """Return the first seed of a training slot, above all evaluation seeds (2**32 and more)."""
    return 2**32 + _seed(f"{TRAINING_NAMESPACE}/{task_id}/{run_seed}/{copy}", num_bytes=6)


def demonstration_seed(task_id: str, index: int) -> int:
    """Return the seed of attempt `index` at a demonstration, (2**49 and more)."""
    return 2**49 + _seed(f"{DEMONSTRATION_NAMESPACE}/{task_id}/{index}", num_bytes=6)


def practice_seed(task_id: str, index: int) -> int:
    """Return the seed of disturbed episode `index` of a task, (2**50 and more)."""
    return 2**50 + _seed(f"{PRACTICE_NAMESPACE}/{task_id}/{index}", num_bytes=6)


def fresh_seed(task_id: str, salt: str, index: int) -> int:
    """Return a seed to check an agent with, unknown without its salt (2**51 and more)."""
    return 2**51 + _seed(f"{FRESH_NAMESPACE}/{salt}/{task_id}/{index}", num_bytes=6)


def _seed(text: str, num_bytes: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:num_bytes], "big")
