"""The bead as a Simulator."""

import numpy as np

from mmbench.simulator import AssetVariant, FloatArray, Image, Transition
from mmbench.spec import TaskSpec


class BeadSimulator:
    """A bead on a wire from -1 to 1."""

    assets: AssetVariant = "official"

    def __init__(self, spec: TaskSpec, *, pictures: bool) -> None:
        self._target = spec.params["target"]
        self._place = self._velocity = 0.0

    def reset(self, rng: np.random.Generator) -> FloatArray:
        self._place, self._velocity = float(rng.uniform(-1, 1)), 0.0
        return self._observe()

    def step(self, action: FloatArray) -> Transition:
        self._velocity = 0.8 * self._velocity + 0.1 * float(action[0])
        self._place = min(1.0, max(-1.0, self._place + self._velocity))
        gap = abs(self._place - self._target)
        return Transition(self._observe(), max(0.0, 1.0 - gap), gap < 0.1)

    def render(self, height: int, width: int) -> Image:
        image = np.zeros((height, width, 3), np.uint8)
        image[:, int((self._place + 1) / 2 * (width - 1))] = 255
        return image

    def get_state(self) -> tuple[float, float]:
        return self._place, self._velocity

    def set_state(self, state: tuple[float, float]) -> None:
        self._place, self._velocity = state

    def close(self) -> None:
        pass

    def _observe(self) -> FloatArray:
        return np.array([self._place, self._velocity], np.float32)
