"""What a file from outside may try."""

from pathlib import Path
from typing import Any


class Hostile:
    """Unpickled as code, it leaves a file behind."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)
