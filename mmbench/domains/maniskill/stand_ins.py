"""Everyday objects built from primitive shapes, for machines without the YCB assets.

Every object keeps the size of its scan to about a millimetre, with the centre of its bounding box
at its origin, and a density of 1000 kg/m^3. Balls are faceted hulls, as scans are: an ideal sphere
would roll away at the slightest touch.
"""

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sapien

DENSITY = 1000.0

Point = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

_UPRIGHT: Quaternion = (1.0, 0.0, 0.0, 0.0)
_X_TO_Y: Quaternion = (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5))
_X_TO_Z: Quaternion = (math.sqrt(0.5), 0.0, -math.sqrt(0.5), 0.0)


class Box(NamedTuple):
    """A box: full lengths and centre, in metres."""

    size: Point
    centre: Point = (0.0, 0.0, 0.0)
    turn: Quaternion = _UPRIGHT

    def add_to(self, builder: Any, material: Any) -> None:
        """Add collision and, where a material is given, visual shape."""
        pose = sapien.Pose(self.centre, self.turn)
        half = [length / 2 for length in self.size]
        builder.add_box_collision(pose, half, density=DENSITY)
        if material is not None:
            builder.add_box_visual(pose, half, material=material)


class Rod(NamedTuple):
    """A cylinder along x (unless turned), or a capsule with round ends."""

    radius: float
    length: float
    centre: Point = (0.0, 0.0, 0.0)
    turn: Quaternion = _UPRIGHT
    is_round: bool = False

    def add_to(self, builder: Any, material: Any) -> None:
        """Add collision and, where a material is given, visual shape."""
        pose = sapien.Pose(self.centre, self.turn)
        kind = "capsule" if self.is_round else "cylinder"
        getattr(builder, f"add_{kind}_collision")(
            pose, self.radius, self.length / 2, density=DENSITY
        )
        if material is not None:
            getattr(builder, f"add_{kind}_visual")(
                pose, self.radius, self.length / 2, material=material
            )


class Ball(NamedTuple):
    """A faceted ball."""

    radius: float
    centre: Point = (0.0, 0.0, 0.0)

    def add_to(self, builder: Any, material: Any) -> None:
        """Add collision and, where a material is given, visual shape."""
        pose, scale = sapien.Pose(self.centre), [self.radius] * 3
        mesh = str(Path(__file__).parent / "assets" / "faceted_ball.obj")
        builder.add_convex_collision_from_file(mesh, pose, scale, density=DENSITY)
        if material is not None:
            builder.add_visual_from_file(mesh, pose, scale, material=material)


Part = Box | Rod | Ball


class Thing(NamedTuple):
    """An object of the YCB set.

    Attributes:
        half_extents: Half of its bounding box, in metres; the last one is also the height of its
            origin when it lies on the table.
        colour: For pictures, red, green, blue in [0, 1].
        parts: What the stand-in is built from.
    """

    half_extents: Point
    colour: Point
    parts: tuple[Part, ...]


def _banana() -> tuple[Part, ...]:
    """Five capsules on an arc in the plane of the table: length along y, bulge along x."""
    radius, length, bulge = 0.0186, 0.199, 0.033
    chord = length - 2 * radius
    arc_radius = (chord**2 / 4 + bulge**2) / (2 * bulge)
    half_angle = math.asin(chord / 2 / arc_radius)
    points = []
    for k in range(6):
        angle = half_angle * (2 * k / 5 - 1)
        points.append((arc_radius * math.cos(angle), arc_radius * math.sin(angle)))
    xs = [x for x, _ in points]
    middle = (max(xs) + min(xs)) / 2
    parts = []
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        half_turn = math.atan2(y1 - y0, x1 - x0) / 2
        parts.append(
            Rod(
                radius,
                math.hypot(x1 - x0, y1 - y0),
                ((x0 + x1) / 2 - middle, (y0 + y1) / 2, 0.0),
                (math.cos(half_turn), 0.0, 0.0, math.sin(half_turn)),
                is_round=True,
            )
        )
    return tuple(parts)


def _vessel(
    outer_radius: float, thickness: float, height: float, floor: float, shift: float
) -> tuple[Part, ...]:
    """Twelve wall boxes on a ring and a floor disc."""
    middle = outer_radius - thickness / 2
    width = 2 * outer_radius * math.tan(math.pi / 12)
    walls = [
        Box(
            (thickness, width, height),
            (shift + middle * math.cos(angle), middle * math.sin(angle), 0.0),
            (math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2)),
        )
        for angle in (math.pi * k / 6 for k in range(12))
    ]
    disc = Rod(outer_radius - thickness, floor, (shift, 0.0, (floor - height) / 2), _X_TO_Z)
    return (*walls, disc)


def _mug() -> tuple[Part, ...]:
    shift, reach = -0.00725, 0.0145
    edge = shift + 0.0465
    handle = (
        Box((reach, 0.010, 0.008), (edge + reach / 2, 0.0, 0.022)),
        Box((reach, 0.010, 0.008), (edge + reach / 2, 0.0, -0.022)),
        Box((0.006, 0.010, 0.044), (edge + reach - 0.003, 0.0, 0.0)),
    )
    return (*_vessel(0.0465, 0.005, 0.0815, 0.006, shift), *handle)


def _block(half_extents: Point) -> tuple[Part, ...]:
    return (Box((2 * half_extents[0], 2 * half_extents[1], 2 * half_extents[2])),)


def _fork() -> tuple[Part, ...]:
    return (
        Box((0.130, 0.013, 0.005), (-0.0342, 0.0, 0.0056)),
        Box((0.030, 0.008, 0.005), (0.0443, 0.0, 0.0031)),
        Box((0.045, 0.026, 0.006), (0.0767, 0.0, -0.0051)),
    )


