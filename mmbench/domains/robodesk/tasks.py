"""Tasks of the robodesk domain. Data only: importing this file loads no simulator."""

from functools import partial

from mmbench.spec import Domain, ScoreRule, TaskSpec

DOMAIN = Domain(
    name="robodesk",
    adapter="mmbench.domains.robodesk.adapter:RoboDeskSimulator",
    extra="robodesk",
    packages=("mujoco", "dm_control", "robodesk"),
    source="RoboDesk, github.com/google-research/robodesk",
    notes="An env step is ten control steps of 0.02 s with the same action. A reset plays one env step of the zero action. Rewards below are those of a control step, clipped to [0, 1], and an env step earns all ten. `near(p)` is 1 less the distance in metres of the fingertips to p, at least 0. Of drawer, door, buttons and blocks only velocities are observed, as in the original.",
)

_SCORE = ScoreRule(kind="success")

_desk = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A Franka arm at a desk, steered by hand displacement, wrist turn and gripper opening.",
    obs_dim=73,
    action_dim=5,
    max_episode_steps=100,
    score=_SCORE,
    observation=(
        (3, "place of the fingertips"),
        (
            26,
            "velocities of drawer, door, red, green and blue button, their lights, and (linear, angular) ball, upright block and flat block",
        ),
        (9, "positions of the seven arm joints and two fingers"),
        (26, "the 26 velocities again"),
        (9, "velocities of the arm joints and fingers"),
    ),
    start="drawer open by 0 to 0.10, door by 0 to 0.20, blocks and ball uniform in boxes on the desk, robot at its pose + 0.15 U(joint ranges)",
)

TASKS = (
    _desk(
        id="rd-push-red",
        instruction="Press the red button and hold it down.",
        reward="0.25 while pressed + 0.75 near(button)",
        success="the red light's joint is below -0.00453: the button is down",
        params={"task": "push_red"},
    ),
    _desk(
        id="rd-push-green",
        instruction="Press the green button and hold it down.",
        reward="0.25 while pressed + 0.75 near(button)",
        success="the green light's joint is below -0.00453: the button is down",
        params={"task": "push_green"},
    ),
    _desk(
        id="rd-push-blue",
        instruction="Press the blue button and hold it down.",
        reward="0.25 while pressed + 0.75 near(button)",
        success="the blue light's joint is below -0.00453: the button is down",
        params={"task": "push_blue"},
    ),
    _desk(
        id="rd-open-slide",
        instruction="Slide the shelf door all the way to the right.",
        reward="0.9 (0.75 door / 0.6 + 0.25 near(handle - (0.15, 0, 0))) + 0.1",
        success="the door is open by more than 0.55",
        params={"task": "open_slide"},
    ),
    _desk(
        id="rd-open-drawer",
        instruction="Pull the desk's drawer out toward the robot.",
        reward="0.75 |drawer| / 0.3 + 0.25 near(handle)",
        success="the drawer is out by more than 0.2",
        params={"task": "open_drawer"},
    ),
    _desk(
        id="rd-flat-block-in-bin",
        instruction="Drop the flat green block into the bin beside the desk.",
        reward="0.5 near(flat block) + 0.5 while it is in the bin",
        success="0.28 < x < 0.52, 0.38 < y < 0.62 and 0 < z < 0.4 of the flat block",
        params={"task": "flat_block_in_bin"},
    ),
)
