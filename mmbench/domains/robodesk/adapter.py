"""RoboDesk as a Simulator, on the package's own model.

The package's environment class is not used: it draws from numpy's global generator, renders a
picture for every observation, needs the unmaintained `gym`, and spends half of its time in Python.
What it does is done here on its model, step for step and number for number (a test compares them).
"""

from importlib.util import find_spec
from pathlib import Path

import mujoco
import numpy as np

from mmbench.arithmetic import length
from mmbench.domains.robodesk.rewards import GOALS, Vector
from mmbench.mujoco_support.camera import OffscreenCamera
from mmbench.mujoco_support.snapshot import MujocoState, restore_snapshot, take_snapshot
from mmbench.simulator import AssetVariant, FloatArray, Image, Transition
from mmbench.spec import TaskSpec

ACTION_REPEAT = 10
SUBSTEPS = 10

_NUM_JOINTS = 9
_NUM_ARM_JOINTS = 6  # those that inverse kinematics moves
_REACH_M = 0.01
_WRIST_SCALE = 0.02
_START_POSE = (-0.30, -0.4, 0.28, -2.5, 0.13, 1.87, 0.91, 0.01, 0.01)

# dm_control's defaults for inverse kinematics of a site's position.
_IK_MAX_STEPS = 100
_IK_TOLERANCE_M = 1e-14
_IK_REGULARIZATION_THRESHOLD = 0.1
_IK_REGULARIZATION = 3e-2
_IK_MAX_UPDATE_NORM = 2.0
_IK_PROGRESS_THRESHOLD = 20.0


class RoboDeskSimulator:
    """A Franka arm at a desk."""

    assets: AssetVariant = "official"

    def __init__(self, spec: TaskSpec, *, pictures: bool) -> None:
        self.model = mujoco.MjModel.from_xml_path(str(_packaged_model()))
        self.data = mujoco.MjData(self.model)
        self._ik = _InverseKinematics(self.model)
        self._ranges = self.model.actuator_ctrlrange[:_NUM_JOINTS].copy()
        self._site = self.model.site("end_effector").id
        self._goal = GOALS[spec.params["task"]](self.model)
        self._camera: OffscreenCamera | None = None

    def reset(self, rng: np.random.Generator) -> FloatArray:
        """Place the objects, then play one agent step of the zero action."""
        self.place(rng)
        return self.step(np.zeros(5, np.float32)).obs

    def place(self, rng: np.random.Generator) -> None:
        """Draw the start positions of drawer, door, objects and robot."""
        model, data = self.model, self.data
        mujoco.mj_resetData(model, data)
        qpos = data.qpos
        qpos[self._address("drawer_joint")] -= 0.10 * rng.random()
        qpos[self._address("slide_joint")] += 0.20 * rng.random()
        flat, ball, upright = (
            model.body(name).jntadr[0] for name in ("flat_block", "ball", "upright_block")
        )
        for joint, x_range, y_range, x_shift in (
            (flat, 0.3, 0.07, 0.0),
            (ball, 0.48, 0.08, 0.0),
            (upright, 0.3, 0.05, 0.05),
        ):
            address = model.jnt_qposadr[joint]
            qpos[address] += x_range * rng.random() + x_shift
            qpos[address + 1] += y_range * rng.random()
        noise = rng.uniform(self._ranges[:, 0], self._ranges[:, 1])
        qpos[:_NUM_JOINTS] = np.array(_START_POSE) + 0.15 * noise
        data.qvel[:_NUM_JOINTS] = 0.0
        mujoco.mj_forward(model, data)

    def step(self, action: FloatArray) -> Transition:
        """Play the action for ten control steps of ten physics steps each."""
        native = action.astype(np.float64)
        reward = 0.0
        for _ in range(ACTION_REPEAT):
            self._control_step(native)
            reward += min(1.0, max(0.0, self._goal.reward(self.data, self.tip)))
        return Transition(self._observe(), reward, self._goal.is_reached(self.data))

    def render(self, height: int, width: int) -> Image:
        """Draw the desk from above the robot's shoulder."""
        if self._camera is None:
            camera = mujoco.MjvCamera()
            camera.lookat[:] = (0, 0.535, 1.1)
            camera.distance, camera.azimuth, camera.elevation = 1.4, 90, -60
            self._camera = OffscreenCamera(self.model, camera)
        return self._camera.draw(self.data, height, width)

    def get_state(self) -> MujocoState:
        """Return a snapshot."""
        return take_snapshot(self.model, self.data)

    def set_state(self, state: MujocoState) -> None:
        """Go back to a snapshot."""
        restore_snapshot(self.model, self.data, state)

    def close(self) -> None:
        """Free the graphics."""
        if self._camera is not None:
            self._camera.close()

    @property
    def tip(self) -> Vector:
        """Place of the fingertips, in metres, shape `(3,)`."""
        return self.data.site_xpos[self._site]

    def _address(self, joint: str) -> int:
        return int(self.model.joint(joint).qposadr[0])

    def _control_step(self, action: Vector) -> None:
        model, data = self.model, self.data
        data.ctrl[:_NUM_JOINTS] = self._command(action)
        applied, bias = data.qfrc_applied[:_NUM_JOINTS], data.qfrc_bias[:_NUM_JOINTS]
        step2, step1 = mujoco.mj_step2, mujoco.mj_step1
        for _ in range(SUBSTEPS):
            applied[:] = bias  # gravity of the robot is compensated
            step2(model, data)
            step1(model, data)

    def _command(self, action: Vector) -> Vector:
        qpos = self.data.qpos
        command = self._ik.solve(qpos, self.tip + action[:3] * _REACH_M)[:_NUM_JOINTS]
        command[6] = _WRIST_SCALE * _onto(action[3], self._ranges[6]) + qpos[6]
        command[6] = min(max(command[6], self._ranges[6, 0]), self._ranges[6, 1])
        command[7] = command[8] = _onto(action[4], self._ranges[7])
        return command

    def _observe(self) -> FloatArray:
        qvel = self.data.qvel
        objects = qvel[_NUM_JOINTS:]
        parts = (
            self.tip,
            objects,  # the package calls them positions; they are velocities
            self.data.qpos[:_NUM_JOINTS],
            objects,
            qvel[:_NUM_JOINTS],
        )
        return np.concatenate(parts).astype(np.float32)


