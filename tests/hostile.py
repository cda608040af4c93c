"""What a file from outside may try."""

import random
from pathlib import Path
from typing import Any


class Hostile:
    """Unpickled as code, it leaves a file behind."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Flip, cut, repeat or insert bytes."""
    data = bytearray(content)
    kind = rng.randrange(4)
    at = rng.randrange(len(data))
    if kind == 0:
        for _ in range(rng.choice((1, 2, 8))):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 1:
        del data[at : at + rng.choice((1, 100, len(data)))]
    elif kind == 2:
        data[at:at] = rng.randbytes(rng.choice((1, 100)))
    else:
        data[at:at] = data[at : at + 1000]
    return bytes(data)
