"""What an agent is told of a task."""

from mmbench.spec import TaskSpec


def task_text(task: TaskSpec) -> str:
    """Return the sentence on the body and the sentence on the goal, joined by a blank."""
    sentences = (task.embodiment, task.instruction)
    return " ".join(f"{sentence.rstrip('.')}." for sentence in sentences)
