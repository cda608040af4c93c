"""The door for all checkpoints: those that we wrote, those of the original, the one that ships."""

from pathlib import Path

from newt_agent.checkpoint import SHIPPED_WEIGHTS, Checkpoint, load_checkpoint
from newt_agent.official import load_official


def load(
    path: Path | str | None = None, *, device: str = "cpu", single_task: str | None = None
) -> Checkpoint:
    """Read a checkpoint.

    Args:
        path: A folder, or a `.pt` file of the original; by default what comes with mmbench.
        device: Where its tensors are to be.
        single_task: The task of a file of the original that was trained on one alone.

    Raises:
        CheckpointError: If it is missing or damaged, or does not fit.
    """
    path = Path(path or SHIPPED_WEIGHTS)
    if path.suffix == ".pt":
        return load_official(path, single_task=single_task)
    return load_checkpoint(path, device)
