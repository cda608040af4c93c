"""Tasks of the ogbench domain. Data only: importing this file loads no simulator."""

from functools import partial

from mmbench.spec import Domain, ScoreRule, TaskSpec

DOMAIN = Domain(
    name="ogbench",
    adapter="mmbench.domains.ogbench.adapter:OGBenchSimulator",
    extra="ogbench",
    packages=("mujoco", "ogbench"),
    source="OGBench, arXiv:2410.20092",
    notes="A simulator step is 0.1 s. In mazes the point's env step is four of them, the ant's two, and reward and success are those of the state after the last. All entries of a maze's observation are divided by 20. A cell of a maze is 4 wide.",
)

_SUCCESS = ScoreRule(kind="success")
_ANT = "A four-legged ant robot with two motorised hinges in every leg, eight in total."

_ant = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment=_ANT,
    action_dim=8,
)
_point_maze = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A ball on a flat floor that is shifted along x and y by two actions.",
    obs_dim=9,
    action_dim=2,
    max_episode_steps=100,
    score=_SUCCESS,
    observation=(
        (2, "x and y"),
        (2, "displacement over the last simulator step"),
        (2, "goal, x and y"),
        (2, "x and y minus the goal"),
        (1, "distance to the goal"),
    ),
    reward="success - (0.5 (|dx| + |dy|) + 0.5 d + 0.025 |displacement|) / 20 after the last simulator step; d is the distance to the goal, dx and dy its parts",
    start="one of the maze's pairs of cells (`mazes.PAIRS`), start and goal each shifted by U(-1, 1) in x and y",
    success="within 1.0 of the goal",
)
_ant_maze = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment=_ANT,
    obs_dim=36,
    action_dim=8,
    max_episode_steps=200,
    score=_SUCCESS,
    observation=(
        (7, "place and quaternion of the torso"),
        (8, "joint angles, leg by leg: hip, ankle"),
        (14, "their velocities: linear, angular, joints"),
        (2, "x and y again"),
        (2, "goal, x and y"),
        (2, "x and y minus the goal"),
        (1, "distance to the goal"),
    ),
    reward="success - (0.5 (|dx| + |dy|) + 0.5 d + 0.001 |all velocities|) / 20 after the last simulator step; d is the distance to the goal, dx and dy its parts",
    start="one of the maze's pairs of cells (`mazes.PAIRS`), start and goal each shifted by U(-1, 1) in x and y; pose + U(-0.1, 0.1), velocities 0.1 N(0, 1)",
    success="within 0.5 of the goal",
)

TASKS = (
    _ant(
        id="og-ant",
        instruction="Run fast along the commanded direction, turning whenever it changes.",
        obs_dim=29,
        max_episode_steps=1000,
        discount=0.99,
        score=ScoreRule(kind="return", low=0.0, high=250.0),
        observation=(
            (1, "height of the torso"),
            (4, "its quaternion"),
            (8, "joint angles, leg by leg: hip, ankle"),
            (14, "velocities: linear, angular, joints"),
            (2, "the wanted direction, of length 1"),
        ),
        reward="progress in x and y over the step along the wanted direction, which is drawn anew every 100 steps",
        start="pose + U(-0.1, 0.1) per entry, velocities 0.1 N(0, 1); the direction uniform",
        params={"kind": "ant"},
    ),
    _ant(
        id="og-antball",
        instruction="Push the ball with the ant's body onto the marked disc.",
        obs_dim=42,
        max_episode_steps=200,
        score=ScoreRule(kind="success"),
        observation=(
            (1, "height of the torso"),
            (4, "its quaternion"),
            (8, "joint angles, leg by leg: hip, ankle"),
            (5, "height and quaternion of the ball"),
            (20, "velocities of the ant (linear, angular, joints) and the ball (linear, angular)"),
            (2, "ball minus ant, x and y"),
            (2, "goal minus ball, x and y"),
        ),
        reward="10 (2.5 * how much nearer the ball came to the goal + how much nearer the ant came to the ball), in the plane",
        start="pose + U(-0.1, 0.1), velocities 0.1 N(0, 1); ant uniform in +-1, ball in +-2 (dropped from height 3), goal in +-3",
        success="the ball is within 0.5 of the goal",
        params={"kind": "antball"},
    ),
    _point_maze(
        id="og-point-arena",
        instruction="In the open arena, bring the ball onto the red disc.",
        params={"kind": "point_maze", "maze": "arena"},
    ),
    _point_maze(
        id="og-point-maze",
        instruction="Find the ball's way through the branching corridors to the red disc.",
        params={"kind": "point_maze", "maze": "maze"},
    ),
    _point_maze(
        id="og-point-bottleneck",
        instruction="Steer the ball through the central gap between two halls to the red disc.",
        params={"kind": "point_maze", "maze": "bottleneck"},
    ),
    _point_maze(
        id="og-point-circle",
        instruction="Follow the ring-shaped corridor with the ball until the red disc.",
        params={"kind": "point_maze", "maze": "circle"},
    ),
    _point_maze(
        id="og-point-spiral",
        instruction="Wind the ball through the spiral walls to the red disc.",
        params={"kind": "point_maze", "maze": "spiral"},
    ),
    _ant_maze(
        id="og-ant-arena",
        instruction="Walk the ant over open floor onto the red disc.",
        params={"kind": "ant_maze", "maze": "arena"},
    ),
    _ant_maze(
        id="og-ant-maze",
        instruction="Walk the ant through the branching corridors to the red disc.",
        params={"kind": "ant_maze", "maze": "maze"},
    ),
    _ant_maze(
        id="og-ant-bottleneck",
        instruction="Walk the ant through the central gap between two halls to the red disc.",
        params={"kind": "ant_maze", "maze": "bottleneck"},
    ),
    _ant_maze(
        id="og-ant-circle",
        instruction="Walk the ant along the ring-shaped corridor to the red disc.",
        params={"kind": "ant_maze", "maze": "circle"},
    ),
    _ant_maze(
        id="og-ant-spiral",
        instruction="Walk the ant around the spiral walls until it stands on the red disc.",
        params={"kind": "ant_maze", "maze": "spiral"},
    ),
    _point_maze(
        id="og-point-var1",
        split="heldout",
        instruction="Take the ball past the scattered inner walls to the red disc.",
        params={"kind": "point_maze", "maze": "var1"},
    ),
    _point_maze(
        id="og-point-var2",
        split="heldout",
        instruction="Guide the ball around the broken-walled maze onto the red disc.",
        params={"kind": "point_maze", "maze": "var2"},
    ),
)
