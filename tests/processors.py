"""What verification answers about honest episodes where libraries choose code for other processors.

    python -m tests.processors results/processors

records two episodes of random play of three tasks of every domain, takes two shipped
demonstrations of each, verifies them in one process per setting, and prints a Markdown table.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np

import mmbench
from mmbench import demos
from mmbench.episodes import Verdict, read_all, verify, write
from mmbench.registry import list_tasks

_KNOWN_TO_HAVE_DIFFERED = ("ms-ant-walk", "og-antball", "rd-push-red")
_NUM_EPISODES = 2
_VECTORS_OF_NUMPY = " ".join(
    np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])  # type: ignore[call-overload]
)
_OLD_BLAS = {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": _VECTORS_OF_NUMPY}
_OLD_LIBC = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX2,-FMA,-FMA4"}

SETTINGS: dict[str, dict[str, str]] = {
    "as recorded": {},
    "BLAS of Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "BLAS of Zen": {"OPENBLAS_CORETYPE": "Zen"},
    "BLAS of Nehalem, NumPy without AVX": _OLD_BLAS,
    "C library without AVX2 and FMA": _OLD_LIBC,
    "all of these older": {
        **_OLD_BLAS,
        **_OLD_LIBC,
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
    },
}
"""What the environment tells the libraries."""


def three_of_each_domain() -> list[str]:
    """Return tasks spread over every domain, first those whose bits once depended on the BLAS."""
    by_domain: dict[str, list[str]] = {}
    for spec in list_tasks(split="train"):
        by_domain.setdefault(spec.domain.name, []).append(spec.id)
    chosen = []
    for tasks in by_domain.values():
        known = [task for task in tasks if task in _KNOWN_TO_HAVE_DIFFERED]
        spread = [task for task in tasks[:: max(1, len(tasks) // 3)] if task not in known]
        chosen += [*known, *spread][:3]
    return chosen


def honest_episodes(out: Path) -> Path:
    """Record random play in `out`, add demonstrations, and return the log of both."""
    log = out / "honest.parquet"
    if not log.exists():
        tasks = three_of_each_domain()
        played = mmbench.evaluate(
            "random", tasks=tasks, episodes=_NUM_EPISODES, out=out / "random", workers=1
        )
        shown = [r for task in tasks for r in list(demos.shipped([task]))[:_NUM_EPISODES]]
        write([*played.episodes, *shown], log)
    return log


def answers(log: Path, setting: str) -> list[Verdict]:
    """Verify a log in a process of its own whose libraries are told a setting."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.processors", "--verify", str(log)],
        env={**os.environ, **SETTINGS[setting]},
        stdout=subprocess.PIPE,
        check=True,
    )
    # Simulators print as well; what we print is the last line.
    return [Verdict(**verdict) for verdict in json.loads(done.stdout.splitlines()[-1])]


def main(out: Path) -> None:
    """Print the table, and what was different below it."""
    out.mkdir(parents=True, exist_ok=True)
    log = honest_episodes(out)
    columns = ("libraries", "equal", "consistent", "different", "tasks that are not equal")
    print("|", " | ".join(columns), "|\n" + "|---" * len(columns) + "|")
    different: list[str] = []
    for setting in SETTINGS:
        found = answers(log, setting)
        counts = Counter(verdict.answer for verdict in found)
        tasks = sorted({verdict.task_id for verdict in found if verdict.answer != "equal"})
        cells = [setting, *(str(counts[name]) for name in ("equal", "consistent", "different"))]
        print("|", " | ".join([*cells, ", ".join(tasks)]), "|", flush=True)
        different += [f"{setting}: {v.reason}" for v in found if v.answer == "different"]
    print("\n" + "\n".join(different))


if __name__ == "__main__":
    if sys.argv[1] == "--verify":
        print(json.dumps([asdict(verdict) for verdict in verify(read_all(sys.argv[2]), workers=0)]))
    else:
        main(Path(sys.argv[1]))
