"""A submission: a result and what its authors say of it, in one file of data.

The file is a zip of `submission.json`, `manifest.json` and `episodes.parquet`, and of nothing else.
"""

import json
import os
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mmbench.episodes import write
from mmbench.errors import EpisodeError, MMBenchError, ResultError
from mmbench.evaluation.manifest import FILE_NAME, MAX_BYTES
from mmbench.evaluation.result import Result, load_result
from mmbench.files import replacing

PROTOCOL_EPISODES = 10
"""Episodes per task."""
MAX_FILE_BYTES = 64 * 2**20
_DESCRIPTION, _EPISODES = "submission.json", "episodes.parquet"
_LIMITS = {_DESCRIPTION: 2**18, FILE_NAME: MAX_BYTES, _EPISODES: MAX_FILE_BYTES}
_END = struct.Struct("<4s4H2IH")
_END_64_BYTES = 20
_MAX_LIST_BYTES = 4096
_TIME = (1980, 1, 1, 0, 0, 0)
"""Time of all files in the zip, so that the same content is the same file."""

_Line = Annotated[
    str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")
]


class SubmissionError(MMBenchError):
    """A submission is not what the rules ask for."""


class Description(BaseModel):
    """What the authors say of a result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    name: _Line = Field(description="Name in the ranking.")
    authors: list[_Line] = Field(min_length=1, max_length=100)
    url: (
        Annotated[str, StringConstraints(max_length=300, pattern=r"^https?://[^\s<>\"']+$")] | None
    ) = Field(default=None, description="Paper or code.")
    description: Annotated[str, StringConstraints(max_length=4000)] = Field(
        default="", description="How the agent was made, in plain text."
    )
    training_steps: int = Field(
        ge=0, le=10**13, description="Env steps played in training, over all tasks."
    )
    has_demos: bool = Field(description="Whether demonstrations were learned from.")
    is_multitask: bool = Field(description="One model for all tasks, or one for each.")
    has_images: bool = Field(default=False, description="Whether the agent sees images.")
    is_privileged: bool = Field(
        default=False, description="Whether it sees more than the observation, as experts do."
    )


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A submission that keeps the rules.

    Attributes:
        description: What its authors say.
        result: Manifest and episodes.
    """

    description: Description
    result: Result

    @property
    def is_privileged(self) -> bool:
        """Whether the agent sees more than observations: its authors or the manifest say so."""
        return self.description.is_privileged or self.result.manifest.is_privileged

    @property
    def track(self) -> str:
        """Which submissions it is ranked with: all that have the same track."""
        said = self.description
        return ", ".join(
            (
                self.result.manifest.suite or "",
                "multitask" if said.is_multitask else "one model per task",
                "images" if said.has_images else "states",
                f"{self.result.assets} assets",
                "demonstrations" if said.has_demos else "no demonstrations",
                *(("privileged",) if self.is_privileged else ()),
            )
        )


def submit(results: Path | str, description: Description, out: Path | str) -> Submission:
    """Pack a result directory into a submission.

    Raises:
        SubmissionError: If the result breaks a rule.
        ResultError: If `results` is no sound result directory.
    """
    submission = Submission(description=description, result=load_result(results))
    _check(submission)
    out = Path(out)
    with tempfile.TemporaryDirectory() as folder, replacing(out) as partial:
        log = Path(folder) / _EPISODES
        write(sorted(submission.result.episodes, key=lambda e: (e.task_id, e.seed)), log)
        contents = {
            _DESCRIPTION: json.dumps(description.model_dump(), indent=2).encode(),
            FILE_NAME: submission.result.manifest.model_dump_json(indent=2).encode(),
            _EPISODES: log.read_bytes(),
        }
        with zipfile.ZipFile(partial, "w") as packed:
            for name, content in contents.items():
                packed.writestr(zipfile.ZipInfo(name, _TIME), content, zipfile.ZIP_DEFLATED)
    return submission


