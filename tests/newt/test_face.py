"""What other packages use of Newt."""

import json
import subprocess
import sys

import pytest

import newt_agent
from newt_agent.checkpoint import SHIPPED_WEIGHTS, load_checkpoint

CODE = """
import json, sys
import newt_agent
before = sorted({"torch", "tyro"} & set(sys.modules))
print(json.dumps([before, [name for name in newt_agent.__all__ if not hasattr(newt_agent, name)]]))
"""


def test_the_face_is_loaded_when_it_is_used() -> None:
    answer = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True)
    assert json.loads(answer.stdout) == [[], []]


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'newt_agent' has no attribute 'Neut'"):
        _ = newt_agent.Neut


def test_what_ships_is_loaded_by_default() -> None:
    loaded, read = newt_agent.load(), load_checkpoint(SHIPPED_WEIGHTS)
    assert loaded.tasks == read.tasks
    assert loaded.plays == "policy"
    assert set(newt_agent.__dir__()) == set(newt_agent.__all__)
