"""The original benchmark's demonstration files: read as data, or refused."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensordict import TensorDict

from mmbench.demos import read_official
from mmbench.demos.official import download_official
from mmbench.errors import DemonstrationError
from tests.hostile import Hostile

TASK = "ms-reach"  # 31 observation entries, 4 action entries, 25 steps
NUM_STEPS = 25


def rows(num_episodes: int = 2) -> dict[str, torch.Tensor]:
    """Episodes with recognisable numbers: step t of episode e holds t + 100 e."""
    obs, action, reward, episode = [], [], [], []
    for e in range(num_episodes):
        for t in range(NUM_STEPS + 1):
            value = t + 100.0 * e
            obs.append([value] * 31 + [0.0] * 97)
            action.append([float("nan") if t == 0 else value / 1000] * 16)
            reward.append(float("nan") if t == 0 else value)
            episode.append(e)
    return {
        "obs": torch.tensor(obs),
        "action": torch.tensor(action),
        "reward": torch.tensor(reward),
        "episode": torch.tensor(episode),
        "terminated": torch.zeros(len(obs), dtype=torch.bool),
    }


def saved(folder: Path, content: Any) -> Path:
    file = folder / f"{TASK}.pt"
    torch.save(content, file)
    return file


@pytest.mark.parametrize("as_tensordict", [False, True])
def test_episodes_come_out_without_padding(tmp_path: Path, as_tensordict: bool) -> None:
    content: Any = rows()
    if as_tensordict:
        content = TensorDict(content, batch_size=[2 * (NUM_STEPS + 1)])
    first, second = read_official(saved(tmp_path, content))
    assert second.task_id == TASK
    assert second.record is None
    assert second.observations.shape == (NUM_STEPS + 1, 31)
    assert second.actions.shape == (NUM_STEPS, 4)
    np.testing.assert_array_equal(second.observations[:, 0], np.arange(100, 126))
    np.testing.assert_array_equal(second.rewards, np.arange(101, 126))
    np.testing.assert_allclose(first.actions[0], 0.001)


def test_the_task_may_be_named(tmp_path: Path) -> None:
    file = tmp_path / "anything.pt"
    torch.save(rows(), file)
    assert len(read_official(file, task=TASK)) == 2
    with pytest.raises(DemonstrationError, match="unknown task 'anything'"):
        read_official(file)


def changed(**columns: torch.Tensor) -> dict[str, torch.Tensor]:
    return {**rows(), **columns}


BAD_ROWS = {
    "'reward' has shape (3,)": changed(reward=torch.zeros(3)),
    "'obs' and 'episode' must be finite": changed(obs=torch.full((52, 128), float("nan"))),
    "'episode' must count 0, 1, 2": changed(episode=torch.arange(52) * 2),
    "an episode has 51 steps, ms-reach has 25": changed(episode=torch.zeros(52)),
    "'obs' has more than the 31 entries": changed(obs=torch.ones(52, 128)),
    "actions and rewards must be finite": changed(action=torch.full((52, 16), float("inf"))),
    "'reward' has dtype torch.complex64": changed(reward=torch.zeros(52, dtype=torch.complex64)),
    "has no tensor 'obs'": {"action": torch.zeros(2, 16)},
    "holds a list, expected named tensors": [1, 2],
    "'obs' is a str, expected a tensor": {**rows(), "obs": "x"},
}


@pytest.mark.parametrize("message", BAD_ROWS)
def test_rows_that_do_not_fit_are_refused(tmp_path: Path, message: str) -> None:
    with pytest.raises(DemonstrationError) as caught:
        read_official(saved(tmp_path, BAD_ROWS[message]))
    assert message in str(caught.value)


def test_code_in_a_file_is_not_executed(tmp_path: Path) -> None:
    trap = tmp_path / "executed"
    file = saved(tmp_path, {**rows(), "extra": Hostile(trap)})
    with pytest.raises(DemonstrationError, match="damaged or holds more than tensors"):
        read_official(file)
    assert not trap.exists()
    file.write_bytes(pickle.dumps(Hostile(trap)))
    with pytest.raises(DemonstrationError, match="is not a .pt file"):
        read_official(file)
    assert not trap.exists()


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, rows())
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(DemonstrationError, match="is not a .pt file"):
        read_official(file)


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    file = tmp_path / f"{TASK}.pt"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("archive/data.pkl", "w", force_zip64=True) as stream,
    ):
        for _ in range(65):
            stream.write(bytes(2**26))
    assert file.stat().st_size < 2**23
    with pytest.raises(DemonstrationError, match="would unpack to"):
        read_official(file)


def test_a_download_that_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def fail(*arguments: object, **options: object) -> str:
        raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(DemonstrationError, match=r"cannot download ms-reach\.pt of .*: no network"):
        download_official([TASK], tmp_path)


def test_a_download_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked = []

    def fetch(repository: str, name: str, *, repo_type: str, local_dir: Path) -> str:
        asked.append((repository, name, repo_type))
        return str(saved(Path(local_dir), rows()))

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    (file,) = download_official([TASK], tmp_path, repository="someone/demos")
    assert asked == [("someone/demos", "ms-reach.pt", "dataset")]
    assert len(read_official(file)) == 2
