"""dm_control's suite as a Simulator."""

from typing import Any

import mujoco
import numpy as np
from dm_control import suite

from mmbench.mujoco_support.control_suite import SuiteSimulator, SuiteTask
from mmbench.spec import TaskSpec

_QUADRUPED_CAMERA = 2  # camera 0 of the quadruped looks straight down


def load_suite_task(spec: TaskSpec, random_state: np.random.RandomState) -> SuiteTask:
    """Load the suite's own task, drawing from `random_state`."""
    domain = spec.params["domain"]
    environment = suite.load(domain, spec.params["task"], task_kwargs={"random": random_state})
    physics, task = environment.physics, environment.task
    if domain == "quadruped":
        _fill_sensor_names(physics)
    return SuiteTask(
        physics=physics,
        task=task,
        substeps=round(environment.control_timestep() / physics.timestep()),
        reward=task.get_reward,
        camera=_QUADRUPED_CAMERA if domain == "quadruped" else 0,
    )


def _fill_sensor_names(physics: Any) -> None:
    """Fill the quadruped's table of sensor names, which it would fill with a lost function.

    dm_control 1.0.34 looks them up with `numpy.in1d`, which NumPy 2.4 no longer has.
    """
    sensor = mujoco.mjtSensor
    for wanted in (
        (sensor.mjSENS_GYRO, sensor.mjSENS_ACCELEROMETER),
        (sensor.mjSENS_FORCE, sensor.mjSENS_TORQUE),
    ):
        ids = np.flatnonzero(np.isin(physics.model.sensor_type, [int(kind) for kind in wanted]))
        names = [physics.model.id2name(int(i), "sensor") for i in ids]
        physics._sensor_types_to_names[tuple(int(kind) for kind in wanted)] = names


class DMControlSimulator(SuiteSimulator):
    """One of the 21 standard tasks."""

    def __init__(self, spec: TaskSpec, *, pictures: bool) -> None:
        random_state = np.random.RandomState(0)
        super().__init__(load_suite_task(spec, random_state), random_state)
