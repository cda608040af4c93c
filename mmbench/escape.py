"""Text from outside, made harmless for what it is written to. HTML has `html.escape`."""

import re

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?%?", re.IGNORECASE)
_MARKDOWN = str.maketrans(
    {c: f"\\{c}" for c in r"\`*{}[]()#|!~$"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
)
_LATEX = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}"}
    | {"[": "{[}", "]": "{]}"}
)


def printable(text: str) -> str:
    """Return text whose control characters (line ends, tabs, terminal codes) are spelled out.

    So are characters that are not shown or that turn the direction of the text.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def csv_cell(text: str) -> str:
    """Return text that a spreadsheet does not take for a formula: an apostrophe stands before it.

    Source: OWASP, "CSV Injection".
    """
    is_formula = text.startswith(_FORMULA) and not _NUMBER.fullmatch(text)
    return f"'{printable(text)}" if is_formula else printable(text)


def markdown(text: str) -> str:
    """Return text without a meaning in Markdown (CommonMark and its tables), or in HTML."""
    return printable(text).translate(_MARKDOWN)


def latex(text: str) -> str:
    """Return text without a meaning in LaTeX."""
    return printable(text).translate(_LATEX)


def mathtext(text: str) -> str:
    """Return text in which matplotlib finds no formulas."""
    return printable(text).replace("\\", "\\\\").replace("$", r"\$")