def validate(file: Path | str) -> Submission:
    """Read a submission and check all that can be checked without playing.

    Raises:
        SubmissionError: If the file is none, or breaks a rule.
    """
    with unpacked(file) as folder:
        try:
            submission = _read(folder)
            num_rows = pq.read_metadata(folder / "episodes" / _EPISODES).num_rows
        except (ResultError, EpisodeError) as error:
            where = f"{folder}/episodes/{_EPISODES}", f"{folder}/", f"{folder}: ", str(folder)
            said = str(error)
            for text in where:
                said = said.replace(text, "")
            raise SubmissionError(f"{file}: {said}") from error
    if num_rows != len(submission.result.episodes):
        raise SubmissionError(
            f"{file}: {_EPISODES} has {num_rows} rows, and {len(submission.result.episodes)} "
            "episodes; none may be there twice"
        )
    return submission


@contextmanager
def unpacked(file: Path | str) -> Iterator[Path]:
    """Unpack a submission into a folder that is a result directory, and is gone afterwards.

    Raises:
        SubmissionError: If it is no such zip, or larger than the limits.
    """
    file = Path(file)
    if file.is_symlink() or not file.is_file():
        raise SubmissionError(f"{file} is not a file")
    if file.stat().st_size > MAX_FILE_BYTES:
        raise SubmissionError(f"{file} is larger than {MAX_FILE_BYTES >> 20} MiB")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "episodes").mkdir()
        places = {_DESCRIPTION: folder, FILE_NAME: folder, _EPISODES: folder / "episodes"}
        try:
            _check_end(file)
            with zipfile.ZipFile(file) as packed:
                names = [info.filename for info in packed.infolist()]
                if sorted(names) != sorted(_LIMITS):
                    raise SubmissionError(
                        f"{file} holds {len(names)} files, expected {', '.join(_LIMITS)} and no "
                        "others"
                    )
                for info in packed.infolist():
                    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                        raise SubmissionError(f"{file}: {info.filename} is not deflated")
                    with packed.open(info) as stream:
                        content = stream.read(_LIMITS[info.filename] + 1)
                    if len(content) > _LIMITS[info.filename]:
                        raise SubmissionError(f"{file}: {info.filename} is too large")
                    (places[info.filename] / info.filename).write_bytes(content)
        except SubmissionError:
            raise
        # zipfile lets what a damaged file leads to through, whatever it is.
        except Exception as error:
            raise SubmissionError(f"{file} is not a sound zip file: {error}") from error
        yield folder


def _check_end(file: Path) -> None:
    """Refuse a zip whose list of files is long, before that list is read.

    Source:
        APPNOTE.TXT of PKWARE, 4.3.15 and 4.3.16: the record that ends a zip, here without a
        comment, and the 64-bit one that would stand before it.
    """
    with file.open("rb") as stream:
        stream.seek(-min(_END_64_BYTES + _END.size, file.stat().st_size), os.SEEK_END)
        tail = stream.read()
    if len(tail) < _END_64_BYTES + _END.size:
        raise SubmissionError(f"{file} is not a zip file")
    signature, *_, list_bytes, _, comment_bytes = _END.unpack(tail[_END_64_BYTES:])
    if signature != b"PK\5\6" or comment_bytes or tail.startswith(b"PK\6\7"):
        raise SubmissionError(f"{file} is not a zip file, or not a plain one")
    if list_bytes > _MAX_LIST_BYTES:
        raise SubmissionError(f"{file} holds other files than {', '.join(_LIMITS)}")


def _read(folder: Path) -> Submission:
    try:
        content = (folder / _DESCRIPTION).read_bytes()
        description = Description.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise ResultError(f"{_DESCRIPTION}: {field}: {first['msg']}") from error
    submission = Submission(description=description, result=load_result(folder))
    _check(submission)
    return submission


def _check(submission: Submission) -> None:
    """Raise `SubmissionError` for the first rule of the protocol that is broken."""
    result = submission.result
    if result.manifest.suite is None:
        raise SubmissionError("the result is of single tasks; a submission is of a whole suite")
    if result.manifest.num_episodes != PROTOCOL_EPISODES:
        raise SubmissionError(
            f"the result has {result.manifest.num_episodes} episodes per task, the protocol asks "
            f"for {PROTOCOL_EPISODES}"
        )
    if not result.is_complete:
        raise SubmissionError(f"the result is incomplete: {result.completeness} episodes")
    for episode in result.episodes:
        if not (np.abs(episode.actions) <= 1).all():
            raise SubmissionError(
                f"{episode.task_id} with seed {episode.seed} has an action outside of [-1, 1]"
            )
