"""Tasks of the toy domain."""

from functools import partial

from mmbench import Domain, ScoreRule, TaskSpec

DOMAIN = Domain(
    name="toy",
    adapter="toy_domain.adapter:BeadSimulator",
    extra="bead",
    distribution="toy-domain",
    packages=("toy-domain",),
    source="Nobody's suite",
)

_bead = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="A bead on a wire, pushed by one motor.",
    obs_dim=2,
    action_dim=1,
    max_episode_steps=20,
    observation=((1, "place"), (1, "velocity")),
    reward="1 - |place - target|, at least 0",
    start="place uniform in +-1, at rest",
)

TASKS = (
    _bead(
        id="bead-left",
        instruction="Bring the bead to the left end.",
        score=ScoreRule(kind="return", low=0.0, high=20.0),
        params={"target": -1.0},
    ),
    _bead(
        id="bead-right",
        instruction="Bring the bead to the right end and leave it there.",
        score=ScoreRule(kind="success"),
        success="within 0.1 of the target",
        params={"target": 1.0},
    ),
    _bead(
        id="bead-middle",
        split="heldout",
        instruction="Bring the bead to the middle of the wire.",
        score=ScoreRule(kind="return", low=0.0, high=20.0),
        params={"target": 0.0},
    ),
)
