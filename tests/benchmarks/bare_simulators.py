"""The simulators' own environments, doing the same physics as one agent step of a task."""

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from mmbench.spec import TaskSpec

Step = Callable[[np.ndarray], Any]


def bare_step(spec: TaskSpec) -> Step:
    """Return a function that plays an action as the package itself would."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        return _MAKERS[spec.domain.name](spec)


def _dmcontrol(spec: TaskSpec) -> Step:
    from dm_control import suite

    env = suite.load(spec.params["domain"], spec.params["task"], task_kwargs={"random": 0})
    return _dm_env_step(env)


def _dmcontrol_ext(spec: TaskSpec) -> Step:
    from dm_control.rl import control

    from mmbench.domains.dmcontrol_ext.bodies import BUILDERS

    task = BUILDERS[spec.id](np.random.RandomState(0))
    task.task.get_reward = task.reward
    env = control.Environment(task.physics, task.task, n_sub_steps=task.substeps)
    return _dm_env_step(env)


def _dm_env_step(env: Any) -> Step:
    env.reset()

    def step(action: np.ndarray) -> None:
        for _ in range(2):
            env.step(action)

    return step


def _mujoco(spec: TaskSpec) -> Step:
    env = gymnasium.make(spec.params["gym_id"], **spec.params["arguments"]).unwrapped
    env.reset(seed=0)
    return _repeat(env.step, spec.params["action_repeat"])


def _box2d(spec: TaskSpec) -> Step:
    if "terrain" in spec.params:
        env = gymnasium.make("BipedalWalker-v3").unwrapped
    else:
        env = gymnasium.make("LunarLander-v3", continuous=True).unwrapped
    env.reset(seed=0)
    return _repeat(env.step, 2)


def _metaworld(spec: TaskSpec) -> Step:
    from metaworld.env_dict import ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE

    env = ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE[spec.params["environment"]](seed=0)
    env.reset()
    return _repeat(env.step, 2)


def _robodesk(spec: TaskSpec) -> Step:
    from robodesk.robodesk import RoboDesk

    desk = RoboDesk(task=spec.params["task"], action_repeat=10, episode_length=None, image_size=1)
    desk.render = lambda *args, **kwargs: None
    desk.reset()
    return desk.step


def _ogbench(spec: TaskSpec) -> Step:
    from ogbench.locomaze.maze import make_maze_env
    from ogbench.online_locomotion.ant import AntEnv

    kind = spec.params["kind"]
    if kind in ("ant", "antball"):
        env, repeat = AntEnv(), 1
    else:
        body = kind.removesuffix("_maze")
        env, repeat = make_maze_env(body, "maze", maze_type="medium"), 4 if body == "point" else 2
    env.reset(seed=0)
    return _repeat(env.step, repeat)


def _atari(spec: TaskSpec) -> Step:
    import ale_py

    from mmbench.domains.atari.adapter import joystick_position

    gymnasium.register_envs(ale_py)
    env = gymnasium.make(
        f"ALE/{spec.params['game']}-v5",
        obs_type="ram",
        full_action_space=True,
        repeat_action_probability=0.0,
    ).unwrapped
    env.reset(seed=0)
    return lambda action: env.step(joystick_position(action))


def _maniskill(spec: TaskSpec) -> Step:
    from mani_skill.utils.wrappers.gymnasium import CPUGymWrapper

    from mmbench.registry import load_simulator

    env = CPUGymWrapper(load_simulator(spec, pictures=False).env, ignore_terminations=True)
    env.reset(seed=0)
    return _repeat(env.step, 2)


def _repeat(step: Step, times: int) -> Step:
    def repeated(action: np.ndarray) -> None:
        for _ in range(times):
            step(action)

    return repeated


_MAKERS: dict[str, Callable[[TaskSpec], Step]] = {
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
