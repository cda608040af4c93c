"""The robots whose official models must be downloaded, and their stand-ins."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from mani_skill.agents.registration import REGISTERED_AGENTS, AgentSpec
from mani_skill.agents.robots import ANYmalC, XArm6Robotiq

_ASSETS = Path(__file__).parent / "assets"


class StandInXArm6(XArm6Robotiq):
    """An xArm6 with a Robotiq gripper, with boxes for shapes."""

    urdf_path = str(_ASSETS / "xarm6_robotiq.urdf")


class StandInANYmalC(ANYmalC):
    """An ANYmal C of eighteen links, with boxes and cylinders for shapes."""

    urdf_path = str(_ASSETS / "anymal_c.urdf")


_OFFICIAL = {"xarm6_robotiq": XArm6Robotiq, "anymal_c": ANYmalC}
_STAND_INS = {"xarm6_robotiq": StandInXArm6, "anymal_c": StandInANYmalC}


def needs_stand_in(robot: str) -> bool:
    """Whether a robot's official model is not where ManiSkill looks for it."""
    return robot in _OFFICIAL and not Path(_OFFICIAL[robot].urdf_path).is_file()


@contextlib.contextmanager
def robots_on_disk(robot: str) -> Iterator[None]:
    """While an environment is built, let the robot's name stand for a model that is there.

    Environments and their scene builders go by the names of robots, so the name has to stay.
    """
    if not needs_stand_in(robot):
        yield
        return
    with mock.patch.dict(REGISTERED_AGENTS, {robot: AgentSpec(_STAND_INS[robot], [])}):
        yield
