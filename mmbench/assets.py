"""Downloadable assets of ManiSkill, fetched by ManiSkill's own downloader."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mmbench.errors import AssetError
from mmbench.plugins import near_match
from mmbench.registry import list_tasks

# Asset -> a file that is there once it is downloaded, below `<root>/data`.
_MARKERS = {
    "ycb": "assets/mani_skill2_ycb/info_pick_v0.json",
    "xarm6": "robots/xarm6/xarm6_robotiq.urdf",
    "anymal_c": "robots/anymal_c/urdf/anymal.urdf",
}


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One asset.

    Attributes:
        name: ManiSkill's name of it.
        is_present: Whether it is where ManiSkill looks.
        tasks: The tasks that use it.
    """

    name: str
    is_present: bool
    tasks: tuple[str, ...]


def assets_root() -> Path:
    """Return where ManiSkill keeps its assets: `MS_ASSET_DIR`, or `.maniskill` at home."""
    return Path(os.environ.get("MS_ASSET_DIR", Path.home() / ".maniskill")) / "data"


def is_present(name: str) -> bool:
    """Tell whether an asset is where ManiSkill looks for it."""
    return (assets_root() / _MARKERS[name]).is_file()


def list_assets() -> tuple[Asset, ...]:
    """Return the assets that tasks can use."""
    return tuple(
        Asset(
            name=name,
            is_present=is_present(name),
            tasks=tuple(spec.id for spec in list_tasks() if name in spec.assets),
        )
        for name in _MARKERS
    )


def check_name(name: str) -> None:
    """Raise `AssetError` if there is no such asset."""
    if name not in _MARKERS:
        listing = f"there are {', '.join(_MARKERS)}"
        raise AssetError(f"unknown asset {name!r}; {near_match(name, _MARKERS, listing)}")


def download(name: str) -> None:
    """Fetch an asset.

    Raises:
        AssetError: If there is no such asset, or if it could not be fetched.
    """
    check_name(name)
    command = [sys.executable, "-m", "mani_skill.utils.download_asset", name, "-y"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0 or not is_present(name):
        reason = (result.stderr.strip().splitlines() or ["it is not there afterwards"])[-1]
        raise AssetError(
            f"asset {name!r} could not be downloaded to {assets_root()}: {reason}; "
            "tasks use the stand-ins until it is there"
        )
