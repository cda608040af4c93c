"""Picking and pushing one object of the YCB set, official or stand-in."""

from typing import Any

import sapien
import torch
from mani_skill.envs.sapien_env import BaseEnv
from mani_skill.envs.tasks.tabletop.pick_single_ycb import PickSingleYCBEnv
from mani_skill.envs.tasks.tabletop.push_cube import PushCubeEnv
from mani_skill.utils.building import actors
from mani_skill.utils.scene_builder.table import TableSceneBuilder

from mmbench.assets import is_present
from mmbench.domains.maniskill.stand_ins import THINGS, Point, add_stand_in


def _build_thing(env: Any, thing: str, initial_height: float) -> Any:
    if is_present("ycb"):
        builder = actors.get_actor_builder(env.scene, id=f"ycb:{thing}")
    else:
        builder = env.scene.create_actor_builder()
        can_draw = env.scene.can_render()
        add_stand_in(builder, thing, _material if can_draw else None)
    builder.initial_pose = sapien.Pose([0, 0, initial_height])
    return builder.build(name=thing)


def _material(colour: Point) -> Any:
    return sapien.render.RenderMaterial(base_color=[*colour, 1.0])


def goal_ball(env: Any) -> Any:
    """Add the ball that marks a goal in the air, seen by a person only."""
    ball = actors.build_sphere(
        env.scene,
        radius=env.goal_thresh,
        color=[0, 1, 0, 1],
        name="goal_site",
        body_type="kinematic",
        add_collision=False,
    )
    env._hidden_objects.append(ball)
    return ball


class PickThingEnv(PickSingleYCBEnv):
    """PickSingleYCB with one fixed object, built once."""

    def __init__(self, *args: Any, thing: str, **kwargs: Any) -> None:
        # The parent's constructor reads the asset's metadata; what it would set is set here.
        self.robot_init_qpos_noise = 0.02
        self._thing = thing
        BaseEnv.__init__(self, *args, **kwargs)

    def _load_scene(self, options: dict[str, Any]) -> None:
        self.table_scene = TableSceneBuilder(self, robot_init_qpos_noise=self.robot_init_qpos_noise)
        self.table_scene.build()
        height = THINGS[self._thing].half_extents[2]
        self.obj = _build_thing(self, self._thing, height)
        self.object_zs = torch.tensor([height])
        self.goal_site = goal_ball(self)

    def _after_reconfigure(self, options: dict[str, Any]) -> None:
        """Keep the heights of the table; the parent measures meshes, which misjudges primitives."""


class PushThingEnv(PushCubeEnv):
    """PushCube with an everyday object in place of the cube."""

    cube_half_size = 0.04

    def __init__(self, *args: Any, thing: str, **kwargs: Any) -> None:
        self._thing = thing
        super().__init__(*args, **kwargs)

    def _load_scene(self, options: dict[str, Any]) -> None:
        self.table_scene = TableSceneBuilder(self, robot_init_qpos_noise=self.robot_init_qpos_noise)
        self.table_scene.build()
        self.obj = _build_thing(self, self._thing, self.cube_half_size)
        self.goal_region = actors.build_red_white_target(
            self.scene,
            radius=self.goal_radius,
            thickness=1e-5,
            name="goal_region",
            add_collision=False,
            body_type="kinematic",
            initial_pose=sapien.Pose(p=[0, 0, 1e-3]),
        )
