"""Tasks of the robodesk domain. Data only: importing this file loads no simulator."""

from mmbench.spec import Domain, ScoreRule, TaskSpec

DOMAIN = Domain(
    name="robodesk",
    adapter="mmbench.domains.robodesk.adapter:RoboDeskSimulator",
    extra="robodesk",
    packages=("mujoco", "dm_control", "robodesk"),
    source="RoboDesk, github.com/google-research/robodesk",
)

_FRANKA = "A Franka arm at a desk, steered by hand displacement, wrist turn and gripper opening."
_SCORE = ScoreRule(kind="success")

TASKS = (
    TaskSpec(
        id="rd-push-red",
        domain=DOMAIN,
        embodiment=_FRANKA,
        instruction="Press the red button and hold it down",
        obs_dim=73,
        action_dim=5,
        max_episode_steps=100,
        score=_SCORE,
        params={"task": "push_red"},
    ),
    TaskSpec(
        id="rd-push-green",
        domain=DOMAIN,
        embodiment=_FRANKA,
        instruction="Press the green button and hold it down",
        obs_dim=73,
        action_dim=5,
        max_episode_steps=100,
        score=_SCORE,
        params={"task": "push_green"},
    ),
    TaskSpec(
        id="rd-push-blue",
        domain=DOMAIN,
        embodiment=_FRANKA,
        instruction="Press the blue button and hold it down",
        obs_dim=73,
        action_dim=5,
        max_episode_steps=100,
        score=_SCORE,
        params={"task": "push_blue"},
    ),
    TaskSpec(
        id="rd-open-slide",
        domain=DOMAIN,
        embodiment=_FRANKA,
        instruction="Slide the shelf door all the way to the right",
        obs_dim=73,
        action_dim=5,
        max_episode_steps=100,
        score=_SCORE,
        params={"task": "open_slide"},
    ),
    TaskSpec(
        id="rd-open-drawer",
        domain=DOMAIN,
        embodiment=_FRANKA,
        instruction="Pull the desk's drawer out toward the robot",
        obs_dim=73,
        action_dim=5,
        max_episode_steps=100,
        score=_SCORE,
        params={"task": "open_drawer"},
    ),
    TaskSpec(
        id="rd-flat-block-in-bin",
        domain=DOMAIN,
        embodiment=_FRANKA,
        instruction="Drop the flat green block into the bin beside the desk",
        obs_dim=73,
        action_dim=5,
        max_episode_steps=100,
        score=_SCORE,
        params={"task": "flat_block_in_bin"},
    ),
)
