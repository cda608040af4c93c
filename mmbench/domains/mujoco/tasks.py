"""Tasks of the mujoco domain. Data only: importing this file loads no simulator."""

from functools import partial

from mmbench.spec import Domain, PinnedCode, ScoreRule, TaskSpec

DOMAIN = Domain(
    name="mujoco",
    adapter="mmbench.domains.mujoco.adapter:MujocoSimulator",
    extra="mujoco",
    packages=("mujoco", "gymnasium"),
    code=(
        PinnedCode(
            package="gymnasium",
            version="1.4.0",
            files=(
                *("envs/mujoco/mujoco_env.py", "envs/mujoco/ant_v4.py"),
                *("envs/mujoco/half_cheetah_v4.py", "envs/mujoco/hopper_v4.py"),
                *("envs/mujoco/inverted_pendulum_v4.py", "envs/mujoco/reacher_v4.py"),
                *("envs/mujoco/walker2d_v4.py", "envs/mujoco/assets/ant.xml"),
                *("envs/mujoco/assets/half_cheetah.xml", "envs/mujoco/assets/hopper.xml"),
                *("envs/mujoco/assets/inverted_pendulum.xml", "envs/mujoco/assets/reacher.xml"),
                "envs/mujoco/assets/walker2d.xml",
            ),
            sha256="ba704bf33a8a903001f0fc0b1b737485b6c5b4575a4e05bbf1891f76011bab4a",
        ),
    ),
    source="Gymnasium MuJoCo v4, arXiv:2407.17032",
    notes="Gymnasium's version 4. Ant, hopper, walker and pendulum play every action for two simulator steps and earn both rewards. Falling ends nothing.",
)


_task = partial(
    TaskSpec,
    domain=DOMAIN,
)

TASKS = (
    _task(
        id="mujoco-ant",
        embodiment="A ball-shaped body on four two-joint legs moved by eight torque motors.",
        instruction="Scuttle along the positive x-axis as fast as you can.",
        obs_dim=27,
        action_dim=8,
        max_episode_steps=500,
        discount=0.99,
        score=ScoreRule(kind="return", low=0.0, high=5000.0),
        observation=(
            (1, "height of the torso"),
            (4, "its quaternion"),
            (8, "joint angles, leg by leg: hip, ankle"),
            (6, "velocity of the torso, linear and angular"),
            (8, "joint velocities"),
        ),
        reward="per simulator step, forward velocity + 1 while the torso's height is 0.2 to 1.0 - 0.5 |action|^2",
        start="pose + U(-0.1, 0.1) per entry, velocities 0.1 N(0, 1)",
        params={
            "gym_id": "Ant-v4",
            "action_repeat": 2,
            "arguments": {"terminate_when_unhealthy": False},
            "reward": "plain",
        },
    ),
    _task(
        id="mujoco-halfcheetah",
        embodiment="A planar two-legged cheetah driven by six torque motors in hips, knees and ankles.",
        instruction="Gallop to the right at the highest speed possible.",
        obs_dim=17,
        action_dim=6,
        max_episode_steps=1000,
        discount=0.99,
        score=ScoreRule(kind="return", low=0.0, high=15000.0),
        observation=(
            (2, "root z and pitch"),
            (6, "hind thigh, shin, foot, front thigh, shin, foot"),
            (9, "velocities of root x, root z, pitch, and of the six joints"),
        ),
        reward="forward velocity - 0.1 |action|^2",
        start="pose + U(-0.1, 0.1) per entry, velocities 0.1 N(0, 1)",
        params={"gym_id": "HalfCheetah-v4", "action_repeat": 1, "arguments": {}, "reward": "plain"},
    ),
    _task(
        id="mujoco-hopper",
        embodiment="A planar one-legged machine with thigh, knee and ankle motors.",
        instruction="Leap ahead quickly on one leg and stay upright.",
        obs_dim=11,
        action_dim=3,
        max_episode_steps=500,
        discount=0.99,
        score=ScoreRule(kind="return", low=0.0, high=5000.0),
        observation=(
            (2, "height and pitch"),
            (3, "thigh, leg, foot"),
            (6, "velocities of x, z, pitch, thigh, leg, foot, within +-10"),
        ),
        reward="per simulator step, while healthy, max(0, forward velocity + 1 - 0.001 |action|^2), else -1; healthy is height above 0.7, pitch within 0.2 and no state entry beyond 100",
        start="pose and velocities + U(-0.005, 0.005) per entry",
        params={
            "gym_id": "Hopper-v4",
            "action_repeat": 2,
            "arguments": {"terminate_when_unhealthy": False},
            "reward": "healthy",
        },
    ),
    _task(
        id="mujoco-inverted-pendulum",
        embodiment="A cart on a rail carrying a free-swinging pole; one motor pushes the cart.",
        instruction="Stop the pole on the moving cart from tipping.",
        obs_dim=4,
        action_dim=1,
        max_episode_steps=500,
        discount=0.99,
        score=ScoreRule(kind="return", low=0.0, high=1000.0),
        observation=((2, "place of the cart and angle of the pole"), (2, "their velocities")),
        reward="per simulator step, 1 until the pole is first beyond 0.2 rad, then 0 to the end",
        start="all positions and velocities U(-0.01, 0.01)",
        params={
            "gym_id": "InvertedPendulum-v4",
            "action_repeat": 2,
            "arguments": {},
            "reward": "until_failure",
        },
    ),
    _task(
        id="mujoco-reacher",
        embodiment="A two-link planar arm with a motor in each hinge.",
        instruction="Bring the tip of the two-piece arm onto the dot.",
        obs_dim=11,
        action_dim=2,
        max_episode_steps=50,
        score=ScoreRule(kind="return", low=-50.0, high=0.0),
        observation=(
            (4, "cosines, then sines, of the two joint angles"),
            (2, "target, x and y"),
            (2, "joint velocities"),
            (3, "fingertip minus target"),
        ),
        reward="-distance of fingertip and target before the step - |action|^2",
        start="joints U(-0.1, 0.1), velocities U(-0.005, 0.005), target uniform in the disc of radius 0.2",
        params={"gym_id": "Reacher-v4", "action_repeat": 1, "arguments": {}, "reward": "plain"},
    ),
    _task(
        id="mujoco-walker",
        embodiment="A planar biped with motors in both hips, knees and ankles.",
        instruction="Stride forward fast on both legs without toppling.",
        obs_dim=17,
        action_dim=6,
        max_episode_steps=500,
        discount=0.99,
        score=ScoreRule(kind="return", low=0.0, high=5000.0),
        observation=(
            (2, "height and pitch"),
            (6, "right thigh, leg, foot, left thigh, leg, foot"),
            (9, "velocities of x, z, pitch, and of the six joints, within +-10"),
        ),
        reward="per simulator step, while healthy, max(0, forward velocity + 1 - 0.001 |action|^2), else -1; healthy is height 0.8 to 2.0 and pitch within 1.0",
        start="pose and velocities + U(-0.005, 0.005) per entry",
        params={
            "gym_id": "Walker2d-v4",
            "action_repeat": 2,
            "arguments": {"terminate_when_unhealthy": False},
            "reward": "healthy",
        },
    ),
)
