"""A result of the protocol on three tasks that are quick to play, and its submission."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import mmbench
from leaderboard.submission import Description, submit
from mmbench import registry

TASKS = ("pygame-cartpole-balance", "pygame-pong", "mujoco-inverted-pendulum")
DESCRIPTION = Description(
    name="Random", authors=["A. Author"], training_steps=0, has_demos=False, is_multitask=True
)

Files = dict[str, bytes]


def opened(file: Path) -> Files:
    with zipfile.ZipFile(file) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def packed(files: Files, out: Path) -> Path:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out


def with_json(files: Files, file: str, changes: dict[str, Any]) -> Files:
    return {**files, file: json.dumps({**json.loads(files[file]), **changes}).encode()}


def with_rows(files: Files, change: Callable[[list[dict[str, Any]]], None]) -> Files:
    """Change the rows of the log as a forger would, below all checks."""
    table = pq.read_table(io.BytesIO(files["episodes.parquet"]))
    rows = table.to_pylist()
    change(rows)
    stream = io.BytesIO()
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), stream)
    return {**files, "episodes.parquet": stream.getvalue()}


@pytest.fixture(scope="session", autouse=True)
def small_suite() -> Iterator[None]:
    """Make `lite` a suite of three tasks, so that a whole protocol takes seconds."""
    known = registry.get_suite

    def get_suite(name: str) -> tuple[str, ...]:
        return TASKS if name == "lite" else tuple(known(name))

    patch = pytest.MonkeyPatch()
    for module in ("registry", "evaluation.result", "evaluation.runner"):
        patch.setattr(f"mmbench.{module}.get_suite", get_suite, raising=False)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory, small_suite: None) -> Path:
    """Return the result directory of the random agent."""
    out = tmp_path_factory.mktemp("results") / "random"
    mmbench.evaluate("random", suite="lite", episodes=10, workers=0, out=out)
    return out


@pytest.fixture(scope="session")
def submission(tmp_path_factory: pytest.TempPathFactory, results: Path) -> Path:
    """Return its submission."""
    file = tmp_path_factory.mktemp("submissions") / "random.zip"
    submit(results, DESCRIPTION, file)
    return file
