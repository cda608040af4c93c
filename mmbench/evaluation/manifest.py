"""`manifest.json`: how a result came to be."""

import hashlib
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from mmbench.errors import ResultError
from mmbench.files import LOCK, read_limited, replacing
from mmbench.platform_class import platform_class, processor
from mmbench.registry import get_task
from mmbench.versions import installed_version, simulator_version, utc_now

FILE_NAME = "manifest.json"
MAX_BYTES = 2**20
MAX_EPISODES = 1000
"""Episodes per task of a result."""


class Hardware(BaseModel):
    """The machine, without its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    machine: str
    processor: str
    num_cores: int
    system: str


class Manifest(BaseModel):
    """What was evaluated, with what, when and on what.

    `is_privileged` says that the agent has seen the environment itself, `platform` is what
    `platform_class` said (`None` in files from before it was recorded).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    agent: str
    agent_options: dict[str, JsonValue]
    checkpoint: str | None
    checkpoint_sha256: str | None
    suite: str | None
    tasks: list[str] = Field(min_length=1)
    num_episodes: int = Field(ge=1, le=MAX_EPISODES)
    seed: int = Field(ge=0)
    is_privileged: bool = False
    versions: dict[str, str]
    simulators: dict[str, str]
    commit: str | None
    is_dirty: bool | None
    hardware: Hardware
    platform: str | None = None
    started: str
    finished: str | None = None


def new_manifest(
    *,
    agent: str,
    agent_options: dict[str, Any],
    checkpoint: str | None,
    suite: str | None,
    tasks: tuple[str, ...],
    num_episodes: int,
    seed: int,
    is_privileged: bool,
) -> Manifest:
    """Describe an evaluation that starts now on this machine."""
    commit, is_dirty = _git_state()
    domains = {get_task(task).domain.name: get_task(task).domain for task in tasks}
    return Manifest(
        agent=agent,
        agent_options=agent_options,
        checkpoint=checkpoint,
        checkpoint_sha256=None if checkpoint is None else hash_path(Path(checkpoint)),
        suite=suite,
        tasks=list(tasks),
        num_episodes=num_episodes,
        seed=seed,
        is_privileged=is_privileged,
        versions={
            "mmbench": installed_version("mmbench") or "missing",
            "python": platform.python_version(),
            "numpy": installed_version("numpy") or "missing",
            "gymnasium": installed_version("gymnasium") or "missing",
        },
        simulators={name: simulator_version(domain) for name, domain in domains.items()},
        commit=commit,
        is_dirty=is_dirty,
        hardware=Hardware(
            machine=platform.machine(),
            processor=processor().name or "unknown",
            num_cores=os.cpu_count() or 1,
            system=platform.system(),
        ),
        platform=platform_class(),
        started=utc_now(),
    )


def read_manifest(directory: Path) -> Manifest:
    """Read and check the manifest of a result directory."""
    path = directory / FILE_NAME
    try:
        content = read_limited(path, MAX_BYTES, ResultError)
        return Manifest.model_validate_json(content, strict=True)
    except OSError as error:
        raise ResultError(
            f"{directory} is not a result directory: {FILE_NAME} cannot be read "
            f"({error.strerror}); `mmbench evaluate --out` makes one"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("schema_version",):
            raise ResultError(
                f"{path} has schema version {first['input']!r}, and this mmbench reads version 1; "
                "a newer mmbench may have written it"
            ) from error
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ResultError(f"{path}: {field}: {first['msg']}") from error


def write_manifest(manifest: Manifest, directory: Path) -> None:
    """Write the manifest whole or not at all."""
    with replacing(directory / FILE_NAME) as partial:
        partial.write_text(json.dumps(manifest.model_dump(), indent=2, sort_keys=True) + "\n")


def hash_path(path: Path) -> str:
    """Return SHA-256 of a file, or of the names and contents of a directory's files.

    The lock of a run's folder, which says who worked there last, does not count.
    """
    digest = hashlib.sha256()
    if not path.exists():
        raise ResultError(f"checkpoint {path} does not exist")
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        if file.name == LOCK:
            continue
        if file != path:
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            while chunk := stream.read(2**20):
                digest.update(chunk)
    return digest.hexdigest()


def _git_state() -> tuple[str | None, bool | None]:
    """Return the commit of the checkout mmbench runs from, and whether it was changed.

    An installed mmbench has none, even where it lies inside of somebody's repository.
    """
    root = Path(__file__).parents[2]

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != root:
            return None, None
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain"))
    except (OSError, subprocess.CalledProcessError):
        return None, None
