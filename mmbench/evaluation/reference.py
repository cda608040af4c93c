"""Scores of a result without its episodes: small enough to ship, to stand beside other results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from mmbench.errors import ResultError
from mmbench.evaluation.manifest import MAX_EPISODES, Manifest
from mmbench.files import read_limited, replacing
from mmbench.registry import list_tasks
from mmbench.simulator import AssetVariant

SHIPPED_REFERENCES = Path(__file__).parent / "references"
"""The references that come with mmbench, one JSON file each."""
_MAX_BYTES = 2**22
_DIGITS = 6


class Scored(Protocol):
    """What tables and plots need of a result."""

    @property
    def name(self) -> str:
        """Name for tables."""
        ...

    @property
    def manifest(self) -> Manifest:
        """How it came to be."""
        ...

    @property
    def scores(self) -> Mapping[str, NDArray[np.float64]]:
        """Scores of the episodes of every task."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether every task has all its episodes."""
        ...

    @property
    def completeness(self) -> str:
        """How many episodes there are, and of how many."""
        ...

    @property
    def assets(self) -> AssetVariant:
        """Whether stand-ins were used."""
        ...


class _Contents(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = Field(default=1, ge=1, le=1)
    manifest: Manifest
    assets: AssetVariant
    scores: dict[str, list[FiniteFloat]]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The scores of a result; see `Scored`."""

    name: str
    manifest: Manifest
    scores: Mapping[str, NDArray[np.float64]]
    assets: AssetVariant

    @property
    def is_complete(self) -> bool:
        """Whether every task has all its episodes."""
        return all(len(scores) == self.manifest.num_episodes for scores in self.scores.values())

    @property
    def completeness(self) -> str:
        """How many episodes there are."""
        return str(sum(map(len, self.scores.values())))

    def on(self, tasks: Sequence[str]) -> "Reference":
        """Return the scores of some tasks alone."""
        return replace(self, scores={t: self.scores[t] for t in tasks if t in self.scores})


def references() -> tuple[str, ...]:
    """Return the names of the references that come with mmbench."""
    return tuple(sorted(path.stem for path in SHIPPED_REFERENCES.glob("*.json")))


def load_reference(name_or_file: str) -> Reference:
    """Read a reference that comes with mmbench, or a file that `save_reference` has written.

    Its name is the file's.

    Raises:
        ResultError: If there is none, or the file is damaged.
    """
    is_shipped = name_or_file in references()
    file = SHIPPED_REFERENCES / f"{name_or_file}.json" if is_shipped else Path(name_or_file)
    if not is_shipped and not file.is_file():
        raise ResultError(
            f"no reference {name_or_file!r}; there are {', '.join(references())}, or give a file "
            "of `mmbench report --summary`"
        )
    try:
        contents = _Contents.model_validate_json(read_limited(file, _MAX_BYTES, ResultError))
    except ValidationError as error:
        reason = str(error).splitlines()[0]
        raise ResultError(f"{file} cannot be read as scores of a result: {reason}") from error
    known = {task.id for task in list_tasks()}
    for task, scores in contents.scores.items():
        if task not in known:
            raise ResultError(f"{file} has scores of an unknown task {task!r}")
        if not 1 <= len(scores) <= MAX_EPISODES:
            raise ResultError(f"{file} has {len(scores)} scores of {task}")
    return Reference(
        name=file.stem,
        manifest=contents.manifest,
        scores={task: np.array(scores) for task, scores in contents.scores.items()},
        assets=contents.assets,
    )


def save_reference(result: Scored, file: Path | str) -> None:
    """Write the scores of a result, rounded to six digits, and how it came to be."""
    contents = _Contents(
        manifest=result.manifest,
        assets=result.assets,
        scores={
            task: [round(score, _DIGITS) for score in scores.tolist()]
            for task, scores in result.scores.items()
        },
    )
    with replacing(Path(file)) as partial:
        partial.write_text(contents.model_dump_json() + "\n", encoding="utf-8")
