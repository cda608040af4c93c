"""Tasks of the box2d domain. Data only: importing this file loads no simulator."""

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
)

_WALKER = "A side-view two-legged robot whose hips and knees are driven by four motors."
_LANDER = "A side-view moon lander steered by one main engine and sideways thrusters."
_WALKER_SCORE = ScoreRule(kind="return", low=0.0, high=250.0)
_LANDER_SCORE = ScoreRule(kind="return", low=0.0, high=500.0)

TASKS = (
    TaskSpec(
        id="bipedal-walker-flat",
        domain=DOMAIN,
        embodiment=_WALKER,
        instruction="Stride right over level ground as rapidly as you can.",
        obs_dim=24,
        action_dim=4,
        max_episode_steps=250,
        discount=0.99,
        score=_WALKER_SCORE,
        params={"terrain": "flat"},
    ),
    TaskSpec(
        id="bipedal-walker-uneven",
        domain=DOMAIN,
        embodiment=_WALKER,
        instruction="Hurry right across gently bumpy ground.",
        obs_dim=24,
        action_dim=4,
        max_episode_steps=250,
        discount=0.99,
        score=_WALKER_SCORE,
        params={"terrain": "uneven"},
    ),
    TaskSpec(
        id="bipedal-walker-rugged",
        domain=DOMAIN,
        embodiment=_WALKER,
        instruction="Press on to the right at full speed over steep, jagged ground.",
        obs_dim=24,
        action_dim=4,
        max_episode_steps=250,
        discount=0.99,
        score=_WALKER_SCORE,
        params={"terrain": "rugged"},
    ),
    TaskSpec(
        id="bipedal-walker-hills",
        domain=DOMAIN,
        embodiment=_WALKER,
        instruction="Go up and down the smooth rolling hills, rightward and quickly.",
        obs_dim=24,
        action_dim=4,
        max_episode_steps=250,
        discount=0.99,
        score=_WALKER_SCORE,
        params={"terrain": "hills"},
    ),
    TaskSpec(
        id="bipedal-walker-obstacles",
        domain=DOMAIN,
        embodiment=_WALKER,
        instruction="Get past the stumps and pits, heading right without delay.",
        obs_dim=24,
        action_dim=4,
        max_episode_steps=250,
        discount=0.99,
        score=_WALKER_SCORE,
        params={"terrain": "obstacles"},
    ),
    TaskSpec(
        id="lunarlander-land",
        domain=DOMAIN,
        embodiment=_LANDER,
        instruction="Come down softly between the two flags and stay at rest.",
        obs_dim=8,
        action_dim=2,
        max_episode_steps=250,
        discount=0.99,
        score=_LANDER_SCORE,
        params={"mission": "land"},
    ),
    TaskSpec(
        id="lunarlander-hover",
        domain=DOMAIN,
        embodiment=_LANDER,
        instruction="Already airborne, stay as close as possible to the yellow disc.",
        obs_dim=10,
        action_dim=2,
        max_episode_steps=250,
        discount=0.99,
        score=_LANDER_SCORE,
        params={"mission": "hover"},
    ),
    TaskSpec(
        id="lunarlander-takeoff",
        domain=DOMAIN,
        embodiment=_LANDER,
        instruction="Lift off from the pad and climb up to the yellow disc.",
        obs_dim=10,
        action_dim=2,
        max_episode_steps=250,
        discount=0.99,
        score=_LANDER_SCORE,
        params={"mission": "takeoff"},
    ),
)