def _hammer() -> tuple[Part, ...]:
    return (
        Box((0.032, 0.306, 0.028), (0.0, -0.016, 0.0)),
        Box((0.128, 0.032, 0.0334), (0.0, 0.153, 0.0)),
    )


def _knife() -> tuple[Part, ...]:
    return (
        Box((0.100, 0.0204, 0.012), (-0.0575, 0.0, 0.002)),
        Box((0.117, 0.018, 0.003), (0.049, 0.0, -0.0065)),
    )


def _screwdriver() -> tuple[Part, ...]:
    return (
        Rod(0.0176, 0.105, (-0.0561, 0.0, 0.0)),
        Rod(0.004, 0.1122, (0.0525, 0.0, 0.0)),
    )


def _spoon() -> tuple[Part, ...]:
    return (
        Box((0.140, 0.012, 0.004), (-0.0284, 0.0, 0.0086)),
        Box((0.0568, 0.043, 0.008), (0.070, 0.0, -0.0066)),
        Box((0.004, 0.012, 0.0172), (0.0424, 0.0, 0.0)),
    )


def _pear() -> tuple[Part, ...]:
    return (Ball(0.033, (0.0, -0.0151, 0.0)), Ball(0.021, (0.0, 0.0271, 0.0)))


_SPONGE = (0.0405, 0.0561, 0.0102)
_PUZZLE_CUBE = (0.0296, 0.0302, 0.0291)

THINGS: dict[str, Thing] = {
    "013_apple": Thing((0.0379, 0.0379, 0.0361), (0.7, 0.1, 0.1), (Ball(0.0375),)),
    "011_banana": Thing((0.0352, 0.0994, 0.0189), (0.95, 0.85, 0.2), _banana()),
    "005_tomato_soup_can": Thing(
        (0.0346, 0.0346, 0.0513), (0.8, 0.15, 0.1), (Rod(0.03457, 0.10252, turn=_X_TO_Z),)
    ),
    "030_fork": Thing((0.0992, 0.0134, 0.0081), (0.6, 0.6, 0.65), _fork()),
    "048_hammer": Thing((0.0643, 0.1690, 0.0167), (0.6, 0.35, 0.15), _hammer()),
    "032_knife": Thing((0.1075, 0.0102, 0.0080), (0.6, 0.6, 0.65), _knife()),
    "025_mug": Thing((0.0535, 0.0475, 0.0407), (0.75, 0.1, 0.1), _mug()),
    "017_orange": Thing((0.0365, 0.0369, 0.0364), (0.95, 0.5, 0.1), (Ball(0.0366),)),
    "044_flat_screwdriver": Thing((0.1086, 0.0180, 0.0176), (0.9, 0.7, 0.1), _screwdriver()),
    "031_spoon": Thing((0.0984, 0.0215, 0.0106), (0.6, 0.6, 0.65), _spoon()),
    "056_tennis_ball": Thing((0.0339, 0.0340, 0.0333), (0.75, 0.9, 0.2), (Ball(0.0337),)),
    "055_baseball": Thing((0.0370, 0.0368, 0.0369), (0.95, 0.95, 0.92), (Ball(0.0369),)),
    "026_sponge": Thing(_SPONGE, (0.9, 0.8, 0.3), _block(_SPONGE)),
    "016_pear": Thing((0.0342, 0.0481, 0.0330), (0.7, 0.8, 0.2), _pear()),
    "077_rubiks_cube": Thing(_PUZZLE_CUBE, (0.2, 0.3, 0.8), _block(_PUZZLE_CUBE)),
    "065-a_cups": Thing(
        (0.0297, 0.0294, 0.0315), (0.3, 0.5, 0.8), _vessel(0.0287, 0.003, 0.063, 0.003, 0.0)
    ),
    "058_golf_ball": Thing((0.0217, 0.0217, 0.0213), (0.95, 0.95, 0.95), (Ball(0.0216),)),
    "053_mini_soccer_ball": Thing((0.0322, 0.0320, 0.0311), (0.9, 0.9, 0.9), (Ball(0.0318),)),
}
"""The objects by their id in the YCB set."""


def add_stand_in(builder: Any, thing: str, make_material: Callable[[Point], Any] | None) -> None:
    """Add the shapes of an object to an actor builder.

    Args:
        builder: A ManiSkill actor builder.
        thing: Id of the object.
        make_material: Makes a render material of a colour; `None` where nothing is drawn.
    """
    material = None if make_material is None else make_material(THINGS[thing].colour)
    for part in THINGS[thing].parts:
        part.add_to(builder, material)


def write_faceted_ball(path: Path, num_points: int = 92) -> None:
    """Write the unit ball's hull (points on a Fibonacci spiral) as an OBJ file.

    Only needed to make `assets/faceted_ball.obj` anew.
    """
    from scipy.spatial import ConvexHull

    k = np.arange(num_points) + 0.5
    z = 1 - 2 * k / num_points
    angle = np.pi * (1 + math.sqrt(5)) * k
    ring = np.sqrt(1 - z * z)
    points = np.stack((ring * np.cos(angle), ring * np.sin(angle), z), axis=1)
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in points]
    for simplex in ConvexHull(points).simplices:
        a, b, c = points[simplex]
        ordered = simplex if np.dot(np.cross(b - a, c - a), a) > 0 else simplex[::-1]
        lines.append("f " + " ".join(str(i + 1) for i in ordered))
    path.write_text("\n".join(lines) + "\n")
