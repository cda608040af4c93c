"""Tasks of the box2d domain. Data only: importing this file loads no simulator."""

from functools import partial

from mmbench.spec import Domain, PinnedCode, ScoreRule, TaskSpec

DOMAIN = Domain(
    name="box2d",
    adapter="mmbench.domains.box2d.adapter:Box2DSimulator",
    extra="box2d",
    packages=("box2d", "gymnasium"),
    code=(
        PinnedCode(
            package="gymnasium",
            version="1.4.0",
            files=("envs/box2d/bipedal_walker.py", "envs/box2d/lunar_lander.py"),
            sha256="ce02e09a8fa313cd9f633aed14644e475242c27ada638851e55feb16a7f29c92",
        ),
    ),
    source="Gymnasium Box2D, arXiv:2407.17032, in the versions of MMBench, arXiv:2511.19584",
    notes="An env step is two simulator steps of 0.02 s with the same action; rewards below are those of a simulator step. A reset ends with one step of the zero action. Falling, crashing and leaving the scene end nothing.",
)

_LANDER_OBS = (
    (2, "place: (x - 6.667) / 6.667, (y - 3.933) / 6.667"),
    (2, "velocity x and y, times 0.1333"),
    (2, "angle, 0.4 angular velocity"),
    (2, "ground contact of either leg"),
)
_HOVER_OBS = (*_LANDER_OBS, (2, "goal minus place, divided by 6.667"))
_HOVER_REWARD = "1 - distance to the goal / 6 - 0.03 main engine - 0.003 side engine, within [0, 1]; 0 below the height of a standing lander (3.933)"

_walker = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A side-view two-legged robot whose hips and knees are driven by four motors.",
    obs_dim=24,
    action_dim=4,
    max_episode_steps=250,
    discount=0.99,
    score=ScoreRule(kind="return", low=0.0, high=250.0),
    observation=(
        (4, "hull: angle, 0.04 angular velocity, 0.0896 vx, 0.0896 vy"),
        (5, "leg 1: hip angle, hip speed / 4, knee angle + 1, knee speed / 6, ground contact"),
        (5, "leg 2: the same"),
        (10, "lidar: fractions of rays 5.33 long, from straight down forward in steps of 0.15 rad"),
    ),
    reward="change of 8.667 x - 5 |hull angle|, less 0.028 sum |action|, within [-1, 10]; -1 from the moment the hull touches ground, or left of the start of the terrain",
)
_lander = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A side-view moon lander steered by one main engine and sideways thrusters.",
    action_dim=2,
    max_episode_steps=250,
    discount=0.99,
    score=ScoreRule(kind="return", low=0.0, high=500.0),
)

TASKS = (
    _walker(
        id="bipedal-walker-flat",
        instruction="Stride right over level ground as rapidly as you can.",
        start="upright at the left on level ground, pushed by a horizontal force U(-5, 5)",
        params={"terrain": "flat"},
    ),
    _walker(
        id="bipedal-walker-uneven",
        instruction="Hurry right across gently bumpy ground.",
        start="upright at the left, pushed by a force U(-5, 5); the ground beyond 9.3 is a damped random walk of height, noise +-0.067 per point",
        params={"terrain": "uneven"},
    ),
    _walker(
        id="bipedal-walker-rugged",
        instruction="Press on to the right at full speed over steep, jagged ground.",
        start="upright at the left, pushed by a force U(-5, 5); the ground beyond 9.3 is a damped random walk of height, noise +-0.15 per point",
        params={"terrain": "rugged"},
    ),
    _walker(
        id="bipedal-walker-hills",
        instruction="Go up and down the smooth rolling hills, rightward and quickly.",
        start="dropped at the left, pushed by a force U(-5, 5); the ground is a sine of amplitude U(0.4, 0.8) and wavelength U(7, 14)",
        params={"terrain": "hills"},
    ),
    _walker(
        id="bipedal-walker-obstacles",
        instruction="Get past the stumps and pits, heading right without delay.",
        start="upright at the left, pushed by a force U(-5, 5); from 9.3 on stumps (0.70 or 1.05 high) and pits (0.47 or 0.93 wide) between 5 to 9 points of grass",
        params={"terrain": "obstacles"},
    ),
    _lander(
        id="lunarlander-land",
        instruction="Come down softly between the two flags and stay at rest.",
        obs_dim=8,
        observation=_LANDER_OBS,
        reward="within [-5, 10] and divided by 20: change of -100 |place| - 100 |velocity| - 100 |angle| + 10 per leg contact (observation entries), less 0.30 main engine and 0.03 side engine; -100 once the hull has touched ground or out of bounds, 100 while asleep",
        start="near the top centre (+-5 %), pushed by forces U(-600, 600); ground of 7 or 9 random points, level between the flags",
        params={"mission": "land"},
    ),
    _lander(
        id="lunarlander-hover",
        instruction="Already airborne, stay as close as possible to the yellow disc.",
        obs_dim=10,
        observation=_HOVER_OBS,
        reward=_HOVER_REWARD,
        start="as in lunarlander-land; goal uniform within 1 of the scene's middle in x and y",
        params={"mission": "hover"},
    ),
    _lander(
        id="lunarlander-takeoff",
        instruction="Lift off from the pad and climb up to the yellow disc.",
        obs_dim=10,
        observation=_HOVER_OBS,
        reward=_HOVER_REWARD,
        start="standing on the pad, pressed down for six steps; goal x U(2.67, 10.67), y U(8, 10.67)",
        params={"mission": "takeoff"},
    ),
)
