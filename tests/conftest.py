"""What all tests share."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"

if "PYTEST_XDIST_WORKER" in os.environ:
    # Tests run on all cores already; threads of one that wait for those of another waste most time.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def reference_stats() -> dict[str, Any]:
    """Returns and observation statistics of the original environments under random actions."""
    stats: dict[str, Any] = json.loads((DATA / "random_policy_stats.json").read_text())
    return stats
