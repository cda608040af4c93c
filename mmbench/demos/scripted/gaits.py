"""Which robot walks which task: oscillators at the joints, or a cycle of strides.

How a robot walks is written in `walks`; how far, how fast and how stiffly is a vector of numbers of
order 1 per task. They lie in `gaits.json`, and `mmbench.cli.gait_search` finds them.
"""

import json
from collections.abc import Mapping
from functools import lru_cache, partial
from types import MappingProxyType

import numpy as np

from mmbench.agent import Expert
from mmbench.demos import plans
from mmbench.demos.scripted.walks.ant import (
    ant_with_ball,
    commanded_ant,
    driven_ant,
    maze_ant,
    straight_ant,
)
from mmbench.demos.scripted.walks.anymal import anymal
from mmbench.demos.scripted.walks.biped import biped
from mmbench.demos.scripted.walks.fish import fish
from mmbench.demos.scripted.walks.gait import Gait
from mmbench.demos.scripted.walks.planar import PlanarRobot
from mmbench.demos.scripted.walks.quadruped import quadruped
from mmbench.env import TaskEnv


def build(env: TaskEnv) -> Expert:
    """Return the gait of the environment's robot, with the task's numbers."""
    name = env.task.id
    return GAITS[name].expert(env, np.array(all_numbers()[name]))


def clock_rate(task_id: str) -> float:
    """Return by how much the phase of a task's gait grows in an env step, rad; 0 without a phase.

    The phase is 0 when an episode begins. What a gait does is a function of the simulator's state
    and of this phase.
    """
    if task_id not in GAITS:
        return 0.0
    return GAITS[task_id].phase_step(np.array(all_numbers()[task_id]))


@lru_cache
def all_numbers() -> Mapping[str, list[float]]:
    """Return the numbers of every task that is walked."""
    found: dict[str, list[float]] = json.loads(plans.GAIT_NUMBERS.read_text())
    return found


_TERRAINS = ("flat", "uneven", "rugged", "hills", "obstacles")
_MAZES = ("arena", "maze", "bottleneck", "circle", "spiral")

_quadruped_gait = partial(Gait, build=quadruped, num_numbers=19, frequency_hz=1.5, step_s=0.04)
_ant_gait = partial(Gait, num_numbers=17, frequency_hz=1.5, step_s=0.1)

GAITS: Mapping[str, Gait] = MappingProxyType(
    {
        "mujoco-hopper": PlanarRobot(3, False, 2.0, 0.016, "gymnasium_run").gait,
        "mujoco-walker": PlanarRobot(6, True, 1.5, 0.016, "gymnasium_run").gait,
        "cheetah-run-front": PlanarRobot(6, False, 2.0, 0.02).gait,
        "cheetah-run-back": PlanarRobot(6, False, 2.0, 0.02).gait,
        "quadruped-walk": _quadruped_gait(),
        "quadruped-run": _quadruped_gait(),
        "fish-swim": Gait(
            build=fish, num_numbers=32, frequency_hz=2.0, step_s=0.08, objective="fish"
        ),
        "mujoco-ant": _ant_gait(build=straight_ant),
        **{f"ms-ant-{pace}": _ant_gait(build=driven_ant, step_s=0.05) for pace in ("walk", "run")},
        "og-antball": _ant_gait(build=ant_with_ball),
        "og-ant": _ant_gait(build=commanded_ant),
        **{f"og-ant-{maze}": _ant_gait(build=maze_ant, step_s=0.2) for maze in _MAZES},
        "ms-anymal-reach": Gait(build=anymal, num_numbers=17, frequency_hz=1.2, step_s=0.1),
        **{f"bipedal-walker-{terrain}": Gait(build=biped, num_numbers=16) for terrain in _TERRAINS},
    }
)
