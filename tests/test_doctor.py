"""What `mmbench doctor` advises."""

import ctypes.util
import sys

import pytest

from mmbench.doctor import examine_domain
from mmbench.mujoco_support.camera import INSTALL_COMMAND
from mmbench.registry import get_domain


def test_without_a_graphics_driver_it_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    found = examine_domain(get_domain("ogbench"))
    assert found.is_healthy
    assert found.state is None
    assert found.pictures == (
        f"pictures need EGL or OSMesa, and neither works here: {INSTALL_COMMAND}"
    )
    assert found.remedy == INSTALL_COMMAND


def test_a_missing_simulator_is_fixed_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mmbench.domains.ogbench.adapter", None)
    found = examine_domain(get_domain("ogbench"))
    assert not found.is_healthy
    assert found.state == found.pictures
    assert found.remedy == "pip install 'mmbench[ogbench]'"
