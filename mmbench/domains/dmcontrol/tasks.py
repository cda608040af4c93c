"""Tasks of the dmcontrol domain. Data only: importing this file loads no simulator."""

from functools import partial

from mmbench.spec import Domain, ScoreRule, TaskSpec

DOMAIN = Domain(
    name="dmcontrol",
    adapter="mmbench.domains.dmcontrol.adapter:DMControlSimulator",
    extra="dmcontrol",
    packages=("mujoco", "dm_control"),
    source="DeepMind Control Suite, arXiv:1801.00690",
    notes="An env step is two control steps with the same action. Rewards below are those of a control step, between 0 and 1, and an env step earns both; the observation is that after the second. In rewards, `up(x; b, m)` is 1 for x >= b and falls off as a Gaussian, to 0.1 at b - m; `down` mirrors it; `in(x; a, b)` is 1 from a to b, else 0; `lin(x; s)` is x / s, clipped to [0, 1]; v is the forward velocity of the body's centre of mass, u the cosine of the torso's tilt (1 = upright).",
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
_reacher = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A tabletop arm of two links seen from above, two motors.",
    obs_dim=6,
    action_dim=2,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (2, "joint angles: shoulder, not wrapped, and wrist"),
        (2, "target minus fingertip, x and y"),
        (2, "joint velocities"),
    ),
    start="joints uniform in their ranges, at rest; target at a uniform angle, 0.05 to 0.20 from the centre",
)
_acrobot = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="Two links hanging in a chain, a single motor at the middle joint.",
    obs_dim=6,
    action_dim=1,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (4, "horizontal, then vertical, of the direction of upper and lower link"),
        (2, "joint velocities"),
    ),
    start="both angles uniform in +-pi, at rest",
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
_cartpole = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A motorised cart on a rail carrying one freely hinged pole, one motor.",
    obs_dim=5,
    action_dim=1,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (3, "place of the cart; cosine and sine of the pole's angle from upright"),
        (2, "velocities of cart and pole"),
    ),
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
    start="ball uniform in a box around the cup, touching nothing; at rest",
)
_finger = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A planar two-joint finger with two motors beside a freely turning body.",
    action_dim=2,
    max_episode_steps=500,
    score=_SCORE,
    start="all angles uniform in their ranges until nothing touches; at rest",
)
_fish = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A swimming fish in three dimensions, five motors for tail and fins.",
    obs_dim=24,
    action_dim=5,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (7, "joint angles of tail and fins"),
        (1, "upright: the cosine of the torso's tilt"),
        (3, "target seen from the mouth, in the torso's frame"),
        (13, "velocities of the body, linear and angular, and of the seven joints"),
    ),
    start="orientation uniform over all, joints uniform in +-0.2; target uniform in x, y +-0.4 and z 0.1 to 0.3",
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
_quadruped = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A four-legged robot in three dimensions, three motors per leg, twelve in all.",
    obs_dim=78,
    action_dim=12,
    max_episode_steps=500,
    score=_SCORE,
    observation=(
        (
            44,
            "positions and velocities of the 16 leg joints, and the activations of the 12 actuators",
        ),
        (3, "velocity of the torso in its own frame"),
        (1, "upright: the cosine of the torso's tilt"),
        (6, "accelerometer and gyroscope"),
        (24, "arcsinh of forces and torques at the four toes"),
    ),
    start="orientation uniform over all, joints at rest, as low as touches nothing",
)

