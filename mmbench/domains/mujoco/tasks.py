"""Tasks of the mujoco domain. Data only: importing this file loads no simulator."""

from mmbench.spec import Domain, ScoreRule, TaskSpec

DOMAIN = Domain(
    name="mujoco",
    adapter="mmbench.domains.mujoco.adapter:MujocoSimulator",
    extra="mujoco",
    packages=('mujoco', 'gymnasium'),
    source="Gymnasium MuJoCo v4, arXiv:2407.17032",
)



TASKS = (
    TaskSpec(
        id="mujoco-ant",
        domain=DOMAIN,
        embodiment="A ball-shaped body on four two-joint legs moved by eight torque motors.",
        instruction="Scuttle along the positive x-axis as fast as you can",
        obs_dim=27,
        action_dim=8,
        max_episode_steps=500,
        discount=0.99,
        score=ScoreRule(kind="return", low=0.0, high=5000.0),
        params={"gym_id": "Ant-v4", "action_repeat": 2, "arguments": {"terminate_when_unhealthy": False}, "reward": "plain"},
    ),
    TaskSpec(
        id="mujoco-halfcheetah",
        domain=DOMAIN,
        embodiment="A planar two-legged cheetah driven by six torque motors in hips, knees and ankles.",
        instruction="Gallop to the right at the highest speed possible",
        obs_dim=17,
        action_dim=6,
        max_episode_steps=1000,
        discount=0.99,
        score=ScoreRule(kind="return", low=0.0, high=15000.0),
        params={"gym_id": "HalfCheetah-v4", "action_repeat": 1, "arguments": {}, "reward": "plain"},
    ),
    TaskSpec(
        id="mujoco-hopper",
        domain=DOMAIN,
        embodiment="A planar one-legged machine with thigh, knee and ankle motors.",
        instruction="Leap ahead quickly on one leg and stay upright",
        obs_dim=11,
        action_dim=3,
        max_episode_steps=500,
        discount=0.99,
        score=ScoreRule(kind="return", low=0.0, high=5000.0),
        params={"gym_id": "Hopper-v4", "action_repeat": 2, "arguments": {"terminate_when_unhealthy": False}, "reward": "healthy"},
    ),
    TaskSpec(
        id="mujoco-inverted-pendulum",
        domain=DOMAIN,
        embodiment="A cart on a rail carrying a free-swinging pole; one motor pushes the cart.",
        instruction="Stop the pole on the moving cart from tipping",
        obs_dim=4,
        action_dim=1,
        max_episode_steps=500,
        discount=0.99,
        score=ScoreRule(kind="return", low=0.0, high=1000.0),
        params={"gym_id": "InvertedPendulum-v4", "action_repeat": 2, "arguments": {}, "reward": "until_failure"},
    ),
    TaskSpec(
        id="mujoco-reacher",
        domain=DOMAIN,
        embodiment="A two-link planar arm with a motor in each hinge.",
        instruction="Bring the tip of the two-piece arm onto the dot",
        obs_dim=11,
        action_dim=2,
        max_episode_steps=50,
        score=ScoreRule(kind="return", low=-50.0, high=0.0),
        params={"gym_id": "Reacher-v4", "action_repeat": 1, "arguments": {}, "reward": "plain"},
    ),
    TaskSpec(
        id="mujoco-walker",
        domain=DOMAIN,
        embodiment="A planar biped with motors in both hips, knees and ankles.",
        instruction="Stride forward fast on both legs without toppling",
        obs_dim=17,
        action_dim=6,
        max_episode_steps=500,
        discount=0.99,
        score=ScoreRule(kind="return", low=0.0, high=5000.0),
        params={"gym_id": "Walker2d-v4", "action_repeat": 2, "arguments": {"terminate_when_unhealthy": False}, "reward": "healthy"},
    ),
)
