"""ManiSkill's controllers in numpy: from an action to joint targets.

Built from the controllers of a ManiSkill agent, whose limits, joint orders and kinematic model they
use. Deltas are relative to the measured state at the start of each inner step.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import sapien
import torch
from mani_skill.agents.controllers import (
    PDEEPosController,
    PDEEPoseController,
    PDJointPosController,
    PDJointPosMimicController,
)
from mani_skill.agents.controllers.base_controller import CombinedController
from mani_skill.agents.controllers.passive_controller import PassiveController

from mmbench.domains.maniskill.bodies import Vector

Command = Callable[[Vector], None]
"""Reads its part of the action and sets the targets of its joints."""


class Controls:
    """All controllers of an agent."""

    def __init__(self, agent: Any) -> None:
        controller = agent.controller
        if isinstance(controller, CombinedController):
            parts = [
                (part, slice(*controller.action_mapping[name]))
                for name, part in controller.controllers.items()
            ]
        elif isinstance(controller, dict):
            raise TypeError("controllers without a flat action are not used by any task")
        else:
            parts = [(controller, slice(None))]
        self._commands = [
            (_command(part), where)
            for part, where in parts
            if not isinstance(part, PassiveController)
        ]

    def apply(self, action: Vector) -> None:
        """Set the joint targets for the next inner step."""
        for command, where in self._commands:
            command(action[where])


def _command(controller: Any) -> Command:
    if isinstance(controller, PDEEPoseController):
        return _TipCommand(controller, has_rotation=True)
    if isinstance(controller, PDEEPosController):
        return _TipCommand(controller, has_rotation=False)
    if isinstance(controller, PDJointPosMimicController):
        return _MimicCommand(controller)
    if isinstance(controller, PDJointPosController):
        return _JointCommand(controller)
    raise TypeError(f"no numpy version of {type(controller).__name__}")


class _Scale:
    """Puts an action in [-1, 1] on the controller's range."""

    def __init__(self, controller: Any, entries: int | None = None) -> None:
        low = controller.action_space_low.numpy()[:entries]
        high = controller.action_space_high.numpy()[:entries]
        self._middle = np.float32(0.5) * (high + low)
        self._half_range = np.float32(0.5) * (high - low)

    def __call__(self, action: Vector) -> Vector:
        scaled: Vector = self._middle + self._half_range * action
        return scaled


class _Joints:
    """The joints that a controller drives."""

    def __init__(self, controller: Any) -> None:
        self._articulation = controller.articulation._objs[0]
        self._joints = [joint._objs[0] for joint in controller.joints]
        self.indices = controller.active_joint_indices.numpy()

    @property
    def positions(self) -> Vector:
        """Measured positions of the driven joints."""
        positions: Vector = self._articulation.qpos[self.indices]
        return positions

    @property
    def all_positions(self) -> Vector:
        """Measured positions of all joints of the robot."""
        positions: Vector = self._articulation.qpos
        return positions

    def drive(self, targets: Vector) -> None:
        for joint, target in zip(self._joints, targets, strict=True):
            joint.set_drive_target(target)


class _JointCommand:
    def __init__(self, controller: Any) -> None:
        self._scale = _Scale(controller)
        self._joints = _Joints(controller)
        self._is_delta = controller.config.use_delta

    def __call__(self, action: Vector) -> None:
        target = self._scale(action)
        self._joints.drive(self._joints.positions + target if self._is_delta else target)


class _MimicCommand:
    """One action for several joints that move together."""

    def __init__(self, controller: Any) -> None:
        self._scale = _Scale(controller)
        self._joints = _Joints(controller)
        self._is_delta = controller.config.use_delta
        self._leader = controller.control_joint_indices.numpy()
        self._followers = controller.mimic_joint_indices.numpy()
        self._followed = controller.mimic_control_joint_indices.numpy()
        self._factor = controller._multiplier.numpy()
        self._offset = controller._offset.numpy()

    def __call__(self, action: Vector) -> None:
        targets = self._joints.positions
        moved = self._scale(action)
        targets[self._leader] = targets[self._leader] + moved if self._is_delta else moved
        targets[self._followers] = targets[self._followed] * self._factor + self._offset
        self._joints.drive(targets)


