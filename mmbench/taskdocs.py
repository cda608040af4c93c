"""Writes the task pages of the documentation: `python -m mmbench.taskdocs`.

They follow from the registry; the table of demonstrations from the files that ship, and from what
`mmbench demos learnability --suite full --json` wrote to `docs/tasks/learnability.json`. Every task
has a section of its own, whose heading is its id: observation, reward, start state, success.

With `--check` nothing is written; the exit code is 1 if a committed page is stale.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmbench.demos import SHIPPED
from mmbench.demos.dataset import BEST_RETURNS, MIN_GOOD_SCORE
from mmbench.demos.generation import DEFAULT_EPISODES
from mmbench.demos.learnability import read_learnability
from mmbench.demos.practice import can_be_labelled
from mmbench.demos.scripted.gaits import clock_rate
from mmbench.demos.stats import task_stats
from mmbench.evaluation.reference import load_reference
from mmbench.registry import DOMAINS, SUITES, get_task, list_tasks
from mmbench.spec import Domain, Layout, TaskSpec

FOLDER = Path(__file__).parents[1] / "docs" / "tasks"
LEARNABILITY = FOLDER / "learnability.json"


def pages() -> dict[str, str]:
    """Return file name -> text of every page."""
    texts = {f"{domain.name}.md": _domain_page(domain) for domain in DOMAINS}
    texts["index.md"] = _index_page()
    texts["demonstrations.md"] = _demonstrations_page()
    return texts


def main(arguments: list[str]) -> int:
    """Write or check the pages."""
    texts = pages()
    stale = [name for name, text in texts.items() if _current(name) != text]
    if arguments == ["--check"]:
        for name in stale:
            print(f"docs/tasks/{name} is stale; run: python -m mmbench.taskdocs", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(texts[name])
    return 0


def _current(name: str) -> str | None:
    path = FOLDER / name
    return path.read_text() if path.is_file() else None


def _index_page() -> str:
    lines = [
        "# Tasks",
        "",
        "| domain | train | held out | simulator | source |",
        "|---|---|---|---|---|",
    ]
    for domain in DOMAINS:
        counts = [len(list_tasks(domain=domain.name, split=s)) for s in ("train", "heldout")]
        packages = ", ".join(domain.packages)
        lines.append(
            f"| [{domain.name}]({domain.name}.md) | {counts[0]} | {counts[1]} | {packages} "
            f"| {domain.source} |"
        )
    lines += [
        "",
        "A page says of every task what it observes, what it is rewarded for and how it starts; "
        "`mmbench tasks walker-run` prints the same.",
    ]
    lines += ["", "## Suites", "", "| suite | tasks |", "|---|---|"]
    lines += [f"| `{name}` | {len(tasks)} |" for name, tasks in SUITES.items()]
    for name in ("quick", "lite"):
        lines += ["", f"### {name}", ""]
        lines += [f"- `{task}`: {get_task(task).instruction}" for task in SUITES[name]]
    return "\n".join(lines) + "\n"


def _domain_page(domain: Domain) -> str:
    specs = list_tasks(domain=domain.name)
    lines = [
        f"# {domain.name}",
        "",
        f"{domain.source}. Install: `pip install '{domain.requirement}'`.",
        "",
        domain.notes,
        "",
        "| task | instruction | obs | action | steps | discount | score |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(spec) for spec in specs]
    layouts = _layouts(specs)
    lines += ["", "## Observations", ""]
    for number, (layout, tasks) in enumerate(layouts.items(), 1):
        names = ", ".join(f"[`{task}`](#{task})" for task in tasks)
        lines += [f"### Observation {number}", "", f"Of {names}.", ""]
        lines += ["| entries | what |", "|---|---|", *_layout_rows(layout), ""]
    lines += ["## Tasks", ""]
    for spec in specs:
        number = list(layouts).index(spec.observation) + 1
        lines += [
            f"### {spec.id}",
            "",
            spec.instruction,
            "",
            f"- **Reward**: {_plain(spec.reward)}",
            f"- **Start**: {_plain(spec.start)}",
            f"- **Observation**: [layout {number}](#observation-{number})",
            *([f"- **Success**: {_plain(spec.success)}"] if spec.success else []),
            f"- **Body**: {spec.embodiment}",
            "",
        ]
    return "\n".join(lines)


def _layouts(specs: Sequence[TaskSpec]) -> dict[Layout, list[str]]:
    """Return the tasks of every layout of an observation, in order."""
    layouts: dict[Layout, list[str]] = {}
    for spec in specs:
        layouts.setdefault(spec.observation, []).append(spec.id)
    return layouts


def _layout_rows(layout: Layout) -> list[str]:
    rows, first = [], 0
    for size, meaning in layout:
        place = str(first) if size == 1 else f"{first} to {first + size - 1}"
        rows.append(f"| {place} | {_cell(meaning)} |")
        first += size
    return rows


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Keep Markdown from reading an equation's signs as its own."""
    return text.replace("*", "\\*").replace("_", "\\_")


