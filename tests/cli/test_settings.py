"""Options from files."""

import json
from pathlib import Path

import pytest

from mmbench.cli.main import USAGE, main
from mmbench.cli.settings import with_settings
from mmbench.errors import UsageError

EXPERIMENTS = Path(__file__).parents[2] / "newt_agent" / "experiments"
TOML = """
episodes = 3
tasks = ["walker-run", "hopper-hop"]
has_pictures = false

[long]
episodes = 50
video = true
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    return path


def test_options_of_a_file_stand_before_those_of_the_command_line(file: Path) -> None:
    expected = ["a", "b", "--episodes", "3", "--tasks", "walker-run", "hopper-hop"]
    expected += ["--no-has-pictures", "--out", "results"]
    for config in (["--config", str(file)], [f"--config={file}"]):
        assert with_settings(["a", "b", *config, "--out", "results"]) == expected


def test_the_command_line_counts_then_the_later_file(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"episodes": 4, "rate": 0.5}))
    arguments = ["--config", str(file), "--config", str(other), "--has-pictures", "--tasks", "x"]
    options = ["--episodes", "4", "--rate", "0.5"]
    assert with_settings(arguments) == [*options, "--has-pictures", "--tasks", "x"]


def test_a_table_is_an_experiment(file: Path) -> None:
    found = with_settings(["--config", f"{file}:long", "--no-has_pictures", "--tasks=x"])
    assert found == ["--episodes", "50", "--video", "--no-has_pictures", "--tasks=x"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", "x: 1", "a.yaml is no settings file; expected .json or .toml"),
        ("a.json", "[1]", "a.json holds a list, expected options by their names"),
        ("a.json", "{", "a.json cannot be read: Expecting property name"),
        ("a.toml", "x = ", "a.toml cannot be read: Invalid value"),
        ("a.json", '{"x": null}', "a.json: x is no value of an option; expected text, a number"),
        ("a.json", '{"x": [[1]]}', "a.json: x is no value of an option; expected text, a number"),
    ],
)
def test_files_that_cannot_be_used(
    name: str, content: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(content)
    with pytest.raises(UsageError, match=message):
        with_settings(["--config", name])


def test_what_is_not_there(file: Path) -> None:
    with pytest.raises(UsageError, match="--config needs a file, .json or .toml"):
        with_settings(["--out", "x", "--config"])
    with pytest.raises(UsageError, match="there is no settings file nowhere.toml"):
        with_settings(["--config", "nowhere.toml"])
    with pytest.raises(UsageError, match="has no experiment 'short'; there are long"):
        with_settings(["--config", f"{file}:short"])


def test_commands_read_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps({"domain": "robodesk", "json": True}))
    assert main(["tasks", "--config", str(file)]) == 0
    assert {task["domain"] for task in json.loads(capsys.readouterr().out)} == {"robodesk"}
    assert main(["tasks", "--config", str(file), "--domain", "atari"]) == 0
    assert {task["domain"] for task in json.loads(capsys.readouterr().out)} == {"atari"}
    file.write_text(json.dumps({"domian": "robodesk"}))
    with pytest.raises(SystemExit) as ended:
        main(["tasks", "--config", str(file)])
    assert ended.value.code == USAGE
    assert "--domian" in capsys.readouterr().err


def test_experiments_that_ship_are_settings_of_their_commands() -> None:
    import tyro

    from baselines.bc import TrainBC
    from mmbench.cli.evaluate import Evaluate
    from newt_agent.cli import TrainNewt

    def parsed(command: type, *config: str) -> object:
        words = [word for name in config for word in ("--config", str(EXPERIMENTS / name))]
        arguments = with_settings([*words, "--out", "x"])
        return tyro.cli(command, args=arguments, config=(tyro.conf.OmitArgPrefixes,))

    for run in ("pendulum-swingup", "cartpole-swingup", "reacher-easy", "finger-spin"):
        found = parsed(TrainNewt, f"single.toml:{run}")
        assert isinstance(found, TrainNewt)
        assert found.run_config.tasks == (run,)
        assert found.run_config.planner.num_samples == 64
        assert not found.run_config.normalise
    for run in ("language", "language-130k", "no-language"):
        found = parsed(TrainNewt, f"thirteen.toml:{run}")
        assert isinstance(found, TrainNewt)
        assert len(found.run_config.tasks) == 13
    for name in ("thirteen_bc.toml", "full.toml:clone", "full.toml:again"):
        assert isinstance(parsed(TrainBC, name), TrainBC)
    assert isinstance(parsed(Evaluate, "thirteen_play.toml"), Evaluate)
