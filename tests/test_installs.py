"""A wheel with some extras in an environment that has nothing else: what works, and what is told.

Every environment is a folder that holds the wheel and links to exactly the distributions which
its requirements ask for, taken from those installed here; Python runs in it without any other.
"""

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
RUN = "import sys; from mmbench.cli.main import main; sys.exit(main())"
Environment = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run([*command, "--wheel-dir", folder, ROOT], check=True)
    (built,) = folder.glob("mmbench-*.whl")
    return built


def required(distribution: str, extras: frozenset[str], found: set[str]) -> None:
    """Add the names of what a distribution with extras needs, and of what that needs."""
    for text in importlib.metadata.requires(distribution) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            continue
        name = canonicalize_name(requirement.name)
        if name == "mmbench":
            required("mmbench", frozenset(requirement.extras), found)
        elif name not in found:
            found.add(name)
            required(name, frozenset(requirement.extras), found)


def environment(folder: Path, wheel: Path, *extras: str) -> Environment:
    """Make an environment and return what runs commands of mmbench in it."""
    site = folder / "site"
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    subprocess.run([*install, "--target", site, wheel], check=True)
    names: set[str] = set()
    required("mmbench", frozenset(extras), names)
    for name in names:
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or ()} - {".."}:
            link = site / top
            if not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(top))))

    def run(*arguments: str, code: str = RUN) -> subprocess.CompletedProcess[str]:
        # -S: no site-packages of this Python; -I: nothing from the environment or the folder.
        start = f"import sys; sys.path.insert(0, {str(site)!r}); {code}"
        command = [sys.executable, "-I", "-S", "-c", start, *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    return environment(tmp_path_factory.mktemp("base"), wheel)


@pytest.fixture(scope="module")
def dmcontrol(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    return environment(tmp_path_factory.mktemp("dmcontrol"), wheel, "dmcontrol")


def test_the_base_is_really_bare(base: Environment) -> None:
    for package in ("torch", "pandas", "matplotlib", "mujoco", "PIL", "imageio", "pygame"):
        done = base(code=f"import {package}")
        assert f"No module named '{package}'" in done.stderr, package


def test_the_base_lists_commands_tasks_and_agents(base: Environment) -> None:
    for arguments in (("--help",), ("--version",), ("tasks",), ("agents",), ("demos", "stats")):
        done = base(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        assert done.stderr == ""
    assert "train newt" in base("--help").stdout


def test_every_command_has_help_or_names_its_extra(base: Environment) -> None:
    commands = importlib.metadata.entry_points(group="mmbench.commands")
    trainers = importlib.metadata.entry_points(group="mmbench.trainers")
    points = {point.name: point for point in commands}
    points |= {f"train {point.name}": point for point in trainers}
    listed = base("--help").stdout.partition("commands:\n")[2].splitlines()
    assert {re.split(" {2,}", line.strip())[0] for line in listed} == set(points)
    for name, point in points.items():
        done = base(*name.split(), "--help")
        if point.extras and done.returncode:
            assert done.returncode == 2
            assert done.stderr.endswith(f"pip install 'mmbench[{','.join(point.extras)}]'\n")
            assert done.stderr.count("\n") == 1
        else:
            assert done.returncode == 0, (name, done.stderr)


def test_the_base_plays_no_domain_and_says_which_extra_does(base: Environment) -> None:
    done = base("doctor")
    assert done.returncode == 1
    rows = [line.split("\t") for line in done.stdout.splitlines()[1:]]
    assert len(rows) == 10
    for row in rows:
        if row[0] != "miniarcade":  # its dynamics are numpy alone
            assert "cannot be imported" in row[1], row
            assert "pip install 'mmbench[" in row[5]


def test_the_base_plays_the_domain_that_needs_nothing(base: Environment, tmp_path: Path) -> None:
    out = str(tmp_path / "r")
    task = ("--tasks", "pygame-pong", "--episodes", "1", "--workers", "0")
    played = base("evaluate", "--agent", "zero", *task, "--out", out)
    assert played.returncode == 0, played.stderr
    reported = base("report", out)
    assert reported.returncode == 0, reported.stderr
    assert "pygame-pong" in reported.stdout
    for arguments, extra in (
        (("report", out, "--plot", str(tmp_path / "x.png")), "plots"),
        (("report", out, "--plot", str(tmp_path / "x.html")), "plots"),
        (("contact-sheet", str(tmp_path / "x.png")), "plots"),
        (("replay", out, "--video", str(tmp_path / "x.mp4")), "video"),
        (("demos", "export", "--tasks", "pygame-pong"), "minari"),
        (("evaluate", "--agent", "newt", *task, "--out", str(tmp_path / "n")), "training"),
        (("evaluate", "--tasks", "walker-run", "--out", str(tmp_path / "w")), "dmcontrol"),
        (("evaluate", "--tasks", "rd-push-red", "--out", str(tmp_path / "d")), "robodesk"),
        (("evaluate", "--tasks", "lunarlander-hover", "--out", str(tmp_path / "l")), "box2d"),
    ):
        done = base(*arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        last = done.stderr.splitlines()[-1]
        assert last.endswith(f"pip install 'mmbench[{extra}]'"), (arguments, last)


def test_one_extra_is_enough_for_its_domain(dmcontrol: Environment, tmp_path: Path) -> None:
    out = str(tmp_path / "r")
    task = ("--tasks", "pendulum-spin", "reacher-easy", "--episodes", "1", "--workers", "0")
    played = dmcontrol("evaluate", "--agent", "random", *task, "--out", out)
    assert played.returncode == 0, played.stderr
    verified = dmcontrol("replay", out, "--verify", "--workers", "0")
    assert verified.returncode == 0, verified.stderr
    doctor = dmcontrol("doctor").stdout.splitlines()[1:]
    works = [row.split("\t")[0] for row in doctor if row.split("\t")[1] == "works"]
    assert works == ["dmcontrol", "dmcontrol-ext", "miniarcade"]


def test_another_package_of_the_same_name_is_told(tmp_path: Path, wheel: Path) -> None:
    run = environment(tmp_path, wheel)
    other = tmp_path / "other" / "baselines"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("")
    code = f"sys.path.insert(0, {str(other.parent)!r}); {RUN.partition('; ')[2]}"
    done = run("evaluate", "--tasks", "pygame-pong", "--out", str(tmp_path / "r"), code=code)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "mmbench: agent 'random' lies in the package 'baselines', which another one of that name "
        f"hides ({other})"
    )
    info = tmp_path / "site" / "openai_baselines-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openai-baselines\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("baselines\n")
    told = "mmbench: the package 'baselines' is also in openai-baselines; uninstall that"
    assert told in run("doctor").stderr


def test_importing_mmbench_is_quick_and_light(base: Environment) -> None:
    code = (
        "import time; start = time.process_time(); import mmbench; "
        "print(time.process_time() - start); print(*sys.modules)"
    )
    for run in (base, here):
        seconds, modules = run(code=code).stdout.splitlines()
        assert float(seconds) < 1.0  # 0.2 on a quiet machine
        assert not set(modules.split()) & {"torch", "pandas", "matplotlib", "pyarrow", "mujoco"}


def test_help_is_quick_and_imports_no_command(base: Environment) -> None:
    code = (
        "import time; from mmbench.cli.main import main; start = time.process_time(); "
        "main(['--help']); print(time.process_time() - start, *sys.modules)"
    )
    for run in (base, here):
        seconds, *modules = run(code=code).stdout.splitlines()[-1].split()
        assert float(seconds) < 0.5
        assert not set(modules) & {"torch", "tyro", "rich", "newt_agent", "baselines"}


def here(*arguments: str, code: str = RUN) -> subprocess.CompletedProcess[str]:
    """Run in the environment of the tests, where everything is installed."""
    command = [sys.executable, "-c", f"import sys; {code}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)
