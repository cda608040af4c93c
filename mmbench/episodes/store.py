"""Episode logs on disk: directories of Parquet shards, written atomically, read as data only."""

import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mmbench.episodes.record import EpisodeRecord
from mmbench.errors import EpisodeError, UnknownTaskError
from mmbench.files import replacing
from mmbench.registry import get_task, list_tasks
from mmbench.spec import MAX_ACTION_DIM

SCHEMA_VERSION = b"2"
_SCHEMA_1 = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("task_version", pa.int32(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("length", pa.int32(), nullable=False),
        pa.field("return", pa.float64(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("success", pa.bool_(), nullable=False),
        pa.field("actions", pa.list_(pa.float32()), nullable=False),
        pa.field("rewards", pa.list_(pa.float32()), nullable=False),
        pa.field("agent", pa.string(), nullable=False),
        pa.field("created", pa.string(), nullable=False),
        pa.field("simulator", pa.string(), nullable=False),
        pa.field("simulator_version", pa.string(), nullable=False),
        pa.field("assets", pa.string(), nullable=False),
    ],
    metadata={b"mmbench_schema_version": b"1"},
)
SCHEMA = pa.schema(
    [
        *_SCHEMA_1,
        pa.field("labels", pa.list_(pa.float32())),
        pa.field("disturbed", pa.list_(pa.bool_())),
        pa.field("platform", pa.string()),
    ],
    metadata={b"mmbench_schema_version": SCHEMA_VERSION},
)
_NUMBERS = ("actions", "rewards", "labels")
_OPTIONAL = ("labels", "disturbed", "platform")
MAX_ROW_GROUP_BYTES = 256 * 2**20
"""Largest row group that is read, uncompressed: a file that unpacks to more is refused."""
MAX_ROWS = 250_000
"""Most episodes of one file."""
_MAX_TEXT_BYTES = 1024
_ROWS_PER_GROUP = 64
_PART = re.compile(r"part-(\d{1,12})(?:-[0-9a-f]{8})?\.parquet")
_MAX_VALUES_PER_EPISODE = MAX_ACTION_DIM * max(spec.max_episode_steps for spec in list_tasks())


def write(records: Sequence[EpisodeRecord], path: Path | str) -> None:
    """Write episodes to one Parquet file; it appears whole or not at all."""
    path = Path(path)
    table = pa.Table.from_pylist([_as_row(record) for record in records], schema=SCHEMA)
    with replacing(path) as partial:
        pq.write_table(
            table,
            partial,
            compression="zstd",
            compression_level=9,
            row_group_size=_ROWS_PER_GROUP,
            # Noise in the last bytes of numbers is stored apart from the rest, which is not noise.
            use_dictionary=[],
            use_byte_stream_split=[f"{name}.list.element" for name in _NUMBERS],
        )


def read(path: Path | str) -> Iterator[EpisodeRecord]:
    """Yield the episodes of a file, or of all shards of a directory, each (task, seed) once.

    Raises:
        EpisodeError: If a file is no episode log, is damaged, or holds values out of range.
    """
    seen: set[tuple[str, int]] = set()
    for shard in _shards(Path(path)):
        for record in _read_shard(shard):
            if record.key not in seen:
                seen.add(record.key)
                yield record


def read_all(path: Path | str) -> list[EpisodeRecord]:
    """Return `read(path)` as a list."""
    return list(read(path))


class EpisodeWriter:
    """Adds episodes to a log directory; what `add` has returned from survives `kill -9`."""

    def __init__(self, directory: Path | str) -> None:
        self._directory = Path(directory)
        self._directory.mkdir(parents=True, exist_ok=True)
        for leftover in self._directory.glob(".*.tmp"):
            leftover.unlink()
        names = (_PART.fullmatch(path.name) for path in self._directory.glob("part-*.parquet"))
        self._next_number = max((int(name[1]) for name in names if name), default=-1) + 1

    def add(self, records: Sequence[EpisodeRecord]) -> None:
        """Write the episodes to a shard of their own."""
        if records:
            write(records, self._next_part())
            self._next_number += 1

    def _next_part(self) -> Path:
        # The end of the name is nobody else's, even if two processes are at the same number.
        return self._directory / f"part-{self._next_number:06d}-{secrets.token_hex(4)}.parquet"

    def compact(self) -> None:
        """Merge all shards into one.

        The merged file is in place, and read back, before the old ones go; being stopped in between
        leaves duplicates, which `read` drops.

        Raises:
            EpisodeError: If the merged file does not hold what the old ones hold.
        """
        shards = list(_shards(self._directory))
        if len(shards) > 1:
            keys = {record.key for shard in shards for record in _read_shard(shard)}
            merged = self._next_part()
            write(read_all(self._directory), merged)
            self._next_number += 1
            if not keys <= {record.key for record in _read_shard(merged)}:
                raise EpisodeError(f"{merged} does not hold all episodes of {self._directory}")
            for shard in shards:
                shard.unlink(missing_ok=True)


def _shards(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    if (path / "episodes").is_dir():
        path = path / "episodes"
    if not path.is_dir():
        raise EpisodeError(f"{path} is neither an episode file nor a directory of them")
    return sorted(path.glob("*.parquet"))


def _read_shard(path: Path) -> Iterator[EpisodeRecord]:
    if path.is_symlink() or not path.is_file():
        raise EpisodeError(f"{path} is not a regular file")
    try:
        with pq.ParquetFile(path) as file:
            _check_file(file, path)
            for batch in file.iter_batches(batch_size=_ROWS_PER_GROUP):
                for row in _rows(batch):
                    yield _as_record(row, path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise EpisodeError(f"{path} is not a readable episode log: {reason}") from error


def _check_file(file: pq.ParquetFile, path: Path) -> None:
    version = (file.schema_arrow.metadata or {}).get(b"mmbench_schema_version")
    schema = _SCHEMA_1 if version == b"1" else SCHEMA
    if not file.schema_arrow.equals(schema):
        expected, found = set(schema.names), set(file.schema_arrow.names)
        wrong = sorted(expected ^ found) or [
            name
            for name in schema.names
            if not file.schema_arrow.field(name).equals(schema.field(name))
        ]
        raise EpisodeError(f"{path} is not an episode log: column {wrong[0]!r} is not as expected")
    if version not in (b"1", SCHEMA_VERSION):
        raise EpisodeError(f"{path} is an episode log of another schema version, expected 1 or 2")
    if file.metadata.num_rows > MAX_ROWS:
        raise EpisodeError(
            f"{path} holds {file.metadata.num_rows} episodes, at most {MAX_ROWS} are read"
        )
    texts = [i for i, field in enumerate(schema) if pa.types.is_string(field.type)]
    for index in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(index)
        for name in (schema.names[i] for i in texts):
            chunk = next(
                column
                for column in map(group.column, range(group.num_columns))
                if column.path_in_schema == name
            )
            if chunk.total_uncompressed_size > _MAX_TEXT_BYTES * (group.num_rows + 1):
                raise EpisodeError(f"{path}: column {name!r} holds texts that are too long")
        # Values count, not bytes: a run of equal values takes hardly any.
        num_values = max(group.column(k).num_values for k in range(group.num_columns))
        allowed = group.num_rows * _MAX_VALUES_PER_EPISODE
        if num_values > allowed or group.total_byte_size > MAX_ROW_GROUP_BYTES:
            raise EpisodeError(
                f"{path} would unpack to {num_values} values for {group.num_rows} episodes; "
                f"at most {allowed} are read"
            )


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Yield rows as dicts, the lists as arrays (a list of Python floats is slow)."""
    names = ("actions", "rewards", "labels", "disturbed")
    lists = {name: batch.column(name) for name in names if name in batch.schema.names}
    plain = batch.drop_columns(list(lists)).to_pylist()
    for index, row in enumerate(plain):
        for name, column in lists.items():
            value = column[index].values
            row[name] = None if value is None else value.to_numpy(zero_copy_only=False)
        yield row


def _as_row(record: EpisodeRecord) -> dict[str, Any]:
    return {
        "task": record.task_id,
        "task_version": record.task_version,
        "seed": record.seed,
        "length": record.length,
        "return": record.episode_return,
        "score": record.score,
        "success": record.success,
        "actions": np.asarray(record.actions, np.float32).ravel(),
        "rewards": np.asarray(record.rewards, np.float32),
        "agent": record.agent,
        "created": record.created,
        "simulator": record.simulator,
        "simulator_version": record.simulator_version,
        "assets": record.assets,
        "labels": None if record.labels is None else np.asarray(record.labels, np.float32).ravel(),
        "disturbed": record.disturbed,
        "platform": record.platform,
    }


def _as_record(row: dict[str, Any], path: Path) -> EpisodeRecord:
    missing = [name for name, value in row.items() if value is None and name not in _OPTIONAL]
    if missing:
        raise EpisodeError(f"{path}: column {missing[0]!r} has an empty row")
    try:
        action_dim = get_task(row["task"]).action_dim
        if (
            len(row["actions"]) != row["length"] * action_dim
            or len(row["rewards"]) != row["length"]
        ):
            raise EpisodeError(
                f"{row['task']}: {len(row['actions'])} action entries and {len(row['rewards'])} "
                f"rewards do not make {row['length']} steps of {action_dim} entries"
            )
        labels, disturbed = row.get("labels"), row.get("disturbed")
        if labels is not None and len(labels) != len(row["actions"]):
            raise EpisodeError(
                f"{row['task']}: {len(labels)} label entries and {len(row['actions'])} action "
                "entries, expected as many of both"
            )
        return EpisodeRecord(
            task_id=row["task"],
            task_version=row["task_version"],
            seed=row["seed"],
            actions=row["actions"].astype(np.float32).reshape(-1, action_dim),
            rewards=row["rewards"].astype(np.float32),
            episode_return=row["return"],
            score=row["score"],
            success=row["success"],
            agent=row["agent"],
            created=row["created"],
            simulator=row["simulator"],
            simulator_version=row["simulator_version"],
            assets=row["assets"],
            labels=None if labels is None else labels.astype(np.float32).reshape(-1, action_dim),
            disturbed=None if disturbed is None else disturbed.astype(bool),
            platform=row.get("platform"),
        )
    except (EpisodeError, UnknownTaskError) as error:
        raise EpisodeError(f"{path}: {error}") from error
