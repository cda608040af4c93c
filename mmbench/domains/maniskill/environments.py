"""The ManiSkill environments behind the tasks: the package's own, and those it does not have."""

from contextlib import nullcontext
from typing import Any, NamedTuple

import mani_skill.envs
import torch
from mani_skill.envs.tasks.tabletop.pick_cube import PickCubeEnv
from mani_skill.utils.registration import REGISTERED_ENVS
from mani_skill.utils.scene_builder.table import TableSceneBuilder
from mani_skill.utils.structs.pose import Pose

from mmbench.domains.maniskill import rewards
from mmbench.domains.maniskill.headless import without_graphics
from mmbench.domains.maniskill.robots import robots_on_disk
from mmbench.domains.maniskill.things import PickThingEnv, PushThingEnv, goal_ball
from mmbench.spec import TaskSpec

assert mani_skill.envs  # importing it registers the package's environments


class ReachEnv(PickCubeEnv):
    """PickCube without the cube: only a goal in the air."""

    def _load_scene(self, options: dict[str, Any]) -> None:
        self.table_scene = TableSceneBuilder(self, robot_init_qpos_noise=self.robot_init_qpos_noise)
        self.table_scene.build()
        self.goal_site = goal_ball(self)

    def _initialize_episode(self, env_idx: torch.Tensor, options: dict[str, Any]) -> None:
        self.table_scene.initialize(env_idx)
        goal = torch.zeros((1, 3))
        goal[:, :2] = torch.rand((1, 2)) * 0.2 - 0.1
        goal[:, 2] = torch.rand(1) * 0.3
        self.goal_site.set_pose(Pose.create_from_pq(goal))

    def evaluate(self) -> dict[str, Any]:
        return {}

    def _get_obs_extra(self, info: dict[str, Any]) -> dict[str, Any]:
        return {}

    def compute_normalized_dense_reward(self, **kwargs: Any) -> torch.Tensor:
        return torch.zeros(1)


class Kind(NamedTuple):
    """How one kind of task is built and judged."""

    goal: type[rewards.Goal]
    environment: Any
    """A class, or the id of a registered environment."""


KINDS: dict[str, Kind] = {
    "PickCube-v1": Kind(rewards.PickCube, "PickCube-v1"),
    "PickCubeSO100-v1": Kind(rewards.PickCube, "PickCubeSO100-v1"),
    "PokeCube-v1": Kind(rewards.Poke, "PokeCube-v1"),
    "PushCube-v1": Kind(rewards.Push, "PushCube-v1"),
    "PullCube-v1": Kind(rewards.Pull, "PullCube-v1"),
    "PullCubeTool-v1": Kind(rewards.PullWithTool, "PullCubeTool-v1"),
    "StackCube-v1": Kind(rewards.Stack, "StackCube-v1"),
    "PlaceSphere-v1": Kind(rewards.PlaceBall, "PlaceSphere-v1"),
    "LiftPegUpright-v1": Kind(rewards.LiftPeg, "LiftPegUpright-v1"),
    "AnymalC-Reach-v1": Kind(rewards.QuadrupedReach, "AnymalC-Reach-v1"),
    "MS-AntWalk-v1": Kind(rewards.Ant, "MS-AntWalk-v1"),
    "MS-AntRun-v1": Kind(rewards.Ant, "MS-AntRun-v1"),
    "MS-CartpoleBalance-v1": Kind(rewards.Cartpole, "MS-CartpoleBalance-v1"),
    "MS-CartpoleSwingUp-v1": Kind(rewards.Cartpole, "MS-CartpoleSwingUp-v1"),
    "MS-HopperStand-v1": Kind(rewards.HopperStand, "MS-HopperStand-v1"),
    "MS-HopperHop-v1": Kind(rewards.HopperHop, "MS-HopperHop-v1"),
    "CartpoleBalanceSparse": Kind(rewards.SparseCartpole, "MS-CartpoleBalance-v1"),
    "CartpoleSwingUpSparse": Kind(rewards.SparseCartpole, "MS-CartpoleSwingUp-v1"),
    "Reach": Kind(rewards.Reach, ReachEnv),
    "PickYCB": Kind(rewards.PickObject, PickThingEnv),
    "PushYCB": Kind(rewards.Push, PushThingEnv),
}


IMAGE_SIZE = 224
"""Pictures are drawn at this size and scaled to others."""

_OWN_ROBOTS = ("ant", "cart_pole", "hopper", "so100")
"""Robots that their environments name themselves."""


def build_environment(spec: TaskSpec, *, pictures: bool) -> Any:
    """Build the unwrapped ManiSkill environment of a task."""
    kind = KINDS[spec.params["environment"]]
    environment: Any = (
        REGISTERED_ENVS[kind.environment].cls
        if isinstance(kind.environment, str)
        else kind.environment
    )
    arguments: dict[str, Any] = {
        "obs_mode": "state",
        "num_envs": 1,
        "sim_backend": "physx_cpu",
        "render_backend": "cpu" if pictures else "none",
        "render_mode": "rgb_array" if pictures else None,
        "reconfiguration_freq": 0,
        "human_render_camera_configs": {"width": IMAGE_SIZE, "height": IMAGE_SIZE},
    }
    if spec.params["control_mode"] is not None:
        arguments["control_mode"] = spec.params["control_mode"]
    if spec.params["robot"] not in _OWN_ROBOTS:
        arguments["robot_uids"] = spec.params["robot"]
    if "object" in spec.params:
        arguments["thing"] = spec.params["object"]
    with robots_on_disk(spec.params["robot"]), nullcontext() if pictures else without_graphics():
        return environment(**arguments)
