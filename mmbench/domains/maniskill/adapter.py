"""ManiSkill3 on CPU PhysX as a Simulator.

ManiSkill builds the scenes and draws the start states; steps go past its batched torch code to
SAPIEN itself (`control.py`, `rewards.py`), with the same numbers.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple
from unittest import mock

import mani_skill
import numpy as np
import sapien
from mani_skill.envs import sapien_env
from mani_skill.utils.building import _mjcf_loader
from PIL import Image as PillowImage

from mmbench.assets import is_present
from mmbench.domains.maniskill.bodies import Vector
from mmbench.domains.maniskill.control import Controls
from mmbench.domains.maniskill.environments import KINDS, build_environment
from mmbench.domains.maniskill.headless import without_graphics
from mmbench.domains.maniskill.renewal import Renewal, can_renew
from mmbench.domains.maniskill.robots import robots_on_disk
from mmbench.errors import GraphicsError
from mmbench.replayed import ReplayedSimulator
from mmbench.simulator import AssetVariant, FloatArray, Image, Transition
from mmbench.spec import TaskSpec

ACTION_REPEAT = 2
GRAPHICS_COMMAND = "apt-get install libvulkan1 mesa-vulkan-drivers"

_NO_OBS = np.zeros(0, np.float32)
_LOG = logging.getLogger("mmbench")


class _RoughState(NamedTuple):
    seed: int
    qpos: Vector
    qvel: Vector
    root: tuple[Any, ...]
    actors: list[tuple[Any, ...]]


class ManiSkillSimulator(ReplayedSimulator):
    """An arm, a legged robot or a pole."""

    assets: AssetVariant = "official"

    def __init__(self, spec: TaskSpec, *, pictures: bool) -> None:
        super().__init__()
        if pictures:
            _check_graphics()
        if not all(is_present(asset) for asset in spec.assets):
            self.assets = "stand-in"
            _warn_of_stand_ins()
        self._spec = spec
        self._pictures = pictures
        with _quietly():
            self.env: Any = build_environment(spec, pictures=pictures)
        self._goal_class = KINDS[spec.params["environment"]].goal
        # Bodies that are drawn belong to a scene of the renderer, too, which is rebuilt as a whole.
        is_renewable = not pictures and can_renew(self.env)
        self._renewal = Renewal(self.env) if is_renewable else None
        self._is_used = False
        self._is_simplified = False

    def start(self, seed: int) -> FloatArray:
        """Begin in a new scene, for PhysX would remember old contacts, and draw a start state."""
        is_used, self._is_used = self._is_used, True
        if is_used and self._renewal is not None:
            self._renewal.renew()
        with (
            robots_on_disk(self._spec.params["robot"]),
            contextlib.nullcontext() if self._pictures else without_graphics(),
            _quietly(),
        ):
            self.env.reset(seed=seed, options={"reconfigure": is_used and self._renewal is None})
        self._controls = Controls(self.env.agent)
        self.goal = self._goal_class(self.env)
        self._physics = self.env.scene.px
        self._num_ticks = self.env._sim_steps_per_control
        self.goal.measure()
        return self._observe()

    def advance(self, action: FloatArray) -> Transition:
        """Play the action for two inner steps."""
        reward = 0.0
        for _ in range(ACTION_REPEAT):
            self._controls.apply(action)
            for _ in range(self._num_ticks):
                self._physics.step()
            self.goal.measure()
            reward += self.goal.reward(action)
        return Transition(self._observe(), reward, self.goal.is_success())

    def get_rough_state(self) -> _RoughState:
        """Return places and velocities, without what PhysX remembers of contacts."""
        robot = self.goal.articulation
        actors = [
            (body.entity.pose, body.linear_velocity, body.angular_velocity)
            for body in self._moving_bodies()
        ]
        root = (robot.root_pose, robot.root_linear_velocity, robot.root_angular_velocity)
        return _RoughState(self._seed, robot.qpos, robot.qvel, root, actors)

    def set_rough_state(self, state: _RoughState) -> None:
        """Go to about the state of a simulator of the same task; for planning only."""
        if state.seed != self._seed:
            self._begin(state.seed)
        self._actions = []
        robot = self.goal.articulation
        pose, velocity, spin = state.root
        robot.root_pose = pose
        robot.set_root_linear_velocity(velocity)
        robot.set_root_angular_velocity(spin)
        robot.set_qpos(state.qpos)
        robot.set_qvel(state.qvel)
        for body, (place, velocity, spin) in zip(self._moving_bodies(), state.actors, strict=True):
            body.entity.pose = place
            body.linear_velocity = velocity
            body.angular_velocity = spin
        self.goal.measure()

    def simplify(self) -> None:
        """Leave observations empty."""
        self._is_simplified = True

    def nudge(self, rng: np.random.Generator, distance: float) -> None:
        """Move everything that is not fixed by up to so many metres along each axis."""
        for body in self._moving_bodies():
            pose = body.entity.pose
            pose.p += rng.uniform(-distance, distance, 3).astype(np.float32)
            body.entity.pose = pose

    def _moving_bodies(self) -> list[Any]:
        bodies = (actor._bodies[0] for actor in self.env.scene.actors.values())
        return [
            body
            for body in bodies
            if isinstance(body, sapien.physx.PhysxRigidDynamicComponent) and not body.kinematic
        ]

    def render(self, height: int, width: int) -> Image:
        """Draw the package's view for people, goal markers included."""
        if not self._pictures:
            raise GraphicsError(f"{self._spec.id} was built without pictures")
        self.env._after_control_step()  # lets cameras that follow a robot catch up
        image: Image = self.env.render()[0].numpy()
        if image.shape[:2] != (height, width):
            resized = PillowImage.fromarray(image).resize((width, height))
            image = np.asarray(resized)
        return np.ascontiguousarray(image)

    def close(self) -> None:
        """Free the scene."""
        with _quietly():
            self.env.close()

    def _observe(self) -> FloatArray:
        if self._is_simplified:
            return _NO_OBS
        parts = (*self.goal.joint_state(), *self.goal.observe())
        return np.concatenate([np.ravel(part) for part in parts]).astype(np.float32)


@cache
def _warn_of_stand_ins() -> None:
    _LOG.warning(
        "ManiSkill assets are missing: stand-ins are used, and results are marked so; "
        "`mmbench assets download` fetches the official ones"
    )


@cache
def _check_graphics() -> None:
    try:
        sapien.render.RenderSystem()
    except RuntimeError as error:
        raise GraphicsError(
            f"ManiSkill pictures need a Vulkan driver ({error}); without a GPU install lavapipe "
            "of Mesa 24.3 or newer",
            GRAPHICS_COMMAND,
        ) from error


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep ManiSkill from three habits while it builds or clears a scene.

    It warns about the start poses and spaces of its own actors. It runs a full garbage collection,
    for GPU memory: on the CPU that frees nothing that counts and takes four fifths of the time of a
    reset. And the options of one MJCF file, such as the pole's that nothing touches anything, stay
    on for the files that are read after it.
    """
    level = mani_skill.logger.level
    mani_skill.logger.setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            mock.patch.object(sapien_env.gc, "collect"),
            mock.patch.dict(_mjcf_loader.DEFAULT_MJCF_OPTIONS),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        mani_skill.logger.setLevel(level)
