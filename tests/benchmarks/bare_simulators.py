"""The simulators' own environments, doing the same physics as one agent step of a task."""

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from mmbench.mujoco_support.control_suite import SuiteTask
from mmbench.spec import TaskSpec


class Bare(NamedTuple):
    """A package's own environment: `step` plays an action as the package itself would."""

    reset: Callable[[int], Any]
    step: Callable[[np.ndarray], Any]


def bare_simulator(spec: TaskSpec) -> Bare:
    """Return the package's own environment that does the physics of a task."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        return _MAKERS[spec.domain.name](spec)


def _dmcontrol(spec: TaskSpec) -> Bare:
    from mmbench.domains.dmcontrol.adapter import load_suite_task

    return _control_suite(load_suite_task(spec, np.random.RandomState(0)))


def _dmcontrol_ext(spec: TaskSpec) -> Bare:
    from mmbench.domains.dmcontrol_ext.bodies import build

    return _control_suite(build(spec.params, np.random.RandomState(0)))


def _control_suite(suite: SuiteTask) -> Bare:
    from dm_control.rl import control

    suite.task.get_reward = suite.reward
    env = control.Environment(suite.physics, suite.task, n_sub_steps=suite.substeps)
    return _repeated(env, 2)


def _mujoco(spec: TaskSpec) -> Bare:
    env = gymnasium.make(spec.params["gym_id"], **spec.params["arguments"]).unwrapped
    return _repeated(env, spec.params["action_repeat"])


def _box2d(spec: TaskSpec) -> Bare:
    if "terrain" in spec.params:
        env = gymnasium.make("BipedalWalker-v3").unwrapped
    else:
        env = gymnasium.make("LunarLander-v3", continuous=True).unwrapped
    return _repeated(env, 2)


def _metaworld(spec: TaskSpec) -> Bare:
    from metaworld.env_dict import ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE

    env = ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE[spec.params["environment"]](seed=0)
    return _repeated(env, 2)


def _robodesk(spec: TaskSpec) -> Bare:
    from robodesk.robodesk import RoboDesk

    desk = RoboDesk(task=spec.params["task"], action_repeat=10, episode_length=None, image_size=1)
    desk.render = lambda *args, **kwargs: None
    return _repeated(desk, 1)


def _ogbench(spec: TaskSpec) -> Bare:
    from ogbench.locomaze.maze import make_maze_env
    from ogbench.online_locomotion.ant import AntEnv

    kind = spec.params["kind"]
    if kind in ("ant", "antball"):
        env, repeat = AntEnv(), 1
    else:
        body = kind.removesuffix("_maze")
        env, repeat = make_maze_env(body, "maze", maze_type="medium"), 4 if body == "point" else 2
    return _repeated(env, repeat)


def _atari(spec: TaskSpec) -> Bare:
    import ale_py

    from mmbench.domains.atari.adapter import joystick_position

    gymnasium.register_envs(ale_py)
    env = gymnasium.make(
        f"ALE/{spec.params['game']}-v5",
        obs_type="ram",
        full_action_space=True,
        repeat_action_probability=0.0,
    ).unwrapped
    return Bare(
        lambda seed: env.reset(seed=seed), lambda action: env.step(joystick_position(action))
    )


def _maniskill(spec: TaskSpec) -> Bare:
    from mani_skill.utils.wrappers.gymnasium import CPUGymWrapper

    from mmbench.registry import load_simulator

    env = CPUGymWrapper(load_simulator(spec, pictures=False).env, ignore_terminations=True)
    return _repeated(env, 2)


def _repeated(env: Any, times: int) -> Bare:
    def step(action: np.ndarray) -> None:
        for _ in range(times):
            env.step(action)

    def reset(seed: int) -> None:
        if isinstance(env, gymnasium.Env):
            env.reset(seed=seed)
        else:
            env.reset()

    return Bare(reset, step)


_MAKERS: dict[str, Callable[[TaskSpec], Bare]] = {
    "dmcontrol": _dmcontrol,
    "dmcontrol-ext": _dmcontrol_ext,
    "metaworld": _metaworld,
    "maniskill": _maniskill,
    "mujoco": _mujoco,
    "box2d": _box2d,
    "robodesk": _robodesk,
    "ogbench": _ogbench,
    "atari": _atari,
}
