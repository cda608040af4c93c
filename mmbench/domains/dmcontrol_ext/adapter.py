"""The extended and held-out DeepMind Control tasks as a Simulator."""

import numpy as np

from mmbench.domains.dmcontrol_ext.bodies import build
from mmbench.mujoco_support.control_suite import SuiteSimulator
from mmbench.spec import TaskSpec


class DMControlExtSimulator(SuiteSimulator):
    """One of the 16 extended or 12 held-out tasks."""

    def __init__(self, spec: TaskSpec, *, pictures: bool) -> None:
        random_state = np.random.RandomState(0)
        super().__init__(build(spec.params, random_state), random_state)
