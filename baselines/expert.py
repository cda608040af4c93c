"""The experts that made the demonstrations: scripts, planning in the simulator itself, and search.

They see the environment, so their scores say what can be reached, not what can be learned. They are
never ranked with agents.
"""

from mmbench.agent import Expert, Privileged
from mmbench.demos.expert import build_expert, expert_for
from mmbench.env import TaskEnv
from mmbench.errors import UsageError


def _make(
    env: TaskEnv,
    *,
    checkpoint: str | None,
    device: str,
    seed: int,
    kind: str = "auto",
    budget: float = 1.0,
) -> Expert:
    """Return who plays the episode that `env` has begun; it does not depend on `seed`.

    Args:
        env: The environment.
        checkpoint: Not used.
        device: Not used.
        seed: Not used: planning draws from the episode's own seed.
        kind: `auto` (the task's script if it has one, else a search in games and planning in other
            tasks), `scripted`, `plan` or `search`.
        budget: Factor on the number of action sequences that are tried in a plan or a search.

    Raises:
        DemonstrationError: If a script or a search is asked for and the task has none.
        UsageError: If `kind` or `budget` is none.
    """
    if kind not in ("auto", "scripted", "plan", "search"):
        raise UsageError(f"kind is {kind!r}, expected auto, scripted, plan or search")
    if not budget > 0:
        raise UsageError(f"budget is {budget}, expected more than 0")
    return build_expert(env, expert_for(env.task, kind), budget=budget)


make = Privileged(_make)
