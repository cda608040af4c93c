"""The comparison on five tasks: its settings are those of the commands that it runs."""

import re
from pathlib import Path

import pytest
import tyro

import mmbench
from mmbench.cli.evaluate import Evaluate
from mmbench.cli.main import commands
from mmbench.cli.settings import with_settings
from mmbench.plugins import load_plugin

ROOT = Path(__file__).parents[2]


def compared() -> list[str]:
    found = re.search(r"^BASELINES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    return found[1].split()


@pytest.mark.parametrize("agent", compared())
def test_every_agent_is_trained_on_the_same_tasks(agent: str) -> None:
    arguments = with_settings(["--config", f"{ROOT}/baselines/five.toml:{agent}", "--out", "x"])
    command = load_plugin(commands()[f"train {agent}"], "command")
    train = tyro.cli(command, args=arguments, config=(tyro.conf.OmitArgPrefixes,))
    arguments = with_settings(["--config", f"{ROOT}/baselines/five_play.toml", "--out", "x"])
    play = tyro.cli(Evaluate, args=arguments)
    assert train.run_config.tasks == play.tasks
    assert len({mmbench.task(name).domain.name for name in play.tasks}) == 5
