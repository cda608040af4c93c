"""Every reader of files answers a damaged one with one sentence, whatever was done to it."""

import dataclasses
import json
import os
import random
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import mmbench
from mmbench import demos
from mmbench.cli.settings import with_settings
from mmbench.demos import read_official
from mmbench.demos.learnability import Learnability, learnability
from mmbench.episodes import read_all
from mmbench.errors import MMBenchError
from mmbench.evaluation import load_result
from mmbench.training.checkpoint import Trained
from mmbench.training.checkpoint import load_checkpoint as load_trained
from mmbench.training.checkpoint import save_checkpoint as save_trained
from mmbench.training.journal import Journal
from mmbench.training.replay import Replay
from mmbench.training.run import DESCRIPTION, SNAPSHOT, load_snapshot, open_run, save_snapshot
from newt_agent.checkpoint import Checkpoint, load_checkpoint, new_model, save_checkpoint
from newt_agent.config import NewtConfig
from newt_agent.official import load_official
from tests.demos.test_official import rows
from tests.hostile import mutated

TASK = "pygame-cartpole-balance"


@dataclasses.dataclass(frozen=True)
class Config:
    """Of a baseline."""

    width: int = 2


def networks(config: Config, embedding_dim: int) -> torch.nn.Module:
    return torch.nn.Linear(config.width, 1)


MAX_GROWTH_KIB = 2**20
NUM_QUICK, NUM_ALL = 150, 1000


def see_trajectory(folder: Path) -> None:
    trajectory = demos.load([TASK], path=folder / "log.parquet", cache=folder / "cache")[0]
    assert trajectory.observations.shape[1] == mmbench.task(TASK).obs_dim