def _demonstrations_page() -> str:
    stats = task_stats(SHIPPED)
    num_good = sum(s.good >= DEFAULT_EPISODES for s in stats)
    num_tasks = len(SUITES["full"])
    mean = sum(s.mean_score for s in stats) / num_tasks
    clones = {clone.task: clone for clone in read_learnability(LEARNABILITY)}
    anew = {task: scores.mean() for task, scores in load_reference("expert").scores.items()}
    bests = ", ".join(f"`{name}` {best:g}" for name, best in BEST_RETURNS.items())
    lines = [
        "# Demonstrations that ship",
        "",
        f"{sum(s.episodes for s in stats)} episodes of {len(stats)} of the {num_tasks} training "
        f"tasks; {num_good} tasks have {DEFAULT_EPISODES} good ones. A good one ends in success "
        f"or, in tasks without a success, scores at least {MIN_GOOD_SCORE}; of tasks whose scores "
        f"cannot tell, it returns at least that share of the highest possible return ({bests}). "
        "The mean over the "
        f"{num_tasks} tasks of their mean scores is {mean:.3f}; a task without demonstrations "
        "counts 0.",
        "",
        "Labels say whether there is practice, with the actions of an expert. A clone is a small "
        "network of the task's own that has learned from both (`mmbench demos learnability --suite "
        "full`), and plays 3 episodes. Demonstrations are the best of many attempts; *anew* is "
        "what `--agent expert`, a script, plans or search, scores in the 10 episodes of the "
        "evaluation protocol (the reference `expert`).",
        "",
        "| tasks | number | demonstrations | anew | clones | clones that reach 0.9 of theirs |",
        "|---|---|---|---|---|---|",
    ]
    can_be_asked = [task for task in clones if can_be_labelled(get_task(task))]
    groups = {
        "all": clones,
        "with labels": [task for task in clones if clones[task].has_labels],
        "whose scripts can be asked in any state": can_be_asked,
        "of these, functions of the state alone": [
            task for task in can_be_asked if clock_rate(task) == 0
        ],
    }
    for name, group in groups.items():
        demo = np.array([clones[task].demo_score for task in group])
        clone = np.array([clones[task].clone_score for task in group])
        again = np.mean([anew[task] for task in group])
        lines.append(
            f"| {name} | {len(group)} | {demo.mean():.3f} | {again:.3f} | {clone.mean():.3f} "
            f"| {(clone >= 0.9 * demo).sum()} |"
        )
    lines += [
        "",
        "| task | episodes | good | mean score | lowest | mean return | expert | anew | labels "
        "| clone |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for s in stats:
        cloned = clones[s.task]
        lines.append(
            f"| `{s.task}` | {s.episodes} | {s.good} | {s.mean_score:.3f} | {s.min_score:.3f} "
            f"| {s.mean_return:.5g} | {', '.join(s.experts)} | {anew[s.task]:.3f} "
            f"| {'yes' if cloned.has_labels else 'no'} | {cloned.clone_score:.3f} |"
        )
    found = {s.task for s in stats}
    missing = [f"`{task}`" for task in SUITES["full"] if task not in found]
    if missing:
        lines += ["", f"No demonstrations: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def _row(spec: TaskSpec) -> str:
    mark = " (held out)" if spec.split == "heldout" else ""
    rule = spec.score
    score = (
        "success at the last step"
        if rule.kind == "success"
        else f"return, {rule.low:g} to {rule.high:g}"
    )
    return (
        f"| [`{spec.id}`](#{spec.id}){mark} | {spec.instruction} | {spec.obs_dim} "
        f"| {spec.action_dim} | {spec.max_episode_steps} | {spec.effective_discount:g} | {score} |"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
