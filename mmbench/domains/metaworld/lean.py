"""Meta-World's environments with less work around the same physics, bit for bit.

Two thirds of a step of the package are spent around the physics: names looked up one by one, lists
of contacts gone through, SciPy for one rotation at a time, rewards on arrays of one entry.
`lean_environment` derives a class that assembles observations itself and runs the package's own
reward functions, unchanged, where a few names they look up stand for the scalar versions below: the
functions get a scope of their own, so that the package, and whoever else uses it in the process,
stays as it is.
"""

import functools
import math
from collections.abc import Callable
from types import FunctionType, SimpleNamespace
from typing import Any

import mujoco
import numpy as np
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.sawyer_xyz_env import SawyerXYZEnv
from metaworld.utils import reward_utils
from numpy.typing import NDArray

from mmbench.simulator import FloatArray

Vector = NDArray[np.float64]

_HAND_STEPS = 50  # control steps in which a reset brings the hand to its place
_JUDGED_BY_TOUCH = ("stick-push-v3",)  # where success depends on it
_MOCAP_QUAT = (1.0, 0.0, 1.0, 0.0)
_LONG_TAIL_SCALE, _GAUSSIAN_SCALE = np.sqrt(1 / 0.1 - 1), np.sqrt(-2 * np.log(0.1))


class NamedData:
    """An `MjData` whose parts are looked up by name once; arrays are windows on the simulation."""

    def __init__(self, data: mujoco.MjData) -> None:
        self.original = data
        self.ctrl, self.mocap_pos, self.mocap_quat = data.ctrl, data.mocap_pos, data.mocap_quat
        for kind in ("body", "geom", "site", "joint"):
            setattr(self, kind, functools.cache(_finder(getattr(data, kind))))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


class _Windows:
    """Keeps the arrays of a part of the simulation."""

    def __init__(self, part: Any) -> None:
        self._part = part

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        if isinstance(value, np.ndarray):
            setattr(self, name, value)
        return value


def _finder(find: Callable[[str], Any]) -> Callable[[str], _Windows]:
    return lambda name: _Windows(find(name))


class _LeanEnvironment(SawyerXYZEnv):
    """What all lean environments do differently from the package's."""

    data: Any
    is_judged_by_touch: bool

    def __init__(self) -> None:
        super().__init__()
        # As the package's own variant with a visible goal has it.
        self._partially_observable = False
        self._freeze_rand_vec = False
        self._set_task_called = True
        del self.sawyer_observation_space
        self.named_data = NamedData(self.data)
        self._is_rehearsal = False

    def reset(self, **_: Any) -> tuple[Vector, dict[str, Any]]:
        """Start an episode like the package, which resets twice.

        Of the first time only what it draws and changes in the model is left, so that the hand
        need not move then.
        """
        self.curr_path_length = 0
        self._is_rehearsal = True
        mujoco.mj_resetData(self.model, self.data)
        self.reset_model()
        self._is_rehearsal = False
        mujoco.mj_resetData(self.model, self.data)
        obs = self.reset_model()
        self._prev_obs = obs[:18].copy()
        return obs, {}

    def step(self, action: FloatArray) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
        """Play a control step."""
        model, data, named = self.model, self.data, self.named_data
        shift = np.minimum(np.maximum(action[:3], -1), 1) * self.action_scale
        place = named.mocap_pos[0]
        np.minimum(np.maximum(place + shift, self.mocap_low), self.mocap_high, out=place)
        named.mocap_quat[0] = _MOCAP_QUAT
        grip = action[3]
        named.ctrl[:] = (grip, -grip)
        mujoco.mj_step(model, data, self.frame_skip)
        # Rewards and observations read places only; the next step works out everything anew.
        mujoco.mj_kinematics(model, data)
        self.data = named
        try:
            space = self.sawyer_observation_space
            obs = np.minimum(np.maximum(self._get_obs(), space.low), space.high)
            reward, info = self.evaluate_state(obs, action)
        finally:
            self.data = data
        return obs, reward, False, False, info

    @property
    def touching_main_object(self) -> bool:
        """Whether both fingers press on the thing; mostly an entry of `info` that nobody reads."""
        if not self.is_judged_by_touch:
            return False
        mujoco.mj_forward(self.model, self.named_data.original)
        return self.touching_object(self._get_id_main_object())

    def touching_object(self, object_geom_id: int) -> bool:
        """Whether both fingers press on a geom."""
        data = self.named_data.original
        contact, force = data.contact, data.efc_force
        is_of_object = (contact.geom == object_geom_id).any(axis=1)
        for pad in ("leftpad_geom", "rightpad_geom"):
            is_of_pad = (contact.geom == data.geom(pad).id).any(axis=1)
            if not force[contact.efc_address[is_of_object & is_of_pad]].sum() > 0:
                return False
        return True

    def _get_obs(self) -> Vector:
        frame = self._get_curr_obs_combined_no_goal()
        obs = np.concatenate((frame, self._prev_obs, self._get_pos_goal()))
        self._prev_obs = frame
        return obs

    def _get_curr_obs_combined_no_goal(self) -> Vector:
        """Return the hand, how far it is open, and places and rotations of one or two things."""
        data = self.data
        frame = np.zeros(18)
        frame[:3] = data.body("hand").xpos
        apart = data.body("rightclaw").xpos - data.body("leftclaw").xpos
        frame[3] = min(max(math.sqrt(apart.dot(apart)) / 0.1, 0.0), 1.0)
        places, rotations = self._get_pos_objects(), self._get_quat_objects()
        for index in range(len(places) // 3):
            start = 4 + 7 * index
            frame[start : start + 3] = places[3 * index : 3 * index + 3]
            frame[start + 3 : start + 7] = rotations[4 * index : 4 * index + 4]
        return frame

    def _reset_hand(self, steps: int = _HAND_STEPS) -> None:
        data = self.data
        if not self._is_rehearsal:
            data.mocap_pos[0] = self.hand_init_pos
            data.mocap_quat[0] = _MOCAP_QUAT
            data.ctrl[:] = (-1, 1)
            mujoco.mj_step(self.model, data, steps * self.frame_skip)
        self.init_tcp = self.tcp_center


def lean_environment(name: str) -> Any:
    """Return a lean environment by the package's name for it, such as `reach-v3`."""
    return _lean_class(name)()


@functools.cache
def _lean_class(name: str) -> type[_LeanEnvironment]:
    original = ALL_V3_ENVIRONMENTS[name]
    methods: dict[str, Any] = {}
    for parent in reversed(original.__mro__[: original.__mro__.index(SawyerXYZEnv) + 1]):
        for method_name, method in vars(parent).items():
            if isinstance(method, FunctionType):
                methods[method_name] = _in_lean_scope(method)
            elif isinstance(method, staticmethod):
                function = method.__func__
                assert isinstance(function, FunctionType)
                methods[method_name] = staticmethod(_in_lean_scope(function))
    with_lean_scope = type(original.__name__, (original,), methods)
    return type(
        f"Lean{original.__name__}",
        (_LeanEnvironment, with_lean_scope),
        {"is_judged_by_touch": name in _JUDGED_BY_TOUCH},
    )


def _in_lean_scope(function: FunctionType) -> FunctionType:
    """Return the function with the scalar versions in the place of what its module imports."""
    if not _SCALAR_VERSIONS.keys() & set(function.__code__.co_names):
        return function
    scope = {**function.__globals__, **_SCALAR_VERSIONS}
    lean = FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )
    lean.__kwdefaults__ = function.__kwdefaults__
    return lean


