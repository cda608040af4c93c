"""A new physics scene for every episode, without building its bodies anew.

PhysX remembers contacts, islands and pairs from one episode to the next, all of it in the scene:
an episode in a used scene depends on the ones before. Building the scene again forgets them but
reads every mesh again. So the bodies move, in the order in which they were built, to an empty
scene and are put back to where they were when they had just been built; what PhysX keeps in the
bodies themselves is set here.
"""

from typing import Any

import numpy as np
import sapien
from sapien import physx

_AT_REST = np.zeros(3, np.float32)


def can_renew(env: Any) -> bool:
    """Whether an environment without pictures has nothing but bodies and articulations."""
    entities = env.scene.sub_scenes[0].entities
    return not any(_components(entity, physx.PhysxJointComponent) for entity in entities)


class Renewal:
    """Renews the physics of a ManiSkill environment that can be renewed.

    Args:
        env: The environment, before its first step.
    """

    def __init__(self, env: Any) -> None:
        self._env = env
        self._entities = list(env.scene.sub_scenes[0].entities)
        self._bodies = [
            (entity, entity.pose)
            for entity in self._entities
            if not _components(entity, physx.PhysxArticulationLinkComponent)
        ]
        robots = [wrapped._objs[0] for wrapped in env.scene.articulations.values()]
        self._robots = [
            (robot, robot.root_pose, robot.qpos.copy(), _targets(robot)) for robot in robots
        ]

    def renew(self) -> None:
        """Move everything to a new scene, as it was at first."""
        scene = self._env.scene
        # What new scenes are like is a setting of the process, which other tasks change.
        self._env._set_scene_config()
        renewed = sapien.Scene([physx.PhysxCpuSystem()])
        for entity in self._entities:
            scene.sub_scenes[0].remove_entity(entity)
        for entity, pose in self._bodies:
            entity.pose = pose
        for entity in self._entities:
            renewed.add_entity(entity)
        scene.sub_scenes[0] = renewed
        scene.px = renewed.physx_system
        scene.px.timestep = 1.0 / self._env._sim_freq
        for entity, _ in self._bodies:
            for body in _components(entity, physx.PhysxRigidDynamicComponent):
                if not body.kinematic:
                    body.linear_velocity = body.angular_velocity = _AT_REST
                    body.wake_up()
        for robot, root_pose, qpos, targets in self._robots:
            robot.root_pose = root_pose
            robot.root_linear_velocity = robot.root_angular_velocity = _AT_REST
            robot.qpos = qpos
            robot.qvel = robot.qf = np.zeros_like(qpos)
            for joint, (target, velocity_target) in zip(robot.active_joints, targets, strict=True):
                joint.set_drive_target(target)
                joint.set_drive_velocity_target(velocity_target)


def _components(entity: Any, kind: type) -> list[Any]:
    return [component for component in entity.components if isinstance(component, kind)]


def _targets(robot: Any) -> list[tuple[Any, Any]]:
    return [
        (joint.drive_target.copy(), joint.drive_velocity_target.copy())
        for joint in robot.active_joints
    ]
