"""`python -m newt_agent.finetuned RUN...`: scores before and after finetuning, in Markdown."""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from mmbench import task
from mmbench.training.curves import EVALUATIONS, read_evaluations


def table(runs: list[Path]) -> str:
    """Return the scores of the first and the last evaluation, per task, per domain and overall."""
    scores: dict[str, tuple[float, float]] = {}
    for run in runs:
        for name, by_step in read_evaluations(run / EVALUATIONS).items():
            scores[name] = by_step[min(by_step)][0], by_step[max(by_step)][0]
    domains: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, pair in scores.items():
        domains[task(name).domain.name].append(pair)
    rows = [(f"`{name}`", pair) for name, pair in scores.items()]
    for domain, pairs in domains.items():
        rows.append((f"{domain} ({len(pairs)})", tuple(np.mean(pairs, axis=0))))
    rows.append((f"all ({len(scores)})", tuple(np.mean(list(scores.values()), axis=0))))
    lines = ["| | before | after |", "|---|---|---|"]
    lines += [f"| {name} | {before:.3f} | {after:.3f} |" for name, (before, after) in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table([Path(argument) for argument in sys.argv[1:]]))
