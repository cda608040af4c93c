"""Which worker plays which slot: few simulators per worker, equal work."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from mmbench.registry import get_task

_MEDIAN_STEP_S = 4e-4


@cache
def _step_costs() -> dict[str, float]:
    text = resources.files(__package__).joinpath("step_costs.json").read_text()
    costs: dict[str, float] = json.loads(text)
    return costs


def step_cost(task_id: str) -> float:
    """Return the expected seconds of one env step.

    The shipped table (`mmbench bench env --suite full --costs FILE`), until this process has
    measured the task itself.
    """
    return _step_costs().get(task_id, _MEDIAN_STEP_S)


def remember_step_costs(costs: Mapping[str, float]) -> None:
    """Let what was measured place the next vector environment of this process."""
    _step_costs().update(costs)


def place(tasks: Sequence[str], num_workers: int) -> list[tuple[int, ...]]:
    """Deal slots to workers, whole domains together while the load stays balanced.

    Args:
        tasks: Task id of every slot.
        num_workers: Number of workers; none is left empty if there are enough slots.

    Returns:
        The slots of every worker, ascending. Loads (sums of step costs) differ by little more
        than the cost of one slot, and at most `num_workers - 1` domains are split.
    """
    num_workers = min(num_workers, len(tasks))
    by_domain: dict[str, list[int]] = {}
    for slot, task in enumerate(tasks):
        by_domain.setdefault(get_task(task).domain.name, []).append(slot)
    cost = [step_cost(task) for task in tasks]
    share = sum(cost) / num_workers
    # Domains in a row, the dearest first, cut into pieces of one share each: every cut splits at
    # most one domain.
    ordered = [
        slot
        for slots in sorted(by_domain.values(), key=lambda s: -sum(cost[i] for i in s))
        for slot in slots
    ]
    placed: list[list[int]] = [[]]
    load = 0.0
    for position, slot in enumerate(ordered):
        num_left = len(ordered) - position
        is_full = load + cost[slot] / 2 > share * len(placed)
        must_leave = num_left <= num_workers - len(placed)
        if placed[-1] and len(placed) < num_workers and (is_full or must_leave):
            placed.append([])
        placed[-1].append(slot)
        load += cost[slot]
    return [tuple(sorted(slots)) for slots in placed]
