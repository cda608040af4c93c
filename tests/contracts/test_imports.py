"""Imports point one way."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imported_modules(file: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return modules


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def test_the_benchmark_imports_no_agent() -> None:
    for file in files("mmbench"):
        roots = {module.partition(".")[0] for module in imported_modules(file)}
        assert not roots & {"newt_agent", "baselines", "leaderboard"}, file


def test_what_learners_need_is_imported_by_learners_only() -> None:
    for file in files("mmbench"):
        if "training" not in file.relative_to(ROOT / "mmbench").parts:
            assert not [m for m in imported_modules(file) if m.startswith("mmbench.training")], file


def test_agents_do_not_import_each_other() -> None:
    for package, allowed in (
        ("newt_agent", {"newt_agent"}),
        ("baselines", {"baselines", "newt_agent"}),
        ("leaderboard", {"leaderboard"}),
    ):
        for file in files(package):
            roots = {module.partition(".")[0] for module in imported_modules(file)}
            assert not roots & ({"newt_agent", "baselines", "leaderboard"} - allowed), file
    for file in files("baselines"):
        if file.name not in ("bc.py", "tdmpc2.py"):
            assert not [m for m in imported_modules(file) if m.startswith("newt_agent")], file


def test_domains_do_not_import_each_other() -> None:
    for file in files("mmbench/domains"):
        own = file.relative_to(ROOT / "mmbench/domains").parts[0]
        for module in imported_modules(file):
            if module.startswith("mmbench.domains."):
                assert module.split(".")[2] == own, file


@pytest.mark.parametrize(
    ("simulator", "allowed"),
    [
        ("metaworld", {"metaworld", "metaworld.py"}),  # the second is its expert
        ("mani_skill", {"maniskill"}),
        ("sapien", {"maniskill"}),
        ("ale_py", {"atari"}),
        ("dm_control", {"dmcontrol", "dmcontrol_ext", "mujoco_support"}),
        ("pygame", {"box2d", "miniarcade", "cli"}),
    ],
)
def test_a_simulator_is_imported_in_its_own_folder_only(simulator: str, allowed: set[str]) -> None:
    for file in files("mmbench"):
        if {module.partition(".")[0] for module in imported_modules(file)} & {simulator}:
            assert set(file.relative_to(ROOT / "mmbench").parts) & allowed, file


def test_the_dynamics_of_miniarcade_need_numpy_alone() -> None:
    for file in files("mmbench/domains/miniarcade/games"):
        for module in imported_modules(file):
            root = module.partition(".")[0]
            own = module.startswith("mmbench.domains.miniarcade.games")
            assert own or root in {"abc", "collections", "dataclasses", "math", "numpy", "typing"}


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_when_loaded(file: Path, modules: set[str]) -> set[str]:
    """Return the modules of ours that a module's own import needs, not those of its functions."""
    found: set[str] = set()
    nodes: list[ast.stmt] = list(ast.parse(file.read_text()).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & modules
            found |= inner or {node.module}
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            nodes += [*node.body, *node.orelse]
        elif isinstance(node, ast.Try | ast.With):
            nodes += node.body
    return found & modules


def test_imports_have_no_circle() -> None:
    packages = ("mmbench", "newt_agent", "baselines", "leaderboard")
    of_module = {module_name(file): file for package in packages for file in files(package)}
    left = {
        name: imported_when_loaded(file, set(of_module)) - {name}
        for name, file in of_module.items()
    }
    while free := {name for name, needs in left.items() if not needs & left.keys()}:
        left = {name: needs for name, needs in left.items() if name not in free}
    assert left == {}, "these, or what they import, form a circle"


def test_only_commands_use_what_prints_for_people() -> None:
    for file in files("mmbench"):
        if "cli" not in file.relative_to(ROOT).parts and file.name != "__main__.py":
            for module in imported_modules(file):
                assert not module.startswith(("mmbench.cli", "rich", "tyro")), file
