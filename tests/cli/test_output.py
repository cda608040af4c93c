"""What commands print: tables for people and programs, progress on terminals and in files."""

import io

import pytest
from rich.console import Console

from mmbench.cli import output
from mmbench.cli.output import print_table, show_progress
from mmbench.progress import Progress
from mmbench.tables import Table

INSTRUCTION = "Hold the three-link arm's tip inside the big target ball."
TABLE = Table(
    ("task", "score", "95 % interval", "instruction"),
    (
        ("pygame-point-maze-var12", "0.1234", "[0.0600, 0.0846]", INSTRUCTION),
        ("mw-reach", "1.0000", "[1.0000, 1.0000]", INSTRUCTION),
    ),
)


def on_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> io.StringIO:
    """Make stdout and stderr a terminal of some width, and return what is written there."""
    stream = io.StringIO()

    def terminal(*, stderr: bool = False) -> Console:
        return Console(file=stream, force_terminal=True, width=width, color_system=None)

    monkeypatch.setattr(output, "Console", terminal)
    return stream


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_ids_and_numbers_are_not_broken_on_any_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = on_terminal(monkeypatch, width)
    print_table(TABLE, "results")
    text = stream.getvalue()
    for row in TABLE.rows:
        for cell in row[:3]:
            assert cell in text
    assert max(map(len, text.splitlines())) <= width


def test_a_pipe_gets_tabs_and_no_frame(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(Table(("a", "b"), (("x", "line\nend\x1b[31m"),)), "title")
    assert capsys.readouterr().out == "a\tb\nx\tline\\nend\\x1b[31m\n"


def test_what_looks_like_markup_is_printed_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = on_terminal(monkeypatch, 80)
    print_table(Table(("name",), (("[red]agent[/red]",),)), "title")
    assert "[red]agent[/red]" in stream.getvalue()


def test_progress_in_a_file_is_a_line_per_phase_and_none_without_progress(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with show_progress():
        pass
    assert capsys.readouterr().err == ""
    with show_progress() as on_progress:
        for done in range(4):
            on_progress(Progress("playing", done, 3, f"episode {done}"))
        on_progress(Progress("closing", 0))
    assert capsys.readouterr().err == (
        "playing, episode 0: 0/3\nplaying, episode 3: 3/3\nclosing: 0\n"
    )


def test_no_bar_is_left_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = on_terminal(monkeypatch, 80)
    with show_progress() as on_progress:
        on_progress(Progress("playing", 1, 3, "[x]"))
    assert "playing, [x]" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")  # the bar's line is erased