class _TipCommand:
    """Moves the hand; the joints follow from inverse kinematics.

    Where the hand goes is worked out in float32 in the package's own order of operations: the last
    bit of a joint target decides how fingers that touch move on.
    """

    def __init__(self, controller: Any, *, has_rotation: bool) -> None:
        self._joints = _Joints(controller)
        self._root = controller.root_link._objs[0]
        self._tip = controller.ee_link._objs[0]
        self._scale = _Scale(controller, entries=3)
        # The package scales rotations by their lower bound, a negative number.
        self._rotation_scale = np.float32(controller.config.rot_lower) if has_rotation else None
        kinematics = controller.kinematics
        self._model = kinematics.pmodel
        self._link = kinematics.end_link_idx
        self._mask = kinematics.qmask.numpy()
        self._inputs = kinematics.pmodel_active_joint_indices.numpy()
        self._outputs = kinematics.pmodel_controlled_joint_indices.numpy()

    def __call__(self, action: Vector) -> None:
        root, tip = self._root.entity.pose, self._tip.entity.pose
        to_root = _conjugate(root.q)
        position = _rotated(to_root, -root.p) + _rotated(to_root, tip.p)
        turn, shift = _NO_TURN, self._scale(action[:3])
        if self._rotation_scale is not None:
            turn = _turn(action[3:], self._rotation_scale)
        rotation = _positive(_multiplied(to_root, tip.q))
        goal = sapien.Pose(shift + position, _positive(_multiplied(turn, rotation)))
        qpos = self._joints.all_positions
        solution, is_solved, _ = self._model.compute_inverse_kinematics(
            self._link,
            goal,
            initial_qpos=qpos[self._inputs],
            active_qmask=self._mask,
            max_iterations=100,
        )
        self._joints.drive(
            np.asarray(solution, np.float32)[self._outputs] if is_solved else self._joints.positions
        )


_NO_TURN = np.array((1, 0, 0, 0), np.float32)


def _turn(action: Vector, scale: np.float32) -> Vector:
    """Return the quaternion of an action, cut to norm 1, scaled, and read as XYZ Euler angles."""
    length = np.float32(torch.linalg.norm(torch.from_numpy(action)[None], axis=1).item())
    if length > 1:
        action = action * (np.float32(1) / length)
    angles = torch.from_numpy(action * scale)
    cx, cy, cz = torch.cos(angles).numpy()
    sx, sy, sz = torch.sin(angles).numpy()
    # Rows of the product of the rotations about x, y and z; the angles are far below a right angle,
    # so that w is the entry to divide by.
    m01 = -cy * sz
    m02 = sy
    m00, m10, m20 = cy * cz, sx * sy * cz + cx * sz, -cx * sy * cz + sx * sz
    m11, m21 = -sx * sy * sz + cx * cz, cx * sy * sz + sx * cz
    m12, m22 = -sx * cy, cx * cy
    trace = torch.full((4,), float(np.float32(1) + m00 + m11 + m22))
    double_w = np.float32(torch.sqrt(trace)[0].item())
    parts = (double_w * double_w, m21 - m12, m02 - m20, m10 - m01)
    return np.array(parts, np.float32) / (np.float32(2) * double_w)


def _multiplied(a: Vector, b: Vector) -> Vector:
    """Return the product of two quaternions w, x, y, z, every operation rounded to float32."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return np.array(
        (
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ),
        np.float32,
    )


def _conjugate(q: Vector) -> Vector:
    return q * np.array((1, -1, -1, -1), np.float32)


def _positive(q: Vector) -> Vector:
    """Return the quaternion of the same rotation with w >= 0."""
    return -q if q[0] < 0 else q


def _rotated(q: Vector, point: Vector) -> Vector:
    as_quaternion = np.concatenate((np.zeros(1, np.float32), point))
    return _multiplied(_multiplied(q, as_quaternion), _conjugate(q))[1:]
