"""What all tests share."""

import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def reference_stats() -> dict[str, Any]:
    """Returns and observation statistics of the original environments under random actions."""
    stats: dict[str, Any] = json.loads((DATA / "random_policy_stats.json").read_text())
    return stats
