"""What a task is: data. Nothing here loads a simulator."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmbench.errors import SpecError

MAX_OBS_DIM = 128
"""Entries of an observation in the multitask environment; shorter ones are zero-padded."""
MAX_ACTION_DIM = 16
"""Entries of an action in the multitask environment; a task reads the first `action_dim`."""

Split = Literal["train", "heldout"]
ScoreKind = Literal["return", "success"]
Layout = tuple[tuple[int, str], ...]
"""The entries of an observation, in order: how many, and what they are."""


@dataclass(frozen=True, kw_only=True)
class PinnedCode:
    """The files of a package that decide episodes, where the rest of it may be upgraded.

    Attributes:
        package: Distribution; its import name is the same.
        version: Version whose files these are.
        files: Their paths inside of the package.
        sha256: Hash over their contents, in this order.
    """

    package: str
    version: str
    files: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Domain:
    """One simulator and the tasks on it.

    Attributes:
        name: Name on the command line, e.g. `dmcontrol-ext`.
        adapter: `module:Class` of its `Simulator`, imported only when a task is made.
        extra: The pip extra that installs the simulator.
        distribution: Whose extra that is; another package's domain names that package.
        packages: Distributions whose versions decide what an episode looks like.
        code: The files that count, of packages of which not all do.
        source: Where the tasks come from.
        notes: What rewards and observations of its tasks have in common.
    """

    name: str
    adapter: str
    extra: str
    distribution: str = "mmbench"
    packages: tuple[str, ...]
    code: tuple[PinnedCode, ...] = ()
    source: str
    notes: str = ""

    @property
    def requirement(self) -> str:
        """What pip installs to make this domain work, e.g. `mmbench[atari]`."""
        return f"{self.distribution}[{self.extra}]"


@dataclass(frozen=True, kw_only=True)
class ScoreRule:
    """Turns an episode into a score in [0, 1].

    `kind="return"` puts the episode's return on the line from `low` (0) to `high` (1), clipped;
    `kind="success"` is 1 if the last step of the episode was a success.
    """

    kind: ScoreKind
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise SpecError(f"score rule needs low < high, got {self.low} and {self.high}")

    def score(self, episode_return: float, is_success: bool) -> float:
        """Return the score of an episode with this return and this last success flag."""
        if self.kind == "success":
            return 1.0 if is_success else 0.0
        fraction = (episode_return - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, fraction))


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """One task.

    Attributes:
        id: Name in the registry, e.g. `walker-run`.
        version: Rises when old scores stop being comparable.
        domain: The simulator it runs on.
        split: `train` (the 200) or `heldout` (the 34 for transfer).
        embodiment: One sentence on the body.
        instruction: One sentence on the goal; different for every task.
        obs_dim: Length of the state observation.
        action_dim: Length of the action, every entry in [-1, 1].
        max_episode_steps: Env steps; every episode has exactly this many.
        discount: Discount of the original metadata; `None` means the length rule of
            `effective_discount`.
        score: How an episode is scored.
        assets: Names of downloadable assets it looks best with (`mmbench assets`).
        params: What the domain's adapter needs to build it.
        observation: What the entries of the state observation are.
        reward: The reward of an env step, in words or as an equation.
        start: What is drawn at a reset, and how.
        success: When `info["success"]` is true; empty if never.
    """

    id: str
    version: int = 1
    domain: Domain
    split: Split = "train"
    embodiment: str
    instruction: str
    obs_dim: int
    action_dim: int
    max_episode_steps: int
    discount: float | None = None
    score: ScoreRule
    assets: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict, hash=False)
    observation: Layout = ()
    reward: str = ""
    start: str = ""
    success: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.obs_dim <= MAX_OBS_DIM:
            raise SpecError(f"{self.id}: obs_dim {self.obs_dim} is not in 1..{MAX_OBS_DIM}")
        if not 1 <= self.action_dim <= MAX_ACTION_DIM:
            raise SpecError(
                f"{self.id}: action_dim {self.action_dim} is not in 1..{MAX_ACTION_DIM}"
            )
        if self.max_episode_steps < 1:
            raise SpecError(
                f"{self.id}: max_episode_steps {self.max_episode_steps} is not positive"
            )
        if self.discount is not None and not 0.0 < self.discount < 1.0:
            raise SpecError(f"{self.id}: discount {self.discount} is not in (0, 1)")
        described = sum(size for size, _ in self.observation)
        if self.observation and described != self.obs_dim:
            raise SpecError(
                f"{self.id}: the description of the observation has {described} entries, "
                f"obs_dim is {self.obs_dim}"
            )
        if not self.instruction or not self.embodiment:
            raise SpecError(f"{self.id}: instruction and embodiment must not be empty")

    @property
    def effective_discount(self) -> float:
        """`discount`, or the rule clip((L/5 - 1)/(L/5), 0.95, 0.995) of the episode length L."""
        if self.discount is not None:
            return self.discount
        fifth = self.max_episode_steps / 5
        return min(0.995, max(0.95, (fifth - 1) / fifth))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-ready values, the domain as its name."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values["domain"] = self.domain.name
        values["score"] = dataclasses.asdict(self.score)
        values["assets"] = list(self.assets)
        values["params"] = dict(self.params)
        values["observation"] = [
            {"entries": size, "meaning": meaning} for size, meaning in self.observation
        ]
        values["source"] = self.domain.source
        return values
