"""Tasks of the dmcontrol-ext domain. Data only: importing this file loads no simulator."""

from functools import partial

from mmbench.spec import Domain, ScoreRule, TaskSpec

DOMAIN = Domain(
    name="dmcontrol-ext",
    adapter="mmbench.domains.dmcontrol_ext.adapter:DMControlExtSimulator",
    extra="dmcontrol",
    packages=("mujoco", "dm_control"),
    source="MMBench, arXiv:2511.19584, on the DeepMind Control Suite",
    notes="An env step is two control steps with the same action. Rewards below are those of a control step, between 0 and 1, and an env step earns both; the observation is that after the second. In rewards, `up(x; b, m)` is 1 for x >= b and falls off as a Gaussian, to 0.1 at b - m; `down` mirrors it; `in(x; a, b)` is 1 from a to b, else 0; `lin(x; s)` is x / s, clipped to [0, 1]; v is the forward velocity of the body's centre of mass, u the cosine of the torso's tilt (1 = upright). L is the angular momentum of the whole body about its centre of mass, positive when rolling forward.",
)

_SCORE = ScoreRule(kind="return", low=0.0, high=1000.0)

_walker = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A planar biped: one torso and two legs, six motors at hips, knees and ankles.",
    obs_dim=24,
    action_dim=6,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (
            14,
            "rotations of torso, right thigh, leg, foot, left thigh, leg and foot: xx and xz of the matrix, each",
        ),
        (1, "height of the torso"),
        (
            9,
            "velocities of root z, root x, pitch, right hip, knee, ankle, left hip, knee and ankle",
        ),
    ),
    start="pitch uniform in +-pi, every joint uniform in its range, at rest; the torso at height 1.3",
)
_cheetah = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A planar running cat with a hind and a front leg, three motors in each.",
    obs_dim=17,
    action_dim=6,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (8, "positions of root z, pitch, hind thigh, shin, foot, front thigh, shin and foot"),
        (9, "velocities of root x, root z, pitch, and of the six joints in the same order"),
    ),
    start="every limited joint uniform in its range, then 200 simulator steps without control",
)
_hopper = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A planar one-legged hopper, four motors at waist, hip, knee and ankle.",
    obs_dim=15,
    action_dim=4,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (6, "positions of root z, pitch, waist, hip, knee and ankle"),
        (7, "velocities of root x, root z, pitch, waist, hip, knee and ankle"),
        (2, "ln(1 + force) at toe and heel"),
    ),
    start="pitch uniform in +-pi, every joint uniform in its range, at rest; the torso at height 1",
)
_reacher = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A tabletop arm of three links seen from above, three motors.",
    obs_dim=8,
    action_dim=3,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (3, "joint angles: shoulder, not wrapped, elbow and wrist"),
        (2, "target minus fingertip, x and y"),
        (3, "joint velocities"),
    ),
    start="joints uniform in their ranges, at rest; target at a uniform angle, 0.05 to 0.20 from the centre",
)
_cup = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A cup moved sideways and up and down by two motors, with a ball on a string.",
    obs_dim=8,
    action_dim=2,
    max_episode_steps=500,
    score=_SCORE,
    observation=((4, "positions of cup x, cup z, ball x and ball z"), (4, "their velocities")),
    start="nine times of ten with the ball inside the cup, else anywhere around it, touching nothing; at rest",
)
_pendulum = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A single rod with a heavy tip, one weak motor at its pivot.",
    obs_dim=3,
    action_dim=1,
    max_episode_steps=500,
    score=_SCORE,
    observation=((2, "cosine and sine of the angle from upright"), (1, "angular velocity")),
    start="angle uniform in +-pi, at rest",
)
_jumper = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A planar round body on two springy legs, one motor per leg.",
    obs_dim=9,
    action_dim=2,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (4, "root z, measured from 0.9, pitch, right and left leg"),
        (5, "velocities of root x, root z, pitch, right and left leg"),
    ),
    start="every limited joint uniform in its range, then 200 simulator steps without control",
)
_spinner = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A planar round body with five springy arms around it, one motor per arm.",
    obs_dim=15,
    action_dim=5,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (2, "root z, measured from 0.9, and pitch, not wrapped"),
        (5, "angles of the arms"),
        (3, "velocities of root x, root z and pitch"),
        (5, "velocities of the arms"),
    ),
    start="every limited joint uniform in its range, then 200 simulator steps without control",
)
_giraffe = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A planar giraffe with two three-motor legs and one motor in its long neck.",
    obs_dim=19,
    action_dim=7,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (9, "positions of root z, pitch, neck, hind thigh, shin, foot, front thigh, shin and foot"),
        (10, "velocities of root x, root z, pitch, and of the seven joints in the same order"),
    ),
    start="every limited joint uniform in its range, then 200 simulator steps without control",
)
_two_poles = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A motorised cart on a rail carrying a chain of two free poles, one motor.",
    obs_dim=8,
    action_dim=1,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (5, "place of the cart; cosine and sine of either pole's angle from upright"),
        (3, "velocities of cart and both hinges"),
    ),
    start="cart within 0.1 of the centre, both hinges within 0.034 of straight, uniform; velocities 0.01 N(0, 1)",
)
_long_pole = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A motorised cart on a rail carrying one long, heavy free pole, one motor.",
    obs_dim=5,
    action_dim=1,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (3, "place of the cart; cosine and sine of the pole's angle from upright"),
        (2, "velocities of cart and pole"),
    ),
    start="cart within 0.1 of the centre, pole within 0.034 of upright, both uniform; velocities 0.01 N(0, 1)",
)
_spinner_four = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A planar round body with four springy arms and a gap, one motor per arm.",
    obs_dim=13,
    action_dim=4,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (2, "root z, measured from 0.9, and pitch, not wrapped"),
        (4, "angles of the arms"),
        (3, "velocities of root x, root z and pitch"),
        (4, "velocities of the arms"),
    ),
    start="every limited joint uniform in its range, then 200 simulator steps without control",
)