TASKS = (
    _walker(
        id="walker-stand",
        instruction="Rise onto both feet and hold the torso tall and vertical.",
        reward="stand = (3 up(torso height; 1.2, 0.6) + (1 + u) / 2) / 4",
        params={"domain": "walker", "task": "stand"},
    ),
    _walker(
        id="walker-walk",
        instruction="Travel ahead on two feet at a calm one metre per second.",
        reward="stand * (5 lin(v; 1) + 1) / 6 with stand = (3 up(torso height; 1.2, 0.6) + (1 + u) / 2) / 4",
        params={"domain": "walker", "task": "walk"},
    ),
    _walker(
        id="walker-run",
        instruction="Sprint ahead on two feet toward eight metres per second.",
        reward="stand * (5 lin(v; 8) + 1) / 6 with stand = (3 up(torso height; 1.2, 0.6) + (1 + u) / 2) / 4",
        params={"domain": "walker", "task": "run"},
    ),
    _cheetah(
        id="cheetah-run",
        instruction="Gallop ahead toward ten metres per second.",
        reward="lin(v; 10)",
        params={"domain": "cheetah", "task": "run"},
    ),
    _reacher(
        id="reacher-easy",
        instruction="Hold the two-link arm's tip inside the big target ball.",
        reward="1 while the fingertip's centre is within 0.06 of the target's (radii 0.05 and 0.01), else 0",
        params={"domain": "reacher", "task": "easy"},
    ),
    _reacher(
        id="reacher-hard",
        instruction="Hold the two-link arm's tip on the tiny target ball.",
        reward="1 while the fingertip's centre is within 0.025 of the target's (radii 0.015 and 0.01), else 0",
        params={"domain": "reacher", "task": "hard"},
    ),
    _acrobot(
        id="acrobot-swingup",
        instruction="Bring both links upright so the tip reaches the high target.",
        reward="down(distance of the tip to the target; 0.2, 1), the target being the highest point it reaches",
        params={"domain": "acrobot", "task": "swingup"},
    ),
    _pendulum(
        id="pendulum-swingup",
        instruction="Pump the pendulum upward, then hold it pointing straight up.",
        reward="1 while the rod is within 8 degrees of upright, else 0",
        params={"domain": "pendulum", "task": "swingup"},
    ),
    _cartpole(
        id="cartpole-balance",
        instruction="Keep the pole near vertical with gentle motion of a centred cart.",
        reward="upright * centred * calm * gentle: (1 + cos) / 2, (1 + down(|cart|; 0, 2)) / 2, (1 + down(|pole speed|; 0, 5)) / 2, (4 + max(0, 1 - action^2)) / 5",
        start="cart within 0.1 of the centre, pole within 0.034 of upright, both uniform; velocities 0.01 N(0, 1)",
        params={"domain": "cartpole", "task": "balance"},
    ),
    _cartpole(
        id="cartpole-balance-sparse",
        instruction="Hold the pole inside a narrow vertical band near the track centre.",
        reward="in(cart; -0.25, 0.25) * in(cos of the pole; 0.995, 1)",
        start="cart within 0.1 of the centre, pole within 0.034 of upright, both uniform; velocities 0.01 N(0, 1)",
        params={"domain": "cartpole", "task": "balance_sparse"},
    ),
    _cartpole(
        id="cartpole-swingup",
        instruction="Lift the hanging pole and steady it above the centred cart.",
        reward="upright * centred * calm * gentle: (1 + cos) / 2, (1 + down(|cart|; 0, 2)) / 2, (1 + down(|pole speed|; 0, 5)) / 2, (4 + max(0, 1 - action^2)) / 5",
        start="cart at 0.01 N(0, 1), pole hanging + 0.01 N(0, 1), velocities 0.01 N(0, 1)",
        params={"domain": "cartpole", "task": "swingup"},
    ),
    _cartpole(
        id="cartpole-swingup-sparse",
        instruction="Lift the hanging pole into a narrow vertical band near the centre.",
        reward="in(cart; -0.25, 0.25) * in(cos of the pole; 0.995, 1)",
        start="cart at 0.01 N(0, 1), pole hanging + 0.01 N(0, 1), velocities 0.01 N(0, 1)",
        params={"domain": "cartpole", "task": "swingup_sparse"},
    ),
    _cup(
        id="cup-catch",
        instruction="Flick the tethered ball up so it rests inside the cup.",
        reward="1 while the ball is inside the cup, else 0",
        params={"domain": "ball_in_cup", "task": "catch"},
    ),
    _finger(
        id="finger-spin",
        instruction="Keep flicking the hinged body so it whirls around quickly.",
        obs_dim=9,
        observation=(
            (4, "angles of the two finger joints, place of the body's tip x and z"),
            (3, "velocities of the three joints"),
            (2, "ln(1 + force) at the finger's two touch sensors"),
        ),
        reward="1 while the body turns at 15 rad/s or faster in the negative direction, else 0",
        params={"domain": "finger", "task": "spin"},
    ),
    _finger(
        id="finger-turn-easy",
        instruction="Rotate the hinged body until its tip meets the large marker.",
        obs_dim=12,
        observation=(
            (4, "angles of the two finger joints, place of the body's tip x and z"),
            (3, "velocities of the three joints"),
            (2, "ln(1 + force) at the finger's two touch sensors"),
            (2, "place of the target seen from the hinge, x and z"),
            (1, "distance of tip and target's edge"),
        ),
        reward="1 while the body's tip is inside the target (radius 0.07), else 0",
        start="all angles uniform in their ranges until nothing touches, at rest; target at a uniform angle",
        params={"domain": "finger", "task": "turn_easy"},
    ),
    _finger(
        id="finger-turn-hard",
        instruction="Rotate the hinged body until its tip meets the small marker.",
        obs_dim=12,
        observation=(
            (4, "angles of the two finger joints, place of the body's tip x and z"),
            (3, "velocities of the three joints"),
            (2, "ln(1 + force) at the finger's two touch sensors"),
            (2, "place of the target seen from the hinge, x and z"),
            (1, "distance of tip and target's edge"),
        ),
        reward="1 while the body's tip is inside the target (radius 0.03), else 0",
        start="all angles uniform in their ranges until nothing touches, at rest; target at a uniform angle",
        params={"domain": "finger", "task": "turn_hard"},
    ),
    _fish(
        id="fish-swim",
        instruction="Steer the fish until its mouth meets the floating ball.",
        reward="(7 down(distance of mouth and target; r, 2 r) + (1 + u) / 2) / 8 with r the sum of their radii",
        params={"domain": "fish", "task": "swim"},
    ),
    _hopper(
        id="hopper-stand",
        instruction="Rise and balance the torso above the single foot.",
        reward="in(height of torso above foot; 0.6, 2) * (4 + mean of max(0, 1 - action^2)) / 5",
        params={"domain": "hopper", "task": "stand"},
    ),
    _hopper(
        id="hopper-hop",
        instruction="Spring ahead on the single leg at about two metres per second.",
        reward="in(height of torso above foot; 0.6, 2) * lin(v; 2)",
        params={"domain": "hopper", "task": "hop"},
    ),
    _quadruped(
        id="quadruped-walk",
        instruction="Step ahead on four legs at half a metre per second.",
        reward="(1 + u) / 2 * lin(v; 0.5), v that of the torso in its own frame",
        params={"domain": "quadruped", "task": "walk"},
    ),
    _quadruped(
        id="quadruped-run",
        instruction="Dash ahead on four legs toward five metres per second.",
        reward="(1 + u) / 2 * lin(v; 5), v that of the torso in its own frame",
        params={"domain": "quadruped", "task": "run"},
    ),
)
