"""The bodies of the extended DeepMind Control tasks: model, start and observation.

Start states and observations are those of dm_control's own domain classes; only `rewards`, and for
five bodies the model, are new.
"""

from collections.abc import Callable
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
Builder = Callable[[np.random.RandomState], SuiteTask]

_SLOPE_NORMAL = "-0.139173 0 0.996195"


def _packaged_model(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(common.read_model(f"{name}.xml"))


def _own_model(name: str) -> str:
    return resources.files(__package__).joinpath(f"assets/{name}.xml").read_text()


def _compile(physics_class: Any, model: ElementTree.Element | str) -> Physics:
    xml = model if isinstance(model, str) else ElementTree.tostring(model, encoding="unicode")
    return physics_class.from_xml_string(xml, common.ASSETS)


def _walker(random_state: np.random.RandomState, *, reward: Reward, slope: bool) -> SuiteTask:
    model = _packaged_model("walker")
    floor = model.find("worldbody/geom[@name='floor']")
    assert floor is not None
    floor.set("size", "500 .8 .2")
    if slope:
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


def _hopper(random_state: np.random.RandomState) -> SuiteTask:
    return SuiteTask(
        physics=_compile(suite.hopper.Physics, _packaged_model("hopper")),
        task=suite.hopper.Hopper(hopping=True, random=random_state),
        substeps=4,
        reward=rewards.hop_backward,
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


def _cup(random_state: np.random.RandomState) -> SuiteTask:
    return SuiteTask(
        physics=_compile(suite.ball_in_cup.Physics, _packaged_model("ball_in_cup")),
        task=_CupSpinStart(random=random_state),
        substeps=10,
        reward=rewards.cup_spin,
    )


def _pendulum(random_state: np.random.RandomState) -> SuiteTask:
    return SuiteTask(
        physics=_compile(suite.pendulum.Physics, _packaged_model("pendulum")),
        task=suite.pendulum.SwingUp(random=random_state),
        substeps=1,
        reward=rewards.pendulum_spin,
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


def _on_flat(reward: Reward) -> Builder:
    return partial(_walker, reward=reward, slope=False)


def _uphill(reward: Reward) -> Builder:
    return partial(_walker, reward=reward, slope=True)


def _dropped(model: str, reward: Reward) -> Builder:
    return partial(_settled, model=model, reward=reward)


BUILDERS: dict[str, Builder] = {
    "walker-walk-backward": _on_flat(partial(rewards.walk, velocity=-1.0)),
    "walker-run-backward": _on_flat(partial(rewards.walk, velocity=-8.0)),
    "walker-arabesque": _on_flat(rewards.arabesque),
    "walker-lie-down": _on_flat(rewards.lie_down),
    "walker-legs-up": _on_flat(rewards.legs_up),
    "walker-headstand": _on_flat(rewards.headstand),
    "walker-stand-incline": _uphill(rewards.stand),
    "walker-walk-incline": _uphill(partial(rewards.walk, velocity=1.0)),
    "walker-run-incline": _uphill(partial(rewards.walk, velocity=8.0)),
    "cheetah-run-backward": _dropped("cheetah", partial(rewards.gallop, velocity=-8.0)),
    "cheetah-run-front": _dropped("cheetah", partial(rewards.run_on_one_leg, raised_foot="bfoot")),
    "cheetah-run-back": _dropped("cheetah", partial(rewards.run_on_one_leg, raised_foot="ffoot")),
    "cheetah-jump": _dropped("cheetah", rewards.cheetah_jump),
    "giraffe-run": _dropped("giraffe", rewards.giraffe_run),
    "spinner-spin": _dropped("spinner", partial(rewards.spin, direction=1)),
    "spinner-spin-backward": _dropped("spinner", partial(rewards.spin, direction=-1)),
    "spinner-jump": _dropped("spinner", rewards.fling),
    "spinner-spin-four": _dropped("spinner_four", partial(rewards.spin, direction=1)),
    "spinner-spin-backward-four": _dropped("spinner_four", partial(rewards.spin, direction=-1)),
    "spinner-jump-four": _dropped("spinner_four", rewards.fling),
    "jumper-jump": _dropped("jumper", rewards.fling),
    "hopper-hop-backward": _hopper,
    "reacher-three-easy": partial(_reacher_three, target_size_m=0.05),
    "reacher-three-hard": partial(_reacher_three, target_size_m=0.015),
    "cup-spin": _cup,
    "pendulum-spin": _pendulum,
    "cartpole-balance-two-poles-sparse": _two_poles,
    "cartpole-balance-long-sparse": _long_pole,
}
"""How each task is built, drawing its start states from the given generator."""