TASKS = (
    _walker(
        id="walker-walk-backward",
        instruction="Step rearward on two feet at one metre per second.",
        reward="stand * (5 lin(-v; 1) + 1) / 6 with stand = (3 up(torso height; 1.2, 0.6) + (1 + u) / 2) / 4",
        params={"body": "walker", "reward": "walk", "reward_arguments": {"velocity": -1.0}},
    ),
    _walker(
        id="walker-run-backward",
        instruction="Sprint rearward on two feet toward eight metres per second.",
        reward="stand * (5 lin(-v; 8) + 1) / 6 with stand = (3 up(torso height; 1.2, 0.6) + (1 + u) / 2) / 4",
        params={"body": "walker", "reward": "walk", "reward_arguments": {"velocity": -8.0}},
    ),
    _cheetah(
        id="cheetah-run-backward",
        instruction="Gallop rearward toward eight metres per second.",
        reward="lin(-v; 8)",
        params={"body": "cheetah", "reward": "gallop", "reward_arguments": {"velocity": -8.0}},
    ),
    _cheetah(
        id="cheetah-run-front",
        instruction="Dash ahead balanced on the front leg with the hind foot raised.",
        reward="(3 up(hind foot height; 1.2, 0.6) + 2 up(torso height; 1.2, 0.6)) / 5 * (5 lin(v; 6) + 1) / 6",
        params={
            "body": "cheetah",
            "reward": "run_on_one_leg",
            "reward_arguments": {"raised_foot": "bfoot"},
        },
    ),
    _cheetah(
        id="cheetah-run-back",
        instruction="Dash ahead balanced on the hind leg with the front foot raised.",
        reward="(3 up(front foot height; 1.2, 0.6) + 2 up(torso height; 1.2, 0.6)) / 5 * (5 lin(v; 6) + 1) / 6",
        params={
            "body": "cheetah",
            "reward": "run_on_one_leg",
            "reward_arguments": {"raised_foot": "ffoot"},
        },
    ),
    _cheetah(
        id="cheetah-jump",
        instruction="Lift back and both feet high while hardly drifting sideways.",
        reward="mean over both feet of (5 up(mean height of torso and foot; 1.2, 0.6) + slow) / 6; slow is 1 up to |v| = 0.5 and 0 from 1 on",
        params={"body": "cheetah", "reward": "cheetah_jump"},
    ),
    _hopper(
        id="hopper-hop-backward",
        instruction="Spring rearward on the single leg at one metre per second.",
        reward="in(height of torso above foot; 0.6, 2) * lin(-v; 1)",
        params={"body": "hopper", "reward": "hop_backward"},
    ),
    _reacher(
        id="reacher-three-easy",
        instruction="Hold the three-link arm's tip inside the big target ball.",
        reward="1 while the fingertip's centre is within 0.06 of the target's (radii 0.05 and 0.01), else 0",
        params={"body": "reacher", "target_size_m": 0.05},
    ),
    _reacher(
        id="reacher-three-hard",
        instruction="Hold the three-link arm's tip on the tiny target ball.",
        reward="1 while the fingertip's centre is within 0.025 of the target's (radii 0.015 and 0.01), else 0",
        params={"body": "reacher", "target_size_m": 0.015},
    ),
    _cup(
        id="cup-spin",
        instruction="Whirl the tethered ball fast around the outside of the cup.",
        reward="0 while the ball is inside the cup, else (lin(distance of ball and cup; 0.5) + 2 lin(ball speed; 6)) / 3",
        params={"body": "cup", "reward": "cup_spin"},
    ),
    _pendulum(
        id="pendulum-spin",
        instruction="Keep the pendulum whirling in fast full circles.",
        reward="lin(|angular velocity|; 9)",
        params={"body": "pendulum", "reward": "pendulum_spin"},
    ),
    _jumper(
        id="jumper-jump",
        instruction="Leap with two legs so the round body rises very high.",
        reward="up(torso height; 1.5, 0.75)",
        params={"body": "jumper", "reward": "fling"},
    ),
    _spinner(
        id="spinner-spin",
        instruction="Cartwheel ahead at high speed on five arms.",
        reward="(2 lin(L; 8) + 3 lin(v; 8)) / 5",
        params={"body": "spinner", "reward": "spin", "reward_arguments": {"direction": 1}},
    ),
    _spinner(
        id="spinner-spin-backward",
        instruction="Cartwheel rearward at high speed on five arms.",
        reward="(2 lin(-L; 8) + 3 lin(-v; 8)) / 5",
        params={"body": "spinner", "reward": "spin", "reward_arguments": {"direction": -1}},
    ),
    _spinner(
        id="spinner-jump",
        instruction="Push off with five arms to fling the round body high.",
        reward="up(torso height; 1.5, 0.75)",
        params={"body": "spinner", "reward": "fling"},
    ),
    _giraffe(
        id="giraffe-run",
        instruction="Gallop ahead fast while carrying the long neck high.",
        reward="up(head height; 0.5, 0.25) * (3 lin(v; 10) + 1) / 4",
        params={"body": "giraffe", "reward": "giraffe_run"},
    ),
    _two_poles(
        id="cartpole-balance-two-poles-sparse",
        split="heldout",
        instruction="Hold two stacked poles vertical in a narrow band near the centre.",
        reward="in(cart; -0.25, 0.25) * in(cos; 0.995, 1) of either pole",
        params={"body": "two_poles"},
    ),
    _long_pole(
        id="cartpole-balance-long-sparse",
        split="heldout",
        instruction="Hold the extra-long pole vertical in a narrow band near the centre.",
        reward="in(cart; -0.25, 0.25) * in(cos of the pole; 0.995, 1)",
        params={"body": "long_pole"},
    ),
    _walker(
        id="walker-stand-incline",
        split="heldout",
        instruction="Rise and hold the torso tall on the sloping ground.",
        reward="stand = (3 up(torso height; 1.2, 0.6) + (1 + u) / 2) / 4; the ground rises forward by 8 degrees, heights are absolute",
        params={"body": "walker", "has_slope": True, "reward": "stand"},
    ),
    _walker(
        id="walker-walk-incline",
        split="heldout",
        instruction="Travel uphill on two feet at one metre per second.",
        reward="stand * (5 lin(v; 1) + 1) / 6 with stand = (3 up(torso height; 1.2, 0.6) + (1 + u) / 2) / 4; the ground rises forward by 8 degrees, heights are absolute",
        params={
            "body": "walker",
            "has_slope": True,
            "reward": "walk",
            "reward_arguments": {"velocity": 1.0},
        },
    ),
    _walker(
        id="walker-run-incline",
        split="heldout",
        instruction="Sprint uphill on two feet toward eight metres per second.",
        reward="stand * (5 lin(v; 8) + 1) / 6 with stand = (3 up(torso height; 1.2, 0.6) + (1 + u) / 2) / 4; the ground rises forward by 8 degrees, heights are absolute",
        params={
            "body": "walker",
            "has_slope": True,
            "reward": "walk",
            "reward_arguments": {"velocity": 8.0},
        },
    ),
    _walker(
        id="walker-arabesque",
        split="heldout",
        instruction="Balance on the left foot while lifting the right foot high behind.",
        reward="(3 up(torso height; 1, 0.5) + down(left foot height; 0.08, 0.5) + up(right foot height; 1, 0.5) + (1 - u) / 2) / 6",
        params={"body": "walker", "reward": "arabesque"},
    ),
    _walker(
        id="walker-lie-down",
        split="heldout",
        instruction="Settle flat on the floor with torso and hips low.",
        reward="(3 down(torso height; 0.08, 0.04) + down(mean thigh height; 0.08, 0.04) + (1 - u) / 2) / 5",
        params={"body": "walker", "reward": "lie_down"},
    ),
    _walker(
        id="walker-legs-up",
        split="heldout",
        instruction="Rest the torso on the floor with both feet pointing upward.",
        reward="(3 down(torso height; 0.08, 0.04) + 2 up(mean foot height; 1.1, 0.55) + down(mean thigh height; 0.08, 0.04) + (1 - u) / 2) / 7",
        params={"body": "walker", "reward": "legs_up"},
    ),
    _walker(
        id="walker-headstand",
        split="heldout",
        instruction="Turn upside down and keep hips and feet high in the air.",
        reward="(3 up(mean foot height; 1.1, 0.55) + 2 up(mean thigh height; 1, 0.5)) / 5",
        params={"body": "walker", "reward": "headstand"},
    ),
    _spinner_four(
        id="spinner-spin-four",
        split="heldout",
        instruction="Cartwheel ahead at high speed on four arms.",
        reward="(2 lin(L; 8) + 3 lin(v; 8)) / 5",
        params={"body": "spinner_four", "reward": "spin", "reward_arguments": {"direction": 1}},
    ),
    _spinner_four(
        id="spinner-spin-backward-four",
        split="heldout",
        instruction="Cartwheel rearward at high speed on four arms.",
        reward="(2 lin(-L; 8) + 3 lin(-v; 8)) / 5",
        params={"body": "spinner_four", "reward": "spin", "reward_arguments": {"direction": -1}},
    ),
    _spinner_four(
        id="spinner-jump-four",
        split="heldout",
        instruction="Push off with four arms to fling the round body high.",
        reward="up(torso height; 1.5, 0.75)",
        params={"body": "spinner_four", "reward": "fling"},
    ),
)
