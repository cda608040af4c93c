"""What has been found out about a submission: a small file beside it, bound to it by its hash."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leaderboard.submission import MAX_FILE_BYTES, SubmissionError
from mmbench.files import read_limited, replacing

Level = Literal["validated", "replayed", "reproduced"]
"""The rules are kept; all episodes were replayed; the agent itself was played on fresh seeds."""
_MAX_BYTES = 2**16


class Replayed(BaseModel):
    """What replay has shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    episodes: int = Field(ge=0)
    equal: int = Field(ge=0)
    consistent: int = Field(ge=0)
    different: int = Field(ge=0)


class Reproduced(BaseModel):
    """What playing the agent on fresh seeds has shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    claimed: float
    fresh: float
    p_value: float
    is_reproduced: bool


class Checks(BaseModel):
    """All that was found out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    replayed: Replayed | None = None
    reproduced: Reproduced | None = None

    def level(self, num_episodes: int) -> Level:
        """Return the highest level that a submission with so many episodes has reached."""
        replayed = self.replayed
        if replayed is None or replayed.different or replayed.episodes < num_episodes:
            return "validated"
        if self.reproduced is None or not self.reproduced.is_reproduced:
            return "replayed"
        return "reproduced"


def read_checks(submission: Path) -> Checks:
    """Return what is known of a submission: nothing, if the file is not the one that was checked.

    Raises:
        SubmissionError: If the file of the checks is damaged.
    """
    content = read_limited(submission, MAX_FILE_BYTES, SubmissionError)
    digest = hashlib.sha256(content).hexdigest()
    file = checks_file(submission)
    if not file.exists():
        return Checks(sha256=digest)
    try:
        found = Checks.model_validate_json(read_limited(file, _MAX_BYTES, SubmissionError))
    except ValidationError as error:
        raise SubmissionError(f"{file} is damaged: {error.errors()[0]['msg']}") from error
    return found if found.sha256 == digest else Checks(sha256=digest)


def record_checks(
    submission: Path, *, replayed: Replayed | None = None, reproduced: Reproduced | None = None
) -> Path:
    """Add what was found out to the file beside a submission, and return that file."""
    known = read_checks(submission)
    new = Checks(
        sha256=known.sha256,
        replayed=replayed or known.replayed,
        reproduced=reproduced or known.reproduced,
    )
    file = checks_file(submission)
    with replacing(file) as partial:
        partial.write_text(new.model_dump_json(indent=2) + "\n")
    return file


def checks_file(submission: Path) -> Path:
    """Return where what was found out about a submission is written."""
    return submission.with_suffix(".checks.json")
