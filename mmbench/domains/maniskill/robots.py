"""The robots whose official models must be downloaded, and their stand-ins."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from mani_skill.agents.registration import REGISTERED_AGENTS, AgentSpec
from mani_skill.agents.robots import ANYmalC, XArm6Robotiq

from mmbench.assets import is_present

_ASSETS = Path(__file__).parent / "assets"


class StandInXArm6(XArm6Robotiq):
    """An xArm6 with a Robotiq gripper, with boxes for shapes."""

    urdf_path = str(_ASSETS / "xarm6_robotiq.urdf")


class StandInANYmalC(ANYmalC):
    """An ANYmal C of eighteen links, with boxes and cylinders for shapes."""

    urdf_path = str(_ASSETS / "anymal_c.urdf")


# Robot -> the asset that brings its official model, and what stands in for it.
_STAND_INS = {"xarm6_robotiq": ("xarm6", StandInXArm6), "anymal_c": ("anymal_c", StandInANYmalC)}


@contextlib.contextmanager
def robots_on_disk(robot: str) -> Iterator[None]:
    """While an environment is built, let the robot's name stand for a model that is there.

    Environments and their scene builders go by the names of robots, so the name has to stay.
    """
    asset, stand_in = _STAND_INS.get(robot, (None, None))
    if asset is None or is_present(asset):
        yield
        return
    with mock.patch.dict(REGISTERED_AGENTS, {robot: AgentSpec(stand_in, [])}):
        yield
