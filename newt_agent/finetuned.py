"""`python -m newt_agent.finetuned BEFORE AFTER...`: what finetuning brought, in Markdown."""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from mmbench import load_result, task


def table(before: Path, after: list[Path]) -> str:
    """Return the mean scores of two evaluations, per task, per domain and overall.

    Args:
        before: Result directory of the checkpoint, on all tasks.
        after: Result directories of what was finetuned, on one task or several each.

    Raises:
        KeyError: If a finetuned task is not in `before`.
    """
    old = load_result(before).scores
    scores: dict[str, tuple[float, float]] = {}
    for result in after:
        for name, new in load_result(result).scores.items():
            scores[name] = float(np.mean(old[name])), float(np.mean(new))
    domains: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, pair in scores.items():
        domains[task(name).domain.name].append(pair)
    rows = [(f"`{name}`", pair) for name, pair in scores.items()]
    for domain, pairs in domains.items():
        rows.append((f"{domain} ({len(pairs)})", tuple(np.mean(pairs, axis=0))))
    rows.append((f"all ({len(scores)})", tuple(np.mean(list(scores.values()), axis=0))))
    lines = ["| | before | after |", "|---|---|---|"]
    lines += [f"| {name} | {zero_shot:.3f} | {tuned:.3f} |" for name, (zero_shot, tuned) in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    first, *others = (Path(argument) for argument in sys.argv[1:])
    print(table(first, others))
