"""MiniArcade as a Simulator."""

import copy
from typing import Any

import numpy as np

from mmbench.domains.miniarcade.games.air_hockey import AirHockey
from mmbench.domains.miniarcade.games.bird_attack import BirdAttack
from mmbench.domains.miniarcade.games.cartpole import Cartpole
from mmbench.domains.miniarcade.games.chase_evade import ChaseEvade
from mmbench.domains.miniarcade.games.coconut_dodge import CoconutDodge
from mmbench.domains.miniarcade.games.coinrun import CoinRun
from mmbench.domains.miniarcade.games.cowboy import Cowboy
from mmbench.domains.miniarcade.games.game import Game
from mmbench.domains.miniarcade.games.highway import Highway
from mmbench.domains.miniarcade.games.landing import Landing
from mmbench.domains.miniarcade.games.point_maze import PointMaze
from mmbench.domains.miniarcade.games.pong import Pong
from mmbench.domains.miniarcade.games.reacher import Reacher
from mmbench.domains.miniarcade.games.rocket_collect import RocketCollect
from mmbench.domains.miniarcade.games.spaceship import Spaceship
from mmbench.simulator import AssetVariant, FloatArray, Image, Transition
from mmbench.spec import TaskSpec

GAMES: dict[str, type[Game]] = {
    "air_hockey": AirHockey,
    "bird_attack": BirdAttack,
    "cartpole": Cartpole,
    "chase_evade": ChaseEvade,
    "coconut_dodge": CoconutDodge,
    "coinrun": CoinRun,
    "cowboy": Cowboy,
    "highway": Highway,
    "landing": Landing,
    "point_maze": PointMaze,
    "pong": Pong,
    "reacher": Reacher,
    "rocket_collect": RocketCollect,
    "spaceship": Spaceship,
}


class MiniArcadeSimulator:
    """One game. Stepping needs numpy alone; pictures import pygame when the first is drawn."""

    assets: AssetVariant = "official"

    def __init__(self, spec: TaskSpec, *, pictures: bool) -> None:
        params = dict(spec.params)
        self.game = GAMES[params.pop("game")](**params)

    def reset(self, rng: np.random.Generator) -> FloatArray:
        """Start a game."""
        self.game.begin(rng)
        return np.array(self.game.observe(), np.float32)

    def step(self, action: FloatArray) -> Transition:
        """Play one step."""
        game = self.game
        reward = game.play(action.tolist())
        return Transition(np.array(game.observe(), np.float32), reward, game.is_success())

    def render(self, height: int, width: int) -> Image:
        """Draw the game; nothing of its state or generator is touched."""
        from mmbench.domains.miniarcade.pictures import draw

        return draw(self.game, height, width)

    def get_state(self) -> dict[str, Any]:
        """Return a copy of the game's state."""
        return copy.deepcopy(self.game.__dict__)

    def set_state(self, state: dict[str, Any]) -> None:
        """Go back to a copy."""
        self.game.__dict__.clear()
        self.game.__dict__.update(copy.deepcopy(state))

    def close(self) -> None:
        """Nothing to free."""
