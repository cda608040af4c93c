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
