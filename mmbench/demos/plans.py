"""Which expert plays which task, and how the planned ones are planned. Data only."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mmbench.registry import get_suite, list_tasks
from mmbench.spec import TaskSpec


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """How a task is planned.

    Attributes:
        horizon: Env steps looked ahead.
        num_samples: Action sequences tried in an iteration.
        num_iterations: Iterations of a plan.
        spacing: Env steps between the knots of the noise splines.
        replan: Env steps played of a plan.
        noise: Standard deviation of the widest noise.
        objective: Name of an objective in `mmbench.demos.objectives`.
    """

    horizon: int
    num_samples: int = 16
    num_iterations: int = 2
    spacing: int = 3
    replan: int = 2
    noise: float = 0.7
    objective: str = "reward"

    def scaled(self, budget: float) -> "PlanSettings":
        """Return these settings with `budget` times the samples."""
        return dataclasses.replace(self, num_samples=max(4, round(budget * self.num_samples)))


CLASSIC: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("pygame-cartpole-balance", "pygame-cartpole-balance-sparse", "pygame-cartpole-tremor"),
            "game_cart",
        ),
        **dict.fromkeys(
            (
                *("cartpole-balance", "cartpole-balance-sparse"),
                *("cartpole-swingup", "cartpole-swingup-sparse"),
            ),
            "suite_cart",
        ),
        **dict.fromkeys(
            (
                *("ms-cartpole-balance", "ms-cartpole-balance-sparse"),
                *("ms-cartpole-swingup", "ms-cartpole-swingup-sparse"),
            ),
            "maniskill_cart",
        ),
        "mujoco-inverted-pendulum": "gymnasium_cart",
        "acrobot-swingup": "acrobot",
        "pendulum-swingup": "swing_up",
        "pendulum-spin": "spin",
        **dict.fromkeys(
            ("reacher-easy", "reacher-hard", "reacher-three-easy", "reacher-three-hard"), "reach"
        ),
    }
)
"""Names of controllers in `mmbench.demos.scripted.classic`."""

GAIT_NUMBERS = Path(__file__).with_name("scripted") / "gaits.json"
"""The numbers of the gait of every task that is walked."""
_WALKED = frozenset(json.loads(GAIT_NUMBERS.read_text()))


def _script(task: TaskSpec) -> str | None:
    """Return the module of `mmbench.demos.scripted` that plays a task."""
    if task.id in _WALKED:
        return "gaits"
    if task.id in CLASSIC:
        return "classic"
    if task.domain.name in ("metaworld", "robodesk"):
        return task.domain.name
    if "pd_ee" in (task.params.get("control_mode") or "") and task.id not in _PLANNED_ARMS:
        return "maniskill"  # arms that are moved by their hand
    if task.params.get("kind") == "point_maze":
        return "ogbench"
    if task.id == "lunarlander-land":
        return "lander"
    if task.id == "atari-pong":
        return "atari"
    if task.params.get("game") in _SCRIPTED_GAMES:
        return "miniarcade"
    return None


_SCRIPTED_GAMES = "point_maze", "pong", "spaceship", "air_hockey", "bird_attack", "rocket_collect"
_PLANNED_ARMS = ("ms-pick-cube-so", "ms-lift-peg")

SCRIPTS: Mapping[str, str] = MappingProxyType(
    {
        task.id: f"mmbench.demos.scripted.{script}"
        for task in list_tasks()
        if (script := _script(task)) is not None
    }
)
"""Modules of the tasks that have a scripted expert."""

SEARCHED = frozenset(get_suite("atari"))
"""Tasks that are searched for a way through the whole episode, which always begins in one state."""

DEFAULT_PLAN = PlanSettings(horizon=15)

_WALK = PlanSettings(horizon=20, num_samples=12, spacing=4)
_RUN = PlanSettings(horizon=20, num_samples=16, spacing=4, replan=3)
_GALLOP = PlanSettings(horizon=25, num_samples=16, spacing=4, noise=1.0, replan=3)
_TURN = PlanSettings(horizon=25, num_samples=16, noise=1.0, objective="finger_turn")
_LEAP = PlanSettings(horizon=40, num_samples=24, spacing=5, noise=1.0)
_GAME = PlanSettings(horizon=25, num_samples=24, spacing=5, noise=1.0)
_LONG_GAME = PlanSettings(horizon=50, num_samples=32, spacing=7, noise=1.0)
_PILOT = PlanSettings(horizon=30, num_samples=20, spacing=6, noise=1.0)
_ARM = PlanSettings(horizon=8, num_samples=24, noise=1.0, replan=1)
_HOP = PlanSettings(horizon=25, num_samples=32, spacing=4, noise=1.0)

PLANS: Mapping[str, PlanSettings] = MappingProxyType(
    {
        **dict.fromkeys(("jumper-jump", "spinner-jump", "cheetah-jump"), _LEAP),
        **dict.fromkeys(("spinner-spin", "spinner-spin-backward"), PlanSettings(horizon=20)),
        **dict.fromkeys(("walker-stand", "walker-walk", "walker-walk-backward"), _WALK),
        **dict.fromkeys(("walker-run", "walker-run-backward"), _RUN),
        **dict.fromkeys(("cheetah-run", "cheetah-run-backward"), _GALLOP),
        "giraffe-run": _LEAP,
        **dict.fromkeys(
            ("cheetah-run-front", "cheetah-run-back"), dataclasses.replace(_LEAP, replan=4)
        ),
        **dict.fromkeys(("finger-turn-easy", "finger-turn-hard"), _TURN),
        "finger-spin": PlanSettings(horizon=20, noise=1.5, objective="finger_spin"),
        "fish-swim": PlanSettings(horizon=20, spacing=4, noise=1.0, objective="fish"),
        "mujoco-reacher": PlanSettings(horizon=10, num_samples=12, noise=0.3),
        "mujoco-halfcheetah": _GALLOP,
        "mujoco-hopper": PlanSettings(
            horizon=50, spacing=6, replan=5, noise=0.5, objective="gymnasium_run"
        ),
        **dict.fromkeys(_PLANNED_ARMS, _ARM),
        **dict.fromkeys(("ms-hopper-stand", "ms-hopper-hop"), _HOP),
        "cup-catch": PlanSettings(horizon=20, num_samples=10, objective="cup"),
        "cup-spin": PlanSettings(horizon=15, num_samples=10),
        "hopper-stand": dataclasses.replace(_HOP, objective="hopper_stand"),
        "hopper-hop": dataclasses.replace(_HOP, objective="hopper_hop"),
        "hopper-hop-backward": dataclasses.replace(_HOP, objective="hopper_back"),
        **{
            f"pygame-{game}": _GAME
            for game in ("cowboy", "coinrun", "highway", "landing", "chase-evade")
        },
        "pygame-coconut-dodge": _GAME,
        "pygame-cartpole-swingup": _LONG_GAME,
        "pygame-cartpole-swingup-sparse": dataclasses.replace(_LONG_GAME, objective="game_pole"),
        **{f"lunarlander-{mission}": _PILOT for mission in ("hover", "takeoff")},
    }
)
