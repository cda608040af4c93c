"""Building ManiSkill scenes on a machine without any graphics driver.

ManiSkill gives every shape a render material even where nothing will be drawn, and SAPIEN's
material class insists on a Vulkan device. While a scene without pictures is built, the names under
which the builders look that class up stand for one that takes everything and keeps nothing.
"""

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import sapien.render
from mani_skill.utils.building import _mjcf_loader
from sapien import pysapien
from sapien.wrapper import urdf_loader


class _NoMaterial:
    """Takes whatever a material or texture takes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


@contextlib.contextmanager
def without_graphics() -> Iterator[None]:
    """Let scenes be built with no Vulkan driver present."""
    with contextlib.ExitStack() as stack:
        for module in (sapien.render, pysapien.render, _mjcf_loader, urdf_loader):
            for name in ("RenderMaterial", "RenderTexture2D"):
                if hasattr(module, name):
                    stack.enter_context(mock.patch.object(module, name, _NoMaterial))
        yield
