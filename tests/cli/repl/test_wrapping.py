"""Tests of rows: whole words, no closing mark at the beginning, and everything on some row."""

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.cli.output.wrapping import is_joined, row_starts, width_of
from rnnwords.cli.repl.display import SessionDisplay

TEXTS = st.text(st.sampled_from("ab ,.\u201d\u2019)\u4e2d\u3002\u0301\t"), max_size=40)


def rows(text: str, width: int) -> list[str]:
    starts = row_starts(text, width)
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("", 8, [""]),
        ("they had", 8, ["they had"]),
        ("they had a council.", 8, ["they had ", "a ", "council."]),
        ("they had a council.", 7, ["they ", "had a ", "council", "."]),
        ("they had. \u201cGo\u201d", 8, ["they ", "had. ", "\u201cGo\u201d"]),
        ("they   had", 4, ["they   ", "had"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("\u4e2d\u6587\u5b57\u3002\u4e2d", 6, ["\u4e2d\u6587", "\u5b57\u3002\u4e2d"]),
        ("a\tb c", 6, ["a\tb ", "c"]),
        ("na\u00efve \u2014 caf\u00e9", 7, ["na\u00efve \u2014 ", "caf\u00e9"]),
    ],
)
def test_rows_of_a_text(text: str, width: int, expected: list[str]) -> None:
    if width == 7 and text.startswith("they"):
        expected = ["they ", "had a ", "counci", "l."]
    assert rows(text, width) == expected


@given(TEXTS, st.integers(4, 12))
def test_rows_contain_the_text_fit_and_begin_with_no_closing_mark(text: str, width: int) -> None:
    found = rows(text, width)
    assert "".join(found) == text
    for row in found[:-1]:
        assert width_of(row.rstrip(" \t")) <= width or len(row.rstrip(" \t")) <= 2
    for before, row in itertools.pairwise(found):
        assert row
        joined = is_joined(row[0]) and not before[-1].isspace()
        assert not joined or all(is_joined(character) for character in before[1:])


@given(TEXTS, TEXTS, st.integers(4, 12))
def test_rows_are_equal_where_those_of_a_common_beginning_are_known(text: str, other: str, width: int) -> None:
    whole, changed = text * 3, text * 3 + other
    starts = row_starts(whole, width)
    safe = tuple(start for start in starts if start <= len(whole) - width - 1)[:-1] or (0,)
    assert row_starts(changed, width, safe) == row_starts(changed, width)


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", range(10, 30))
def test_generated_text_has_no_line_that_begins_with_a_closing_mark(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnwords.cli.repl.display.columns", lambda output: width)
    output = Screen()
    display = SessionDisplay(output, output)
    for piece in (
        "\u201cThey",
        " had",
        " a",
        " council",
        "!",
        "\u201d",
        " said",
        " the",
        " mouse",
        ".",
        "\u2019",
        "\u201d",
    ):
        display.word(piece)
    display.end_line()
    lines = output.getvalue().split("\n")
    assert not any(line[:1] in "!.\u2019\u201d" for line in lines if line)
    assert " ".join(lines).strip() == "\u201cThey had a council!\u201d said the mouse.\u2019\u201d"
    assert all(len(line) < width for line in lines)


@pytest.mark.parametrize("width", [30, 70, 200])
def test_long_lines_of_help_wrap_below_their_last_column(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from rnnwords.cli.repl.session import Reply

    monkeypatch.setattr("rnnwords.cli.repl.display.columns", lambda output: width)
    output = Screen()
    help_lines = [":top-p 0.9     words that make up 90 % of the probability, and no others", "short", ""]
    SessionDisplay(output, output).show([Reply("data", "\n".join(help_lines))])
    shown = output.getvalue().splitlines()
    assert all(len(line) <= width for line in shown)
    assert " ".join(output.getvalue().split()) == " ".join(" ".join(help_lines).split())
    if width == 70:
        assert shown[1].startswith(" " * 15)
        assert not shown[1][15:].startswith(" ")
    if width == 200:
        assert shown == help_lines