def tolerance(
    x: Any,
    bounds: tuple[float, float] = (0.0, 0.0),
    margin: Any = 0.0,
    sigmoid: str = "gaussian",
    value_at_margin: float = 0.1,
) -> Any:
    """Return what the package's function of this name does, quickly for one number.

    Operations and their order are the package's, for a rounding apart would be another reward.
    """
    lower, upper = bounds
    if not isinstance(x, float) or margin < 0 or lower > upper or value_at_margin != 0.1:
        return reward_utils.tolerance(x, bounds, margin, sigmoid, value_at_margin)
    if lower <= x <= upper:
        return 1.0
    if margin == 0:
        return 0.0
    distance = np.float64(lower - x if x < lower else x - upper) / margin
    if sigmoid == "long_tail":
        return float(1 / ((distance * _LONG_TAIL_SCALE) ** 2 + 1))
    if sigmoid == "gaussian":
        return float(np.exp(-0.5 * (distance * _GAUSSIAN_SCALE) ** 2))
    return reward_utils.tolerance(x, bounds, margin, sigmoid, value_at_margin)


def norm(x: Any, ord: Any = None) -> Any:
    """Return what `numpy.linalg.norm` does, quickly for a vector."""
    if ord in (None, 2) and x.ndim == 1 and x.dtype == np.float64:
        return np.sqrt(x.dot(x))
    return np.linalg.norm(x, ord=ord)


class Rotation:
    """The part of SciPy's class that the package uses, for one rotation."""

    def __init__(self, quat: Vector) -> None:
        self._quat = quat

    @staticmethod
    def from_matrix(matrix: Vector) -> "Rotation":
        """Take a rotation matrix, shape `(3, 3)`; MuJoCo's are orthogonal.

        Source:
            F. L. Markley, "Unit Quaternion from Rotation Matrix", 2008: of the four ways to get a
            quaternion from sums and differences of entries, the one with the largest divisor.
        """
        (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
        trace = a + e + i
        largest = max(a, e, i, trace)
        if a == largest:
            quat = (1 - trace + 2 * a, d + b, g + c, h - f)
        elif e == largest:
            quat = (d + b, 1 - trace + 2 * e, h + f, c - g)
        elif i == largest:
            quat = (g + c, h + f, 1 - trace + 2 * i, d - b)
        else:
            quat = (h - f, c - g, d - b, 1 + trace)
        x, y, z, w = quat
        norm = math.sqrt(x * x + y * y + z * z + w * w)
        return Rotation(np.array((x / norm, y / norm, z / norm, w / norm)))

    def as_quat(self) -> Vector:
        """Return the quaternion, the real part last, shape `(4,)`."""
        return self._quat


_SCALAR_VERSIONS: dict[str, Any] = {
    "np": SimpleNamespace(
        **{**vars(np), "linalg": SimpleNamespace(**{**vars(np.linalg), "norm": norm})}
    ),
    "reward_utils": SimpleNamespace(**{**vars(reward_utils), "tolerance": tolerance}),
    "tolerance": tolerance,
    "Rotation": Rotation,
}
