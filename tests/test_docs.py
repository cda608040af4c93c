"""What the README and the docs promise."""

import re
import shlex
import time
from pathlib import Path

import pytest

import mmbench
from mmbench.cli.main import commands, main

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def shell_lines(page: Path) -> list[str]:
    """Return the commands of a page's shell blocks, long lines joined."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("mmbench ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_exists(page: Path) -> None:
    names = commands()
    for line in shell_lines(page):
        words = shlex.split(line, comments=True)[1:]
        assert " ".join(words[:2]) in names or words[0] in names, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_readme_opens_with_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    first_block = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert first_block is not None
    assert [line.split("#")[0].strip() for line in first_block[1].splitlines()] == [
        "make quickstart",
        "make test",
    ]


def test_the_readmes_table_of_domains_is_the_registry() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \| (\d*) *\|", PAGES[0].read_text(), re.MULTILINE)
    splits = [(spec.domain.name, spec.split) for spec in mmbench.tasks()]
    assert {name: (int(train), int(held or 0)) for name, train, held in rows} == {
        name: (splits.count((name, "train")), splits.count((name, "heldout")))
        for name, _ in dict.fromkeys(splits)
    }


def test_the_readmes_demonstrations_are_made_within_a_minute(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = (line for line in shell_lines(PAGES[0]) if line.startswith("mmbench demos generate"))
    words = shlex.split(line, comments=True)[1:]
    words[words.index("--out") + 1] = str(tmp_path / "demos")
    started = time.monotonic()
    assert main(words) == 0
    assert time.monotonic() - started < 60


def test_the_names_of_the_package_are_the_public_ones() -> None:
    assert set(dir(mmbench)) == {*mmbench.__all__, "__version__"}
    for name in mmbench.__all__:
        assert getattr(mmbench, name) is not None