class _InverseKinematics:
    """dm_control's damped least squares, computing only what a position needs.

    The original updates all position-dependent quantities in every iteration, contacts included;
    the tip's place and Jacobian need the kinematics alone.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._data = mujoco.MjData(model)
        self._site = model.site("end_effector").id
        self._jacobian = np.empty((3, model.nv))
        self._update = np.zeros(model.nv)

    def solve(self, qpos: Vector, target: Vector) -> Vector:
        """Return joint positions with the tip at `target`, or as near as the iteration came."""
        model, data = self._model, self._data
        data.qpos[:] = qpos
        self._kinematics()
        tip = data.site_xpos[self._site]
        for _ in range(_IK_MAX_STEPS):
            error = target - tip
            error_norm = length(error)
            if error_norm < _IK_TOLERANCE_M:
                break
            mujoco.mj_jacSite(model, data, self._jacobian, None, self._site)
            jacobian = self._jacobian[:, :_NUM_ARM_JOINTS]
            damping = _IK_REGULARIZATION if error_norm > _IK_REGULARIZATION_THRESHOLD else 0.0
            update = _least_squares(jacobian, error, damping)
            update_norm = length(update)
            if error_norm / update_norm > _IK_PROGRESS_THRESHOLD:
                break
            if update_norm > _IK_MAX_UPDATE_NORM:
                update *= _IK_MAX_UPDATE_NORM / update_norm
            self._update[:_NUM_ARM_JOINTS] = update
            mujoco.mj_integratePos(model, data.qpos, self._update, 1)
            self._kinematics()
        return np.array(data.qpos)

    def _kinematics(self) -> None:
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)


def _least_squares(jacobian: Vector, error: Vector, damping: float) -> Vector:
    """Return the shortest x that makes |J x - e|^2 + damping |x|^2 least.

    J has three rows, so that x = J^T (J J^T + damping)^-1 e takes the inverse of a 3 x 3 matrix.
    """
    gram = (jacobian[:, None] * jacobian).sum(-1) + damping * np.eye(3)
    (a, b, c), (_, d, e), (_, _, f) = gram.tolist()
    x, y, z = error.tolist()
    of_xx, of_xy, of_xz = d * f - e * e, c * e - b * f, b * e - c * d
    of_yy, of_yz, of_zz = a * f - c * c, b * c - a * e, a * d - b * b
    determinant = a * of_xx + b * of_xy + c * of_xz
    weights = np.array(
        (
            (of_xx * x + of_xy * y + of_xz * z) / determinant,
            (of_xy * x + of_yy * y + of_yz * z) / determinant,
            (of_xz * x + of_yz * y + of_zz * z) / determinant,
        )
    )
    return (weights[:, None] * jacobian).sum(0)


def _onto(unit: float, bounds: Vector) -> float:
    """Map [-1, 1] onto the interval."""
    return float((unit + 1) * (bounds[1] - bounds[0]) / 2 + bounds[0])


def _packaged_model() -> Path:
    # find_spec of the package alone: importing it would import `gym`, which prints a notice.
    package = find_spec("robodesk")
    if package is None or package.origin is None:
        raise ImportError("No module named 'robodesk'")
    return Path(package.origin).parent / "assets" / "desk.xml"
