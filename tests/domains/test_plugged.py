"""A domain of another package, installed as a stranger would."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

import mmbench as library
from mmbench import registry
from mmbench.errors import LanguageError
from mmbench.language.embeddings import embedding_dim, task_embeddings

PACKAGE = Path(__file__).parents[1] / "data" / "toy_domain"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run([*pip, "--target", str(target), str(PACKAGE)], check=True)
    return target


def python(site: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "left out" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("first", ["mmbench", "toy_domain", "toy_domain.tasks"])
def test_it_is_there_whatever_is_imported_first(site: Path, first: str) -> None:
    code = (
        f"import {first}, mmbench, gymnasium\n"
        "print(len(mmbench.tasks()), mmbench.task('bead-left').domain.name)\n"
        "suites = mmbench.SUITES\n"
        "print(suites['toy'], len(suites['full']), len(suites['heldout']))\n"
        "print(gymnasium.make('mmbench/bead-left').reset(seed=0)[0].shape)"
    )
    assert python(site, "-c", code).splitlines() == [
        "237 toy",
        "('bead-left', 'bead-right') 200 34",
        "(2,)",
    ]


def test_it_keeps_the_contract_of_every_environment(site: Path) -> None:
    code = (
        "from gymnasium.utils.env_checker import check_env\n"
        "import mmbench, numpy as np, warnings\n"
        "from tests.rollouts import digest, made\n"
        "warnings.simplefilter('ignore')\n"
        "for spec in mmbench.tasks(domain='toy'):\n"
        "    with made(spec.id) as env, made(spec.id) as other:\n"
        "        check_env(env, skip_render_check=True, skip_close_check=True)\n"
        "        assert digest(env) == digest(other)\n"
        "print('kept')"
    )
    assert python(site, "-c", code) == "kept\n"


def test_it_is_evaluated_verified_and_reported(site: Path, tmp_path: Path) -> None:
    result = str(tmp_path / "result")
    mmbench = ("-m", "mmbench")
    python(site, *mmbench, "evaluate", "--agent", "random", "--suite", "toy", "--out", result)
    verified = json.loads(python(site, *mmbench, "verify", result, "--all", "--json"))
    assert verified["equal"] == 20
    assert verified["problems"] == []
    (reported,) = json.loads(python(site, *mmbench, "report", result, "--json"))
    assert 0 < reported["score"] < 1
    assert "1 - |place - target|" in python(site, *mmbench, "tasks", "bead-left")


def broken(monkeypatch: pytest.MonkeyPatch, **attributes: object) -> str:
    """Plug in a module with these attributes and return the warning."""
    module = ModuleType("a_plugged_domain")
    vars(module).update({"TASKS": (), **attributes})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    point = EntryPoint("mine", module.__name__, "mmbench.domains")
    monkeypatch.setitem(registry._waiting, "mine", point)
    with pytest.warns(UserWarning, match="left out") as warned:
        assert len(library.tasks()) == 234
    assert len(library.tasks()) == 234  # and it is told once
    return str(warned[0].message)


def test_one_that_is_no_domain_is_left_out_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken(monkeypatch) == (
        "domain 'mine' is left out: a_plugged_domain has no DOMAIN, or no TASKS"
    )


def test_one_cannot_take_the_place_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    known = registry.get_domain("box2d")
    told = broken(monkeypatch, DOMAIN=known, TASKS=library.tasks(domain="box2d"))
    assert told == "domain 'mine' is left out: there is a domain or suite 'box2d' already"


def test_codes_of_tasks_do_not_change_with_what_is_installed(site: Path) -> None:
    code = (
        "from mmbench.language.embeddings import embedding_dim, task_embeddings\n"
        "vectors = task_embeddings(['walker-stand', 'atari-yars-revenge'], 'task-index')\n"
        "print(embedding_dim('task-index'), vectors.argmax(1).tolist())"
    )
    last = task_embeddings(["walker-stand", "atari-yars-revenge"], "task-index").argmax(1)
    assert python(site, "-c", code) == f"{embedding_dim('task-index')} {last.tolist()}\n"
    code = (
        "from mmbench.language.embeddings import task_embeddings\n"
        "try:\n    task_embeddings(['bead-left'], 'task-index')\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    assert python(site, "-c", code) == (
        f"{LanguageError.__name__} task 'bead-left' has no index; give another encoder\n"
    )