# What is damaged (the one file of that pattern), and who reads it.
READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "manifest": ("result/manifest.json", lambda folder: load_result(folder / "result")),
    "result": ("result/episodes/part-0.parquet", lambda folder: load_result(folder / "result")),
    "episodes": ("log.parquet", lambda folder: read_all(folder / "log.parquet")),
    "official demonstrations": (
        "ms-reach.pt",
        lambda folder: read_official(folder / "ms-reach.pt"),
    ),
    "official checkpoint": ("official.pt", lambda folder: load_official(folder / "official.pt")),
    "checkpoint of a baseline": (
        "baseline/config.json",
        lambda folder: load_trained(folder / "baseline", "x", [TASK], Config, networks),
    ),
    "journal": (
        "journal/000000.npz",
        lambda folder: Journal(folder / "journal").read(
            1, Replay(40, obs_dim=4, action_dim=2, num_tasks=1, horizon=2)
        ),
    ),
    "clones": (
        f"clones/{TASK}.json",
        lambda folder: learnability([TASK], out=folder / "clones", workers=0),
    ),
    "settings": (
        "settings.json",
        lambda folder: with_settings(["--config", str(folder / "settings.json")]),
    ),
    "checkpoint": ("checkpoint/config.json", lambda folder: load_checkpoint(folder / "checkpoint")),
    "snapshot": (f"run/{SNAPSHOT}", lambda folder: load_snapshot(folder / "run", "cpu")),
    "run": (f"run/{DESCRIPTION}", lambda folder: open_run(folder / "run", {})),
    "kept observations": ("cache/demos/state/*/*.npz", see_trajectory),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a sound file for every reader."""
    made = tmp_path_factory.mktemp("sound")
    mmbench.evaluate("random", tasks=[TASK], episodes=1, workers=0, out=made / "result")
    (shard,) = (made / "result" / "episodes").glob("*.parquet")
    (made / "log.parquet").write_bytes(shard.read_bytes())
    shard.rename(shard.with_name("part-0.parquet"))
    torch.save(rows(), made / "ms-reach.pt")
    torch.save({"model": {"_action_masks": torch.ones(1, 4)}}, made / "official.pt")
    model = new_model(NewtConfig(size="S", embedding_dim=384), [TASK], "minilm")
    save_checkpoint(
        made / "checkpoint", Checkpoint(model=model, tasks=(TASK,), encoder="minilm", target_q={})
    )
    open_run(made / "run", {"tasks": [TASK], "seed": 0})
    save_snapshot(made / "run", {"weight": torch.ones(8)}, {"updates": 3})
    save_trained(
        made / "baseline",
        Trained(agent="x", tasks=(TASK,), encoder="minilm", config=Config()),
        networks(Config(), 1),
    )
    journal = Journal(made / "journal")
    arrays = {"obs": np.ones((4, 4)), "action": np.ones((3, 2)), "reward": np.ones(3)}
    journal.add(0, {name: array.astype(np.float32) for name, array in arrays.items()})
    journal.write()
    (made / "clones").mkdir()
    clone = Learnability(
        task=TASK,
        expert="scripted",
        has_labels=True,
        num_steps=500,
        demo_score=1.0,
        clone_score=0.5,
        clone_scores=(0.5,),
    )
    (made / "clones" / f"{TASK}.json").write_text(json.dumps(dataclasses.asdict(clone)))
    (made / "settings.json").write_text('{"episodes": 3, "tasks": ["pygame-pong"]}')
    see_trajectory(made)
    return made


def test_sound_files_are_read(folder: Path) -> None:
    for name, (_, read) in READERS.items():
        if name != "official checkpoint":  # a whole one is large
            read(folder)


def found(folder: Path, reader: str) -> Path:
    (file,) = folder.glob(READERS[reader][0])
    return file


def is_read_or_refused(folder: Path, reader: str, content: bytes) -> None:
    """Put `content` in place of a sound file, and read it."""
    file = found(folder, reader)
    sound, told = file.read_bytes(), ""
    file.write_bytes(content)
    try:
        READERS[reader][1](folder)
    except MMBenchError as error:
        told = str(error)
    finally:
        file.write_bytes(sound)
    assert "\n" not in told, reader
    assert len(told) < 2000, reader


def try_mutations(folder: Path, seeds: range) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    names = list(READERS)
    for seed in seeds:
        rng = random.Random(seed)
        reader = names[seed % len(names)]
        is_read_or_refused(folder, reader, mutated(found(folder, reader).read_bytes(), rng))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MAX_GROWTH_KIB


def test_mutated_files_are_read_or_refused_in_one_sentence(folder: Path) -> None:
    try_mutations(folder, range(NUM_QUICK))


@pytest.mark.slow
def test_a_thousand_mutated_files(folder: Path) -> None:
    try_mutations(folder, range(NUM_QUICK, NUM_ALL))


CONTENTS = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a number": b"7",
    "nesting without end": b"[" * 200_000,
    "a number without end": b'{"seed": 1' + b"0" * 5000 + b"}",
    "not a number": b'{"seed": NaN}',
    "bytes": bytes(range(256)),
    "UTF-16": '{"seed": 0}'.encode("utf-16"),
    "half a pair": b'{"agent": "\\ud800"}',
    "blanks": b" " * 2**20,
    "more than the limit": b" " * (2**20 + 1),
    "the start of a zip": b"PK\x03\x04",
    "Parquet around nothing": b"PAR1" + b"\xff" * 8 + b"PAR1",
    "a header without end": b"\xff" * 8 + b"{",
}


@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_no_such_file_is_refused_in_one_sentence(folder: Path, content: str) -> None:
    for reader in READERS:
        is_read_or_refused(folder, reader, CONTENTS[content])


@pytest.mark.parametrize("kind", ["pipe", "folder", "endless"])
@pytest.mark.parametrize("reader", READERS)
def test_only_files_are_opened(folder: Path, tmp_path: Path, reader: str, kind: str) -> None:
    file, aside, read = found(folder, reader), tmp_path / "aside", READERS[reader][1]
    file.rename(aside)
    try:
        if kind == "pipe":
            os.mkfifo(file)
        elif kind == "folder":
            file.mkdir()
        else:
            file.symlink_to("/dev/zero")
        if reader == "kept observations" or (reader, kind) == ("episodes", "folder"):
            read(folder)  # they are made anew; an empty folder is a log without episodes
        else:
            with pytest.raises(MMBenchError):
                read(folder)
    finally:
        file.rmdir() if kind == "folder" else file.unlink()
        aside.rename(file)
