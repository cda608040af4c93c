"""What PhysX knows about actors, links and contacts, as small numpy arrays.

ManiSkill wraps each of these numbers into a batch of torch tensors; its steps spend nearly all of
their time on that. Reading SAPIEN's own objects gives the same numbers.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


class Body:
    """An actor or a link.

    Args:
        wrapped: ManiSkill's `Actor` or `Link`.
    """

    def __init__(self, wrapped: Any) -> None:
        self._component = wrapped._bodies[0]
        self.entity = self._component.entity

    @property
    def p(self) -> Vector:
        """Position, shape `(3,)`."""
        position: Vector = self.entity.pose.p
        return position

    @property
    def q(self) -> Vector:
        """Quaternion w, x, y, z, shape `(4,)`."""
        quaternion: Vector = self.entity.pose.q
        return quaternion

    @property
    def pose(self) -> Vector:
        """Position and quaternion, shape `(7,)`."""
        pose = self.entity.pose
        return np.concatenate((pose.p, pose.q))

    @property
    def velocity(self) -> Vector:
        """Linear velocity, shape `(3,)`."""
        velocity: Vector = self._component.linear_velocity
        return velocity

    @property
    def spin(self) -> Vector:
        """Angular velocity, shape `(3,)`."""
        spin: Vector = self._component.angular_velocity
        return spin

    @property
    def mass(self) -> float:
        """Mass in kg."""
        return float(self._component.mass)


class FixedBody:
    """An actor without physics (goal markers): it has a place and nothing else."""

    def __init__(self, wrapped: Any) -> None:
        self._entity = wrapped._objs[0]

    @property
    def p(self) -> Vector:
        """Position, shape `(3,)`."""
        position: Vector = self._entity.pose.p
        return position


def rotation(q: Vector) -> Vector:
    """Return the rotation matrix of a quaternion w, x, y, z, shape `(3, 3)`."""
    w, x, y, z = (float(v) for v in q)
    s = 2.0 / (w * w + x * x + y * y + z * z)
    return np.array(
        [
            [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
            [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
            [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
        ],
        np.float32,
    )


def last_euler_angle(q: Vector) -> float:
    """Return the third XYZ Euler angle of a quaternion, in radians."""
    matrix = rotation(q)
    return float(np.arctan2(-matrix[0, 1], matrix[0, 0]))


class Contacts:
    """Contact forces of the last physics step."""

    def __init__(self, scene: Any) -> None:
        self._system = scene.px
        self._timestep = float(scene.px.timestep)

    def between(self, first: Body, second: Body) -> Vector:
        """Return the force of `second` on `first`, in newtons, shape `(3,)`."""
        return self._sum(first.entity, second.entity)

    def on(self, body: Body) -> Vector:
        """Return the net contact force on a body, in newtons, shape `(3,)`."""
        return self._sum(body.entity, None)

    def _sum(self, entity: Any, other: Any) -> Vector:
        total = np.zeros(3)
        for contact in self._system.get_contacts():
            one, two = (body.entity for body in contact.bodies)
            if one == entity and (other is None or two == other):
                sign = 1
            elif two == entity and (other is None or one == other):
                sign = -1
            else:
                continue
            total += sign * np.sum([point.impulse for point in contact.points], axis=0)
        return total.astype(np.float32) / np.float32(self._timestep)
