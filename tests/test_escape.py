"""Text from outside does nothing where it is written to."""

import csv
import io
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.escape import csv_cell, latex, markdown, mathtext, printable
from mmbench.tables import Table, render

NASTY = (
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "+1+1",
    "-2+3",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    r"\input{/etc/passwd}",
    r"\immediate\write18{id}",
    r"$\frac{$",
    "a|b\n| c |",
    "\x1b[2J\x1b]0;title\x07",
    "\u202egnp.exe",
    "[bold red]x[/]",
)


@pytest.mark.parametrize("text", NASTY)
def test_nothing_survives_in_a_table(text: str) -> None:
    table = Table(("name", text), ((text, "0.5"),))
    (header, row) = csv.reader(io.StringIO(render(table, "csv")))
    assert len(header) == len(row) == 2
    assert row[1] == "0.5"
    assert not row[0].startswith(("=", "@", "+", "-"))
    lines = render(table, "markdown").splitlines()
    assert len(lines) == 3
    assert "<" not in lines[2]
    assert all(
        before in "\\ " for before, c in zip(lines[2], lines[2][1:], strict=False) if c in "[]$|"
    )
    for style in ("csv", "markdown", "latex"):
        assert "\x1b" not in render(table, style)  # type: ignore[arg-type]
        assert "\u202e" not in render(table, style)  # type: ignore[arg-type]
    assert r"\input" not in render(table, "latex")
    assert r"\immediate" not in render(table, "latex")


@pytest.mark.parametrize("text", ["-0.5", "+1", "1e-3", "-1.5e+10", ".5", "12%", "walker-run"])
def test_numbers_and_ids_stay_as_they_are(text: str) -> None:
    assert csv_cell(text) == printable(text) == text
    assert markdown(text) == latex(text).replace("\\%", "%") == text


@given(st.text())
def test_every_text_is_harmless(text: str) -> None:
    assert printable(text).isprintable()
    assert not markdown(text).startswith(("#", "|", "`", "*", "<"))
    assert latex(text).count("{") - latex(text).count("\\{") == latex(text).count("}") - latex(
        text
    ).count("\\}")

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            raise AssertionError(tag)

    Tags().feed(markdown(text))


def test_plots_find_no_formula() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.suptitle(mathtext(r"$\frac{$ and \alpha"))
    figure.draw_without_rendering()
