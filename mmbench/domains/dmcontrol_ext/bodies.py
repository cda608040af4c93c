"""The bodies of the extended DeepMind Control tasks: model, start and observation.

Start states and observations are those of dm_control's own domain classes; only `rewards`, and for
five bodies the model, are new.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import resources
from typing import Any
from xml.etree import ElementTree

import numpy as np
from dm_control import suite
from dm_control.suite import base, common

from mmbench.domains.dmcontrol_ext import rewards
from mmbench.mujoco_support.control_suite import SuiteTask

Physics = Any
Reward = rewards.Reward

_SLOPE_NORMAL = "-0.139173 0 0.996195"


def _packaged_model(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(common.read_model(f"{name}.xml"))


def _own_model(name: str) -> str:
    return resources.files(__package__).joinpath(f"assets/{name}.xml").read_text()


def _compile(physics_class: Any, model: ElementTree.Element | str) -> Physics:
    xml = model if isinstance(model, str) else ElementTree.tostring(model, encoding="unicode")
    return physics_class.from_xml_string(xml, common.ASSETS)


def _walker(
    random_state: np.random.RandomState, *, reward: Reward, has_slope: bool = False
) -> SuiteTask:
    model = _packaged_model("walker")
    floor = model.find("worldbody/geom[@name='floor']")
    assert floor is not None
    floor.set("size", "500 .8 .2")
    if has_slope:
        floor.set("pos", "0 0 0")
        floor.set("zaxis", _SLOPE_NORMAL)
    return SuiteTask(
        physics=_compile(suite.walker.Physics, model),
        task=suite.walker.PlanarWalker(move_speed=0, random=random_state),
        substeps=10,
        reward=reward,
    )


def _settled(random_state: np.random.RandomState, *, model: str, reward: Reward) -> SuiteTask:
    """A planar body that is dropped in a random pose and settles before the episode."""
    if model == "cheetah":
        tree = _packaged_model(model)
        floor = tree.find("worldbody/geom[@name='ground']")
        assert floor is not None
        floor.set("size", "200 .8 .5")
        physics = _compile(suite.cheetah.Physics, tree)
    else:
        physics = _compile(suite.cheetah.Physics, _own_model(model))
    return SuiteTask(
        physics=physics,
        task=suite.cheetah.Cheetah(random=random_state),
        substeps=1,
        reward=reward,
    )


def _hopper(random_state: np.random.RandomState, *, reward: Reward) -> SuiteTask:
    return SuiteTask(
        physics=_compile(suite.hopper.Physics, _packaged_model("hopper")),
        task=suite.hopper.Hopper(hopping=True, random=random_state),
        substeps=4,
        reward=reward,
    )


def _reacher_three(random_state: np.random.RandomState, *, target_size_m: float) -> SuiteTask:
    task = suite.reacher.Reacher(target_size=target_size_m, random=random_state)
    return SuiteTask(
        physics=_compile(suite.reacher.Physics, _own_model("reacher_three_links")),
        task=task,
        substeps=1,
        reward=task.get_reward,
    )


class _CupSpinStart(suite.ball_in_cup.BallInCup):
    """Starts with the ball in the cup in nine episodes of ten."""

    def initialize_episode(self, physics: Physics) -> None:
        is_anywhere = self.random.uniform(0, 1) < 0.1
        while True:
            physics.named.data.qpos["ball_x"] = self.random.uniform(-0.2, 0.2)
            physics.named.data.qpos["ball_z"] = self.random.uniform(0.2, 0.5)
            physics.after_reset()
            if physics.data.ncon == 0 and (is_anywhere or rewards.is_in_cup(physics)):
                break
        base.Task.initialize_episode(self, physics)


def _cup(random_state: np.random.RandomState, *, reward: Reward) -> SuiteTask:
    return SuiteTask(
        physics=_compile(suite.ball_in_cup.Physics, _packaged_model("ball_in_cup")),
        task=_CupSpinStart(random=random_state),
        substeps=10,
        reward=reward,
    )


def _pendulum(random_state: np.random.RandomState, *, reward: Reward) -> SuiteTask:
    return SuiteTask(
        physics=_compile(suite.pendulum.Physics, _packaged_model("pendulum")),
        task=suite.pendulum.SwingUp(random=random_state),
        substeps=1,
        reward=reward,
    )


def _two_poles(random_state: np.random.RandomState) -> SuiteTask:
    physics = suite.cartpole.Physics.from_xml_string(
        *suite.cartpole.get_model_and_assets(num_poles=2)
    )
    return _sparse_balance(random_state, physics)


def _long_pole(random_state: np.random.RandomState) -> SuiteTask:
    model = _packaged_model("cartpole")
    geom = model.find("default/default[@class='pole']/geom")
    assert geom is not None
    geom.set("fromto", "0 0 0 0 0 1.5")
    geom.set("mass", ".2")
    return _sparse_balance(random_state, _compile(suite.cartpole.Physics, model))


def _sparse_balance(random_state: np.random.RandomState, physics: Physics) -> SuiteTask:
    task = suite.cartpole.Balance(swing_up=False, sparse=True, random=random_state)
    return SuiteTask(physics=physics, task=task, substeps=1, reward=task.get_reward)


BODIES: dict[str, Callable[..., SuiteTask]] = {
    "walker": _walker,
    "cheetah": partial(_settled, model="cheetah"),
    "giraffe": partial(_settled, model="giraffe"),
    "spinner": partial(_settled, model="spinner"),
    "spinner_four": partial(_settled, model="spinner_four"),
    "jumper": partial(_settled, model="jumper"),
    "hopper": _hopper,
    "reacher": _reacher_three,
    "cup": _cup,
    "pendulum": _pendulum,
    "two_poles": _two_poles,
    "long_pole": _long_pole,
}


def build(params: Mapping[str, Any], random_state: np.random.RandomState) -> SuiteTask:
    """Build a task, drawing its start states from the given generator.

    Args:
        params: Those of the row: `body`, its own arguments, and, where the reward is ours, the
            `reward` by its name in `rewards`, with what it takes as `reward_arguments`.
        random_state: The generator.
    """
    arguments = {name: value for name, value in params.items() if "reward" not in name}
    if "reward" in params:
        reward = getattr(rewards, params["reward"])
        arguments["reward"] = partial(reward, **params.get("reward_arguments", {}))
    return BODIES[arguments.pop("body")](random_state, **arguments)
