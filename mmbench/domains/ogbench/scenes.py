"""Models of the OGBench tasks: the package's bodies with walls, goals and a ball added.

The package writes each scene to a temporary file that it never removes, and builds the ball scene
only with a graphics context. Here the same elements go into a model compiled from memory.
"""

from importlib import resources
from xml.etree import ElementTree

import mujoco

from mmbench.domains.ogbench.mazes import MAPS, OFFSET, UNIT, WALL_HEIGHT, centre


def maze_model(body: str, maze: str) -> mujoco.MjModel:
    """Compile the point or the ant in a maze."""
    tree = _packaged_body("locomaze", body)
    world = _world(tree)
    rows = MAPS[maze]
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            if cell == "1":
                x, y = centre((i, j))
                ElementTree.SubElement(
                    world,
                    "geom",
                    name=f"wall_{i}_{j}",
                    type="box",
                    pos=f"{x} {y} {WALL_HEIGHT / 2}",
                    size=f"{UNIT / 2} {UNIT / 2} {WALL_HEIGHT / 2}",
                    contype="1",
                    conaffinity="1",
                    material="wall",
                )
    floor = tree.find(".//geom[@name='floor']")
    assert floor is not None
    middle = UNIT * (len(rows) - 1) / 2 - OFFSET
    floor.set("pos", f"{middle} {middle} 0")
    floor.set("size", f"{UNIT / 2 * len(rows)} {UNIT / 2 * len(rows)} 0.2")
    _add_target(world, radius=0.5)
    return _compile(tree)


def ant_model() -> mujoco.MjModel:
    """Compile the ant on a floor without walls."""
    return _compile(_packaged_body("online_locomotion", "ant"))


def ant_ball_model() -> mujoco.MjModel:
    """Compile the ant with a ball that falls from a height of 3."""
    tree = _packaged_body("online_locomotion", "ant")
    world = _world(tree)
    _add_target(world, radius=0.4)
    ball = ElementTree.SubElement(world, "body", name="ball", pos="0 0 3")
    ElementTree.SubElement(ball, "freejoint", name="ball_root")
    ElementTree.SubElement(
        ball,
        "geom",
        name="ball",
        size="0.25",
        material="ball",
        priority="1",
        conaffinity="1",
        condim="6",
    )
    ElementTree.SubElement(ball, "light", name="ball_light", pos="0 0 4", mode="trackcom")
    return _compile(tree)


def _packaged_body(part: str, body: str) -> ElementTree.Element:
    file = resources.files("ogbench").joinpath(f"{part}/assets/{body}.xml")
    return ElementTree.fromstring(file.read_text())


def _world(tree: ElementTree.Element) -> ElementTree.Element:
    world = tree.find("worldbody")
    assert world is not None
    return world


def _add_target(world: ElementTree.Element, radius: float) -> None:
    ElementTree.SubElement(
        world,
        "geom",
        name="target",
        type="cylinder",
        size=f"{radius} 0.05",
        pos="0 0 0.05",
        material="target",
        contype="0",
        conaffinity="0",
    )


def _compile(tree: ElementTree.Element) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(ElementTree.tostring(tree, encoding="unicode"))
