"""Which worker plays which slot: few simulators per worker, equal work."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from mmbench.registry import get_task

_MEDIAN_STEP_S = 4e-4
_START_S = {
    "maniskill": 0.14,
    "atari": 0.11,
    "dmcontrol": 0.1,
    "robodesk": 0.1,
    "dmcontrol-ext": 0.07,
    "metaworld": 0.04,
}
"""Seconds to build one environment; the first one's imports are shared out among the domain's."""


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

    Of the ways that balance the steps the one is taken whose workers are all ready soonest.

    Args:
        tasks: Task id of every slot.
        num_workers: Number of workers; none is left empty if there are enough slots.

    Returns:
        The slots of every worker, ascending. Loads (sums of step costs) differ by little more
        than the cost of one slot, and at most `num_workers - 1` domains are split.
    """
    num_workers = min(num_workers, len(tasks))
    domain = [get_task(task).domain.name for task in tasks]
    by_domain: dict[str, list[int]] = {}
    for slot, name in enumerate(domain):
        by_domain.setdefault(name, []).append(slot)
    cost = [step_cost(task) for task in tasks]
    start = [_START_S.get(name, 0.0) for name in domain]
    row = sorted(by_domain.values(), key=lambda slots: -sum(cost[i] for i in slots))
    ways = [_cut(row[k:] + row[:k], cost, num_workers) for k in range(len(row))]
    best = min(ways, key=lambda way: max(sum(start[i] for i in slots) for slots in way))
    return [tuple(sorted(slots)) for slots in best]


def _cut(row: list[list[int]], cost: list[float], num_workers: int) -> list[list[int]]:
    """Cut domains in a row into pieces of one share each: every cut splits at most one domain."""
    ordered = [slot for slots in row for slot in slots]
    share = sum(cost) / num_workers
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
    return placed
