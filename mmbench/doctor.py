"""What works on this machine: simulators, pictures, assets, versions."""

import importlib.metadata
import re
from dataclasses import dataclass

import numpy as np

from mmbench.env import TaskEnv
from mmbench.errors import GraphicsError, MMBenchError
from mmbench.registry import list_tasks
from mmbench.simulator import AssetVariant, variant_of
from mmbench.spec import Domain
from mmbench.versions import installed_version

_PIN = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[\w.]+)\s*;\s*extra == ['\"](?P<extra>\w+)['\"]$"
)


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was found out about a domain.

    Attributes:
        domain: Its name.
        state: `None` if a task was made and stepped, else what went wrong.
        pictures: `None` if a picture was drawn, else what went wrong.
        assets: `official`, `stand-in`, or `None` where a domain needs no downloads.
        wrong_versions: Packages that are not as pinned, e.g. `mujoco 3.3.5, pinned 3.3.6`.
        remedy: The command that fixes the first thing that is wrong.
    """

    domain: str
    state: str | None
    pictures: str | None
    assets: str | None
    wrong_versions: tuple[str, ...]
    remedy: str | None

    @property
    def is_healthy(self) -> bool:
        """Whether state observations work with the pinned versions."""
        return self.state is None and not self.wrong_versions


def examine_domain(domain: Domain) -> Diagnosis:
    """Make a task of the domain, step it, and draw a picture of it."""
    install = f"pip install '{domain.requirement}'"
    wrong = _wrong_versions(domain)
    state, assets = _try_state(domain)
    pictures, remedy = (state, None) if state else _try_picture(domain)
    if state is not None or wrong:
        remedy = install
    elif pictures is None and assets == "stand-in":
        remedy = "mmbench assets download"
    return Diagnosis(
        domain=domain.name,
        state=state,
        pictures=pictures,
        assets=assets,
        wrong_versions=wrong,
        remedy=remedy,
    )


def _wrong_versions(domain: Domain) -> tuple[str, ...]:
    wrong = []
    for requirement in importlib.metadata.requires(domain.distribution) or ():
        match = _PIN.match(requirement)
        if match is None or match["extra"] != domain.extra:
            continue
        found = installed_version(match["name"])
        if found is not None and found.partition("+")[0] != match["version"]:
            wrong.append(f"{match['name']} {found}, pinned {match['version']}")
    return tuple(wrong)


def _try_state(domain: Domain) -> tuple[str | None, str | None]:
    specs = list_tasks(domain=domain.name)
    # One task with assets of every kind; where there are none, the first task.
    chosen = {spec.assets: spec for spec in reversed(specs)}
    variants: set[AssetVariant] = set()
    try:
        for spec in chosen.values():
            env = TaskEnv(spec.id)
            env.reset(seed=0)
            env.step(np.zeros(spec.action_dim, np.float32))
            if spec.assets:
                variants.add(env.simulator.assets)
            env.close()
    except Exception as error:  # a broken simulator raises anything, and that is what is asked
        return _sentence(error), None
    if not variants:
        return None, None
    return None, variant_of(variants)


def _try_picture(domain: Domain) -> tuple[str | None, str | None]:
    """Return what went wrong, and the command that fixes it."""
    try:
        env = TaskEnv(list_tasks(domain=domain.name)[0].id, render_mode="rgb_array", image_size=64)
        env.reset(seed=0)
        env.render()
        env.close()
    except GraphicsError as error:
        return _sentence(error), error.remedy
    except Exception as error:  # likewise, of graphics drivers
        return _sentence(error), _sentence(error)
    return None, None


def _sentence(error: Exception) -> str:
    kind = "" if isinstance(error, MMBenchError) else f"{type(error).__name__}: "
    return kind + str(error).partition("\n")[0]
