"""Positions and edits, compared with a simple model: the text as one array of code units."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.server.documents import Document, lines_of_document
from rnnwords.server.messages import ResponseError
from rnnwords.server.positions import UNITS, Position, index_of, negotiated, units_of

TEXTS = st.text(st.sampled_from("ab \r\n\u00e9\u20ac\U0001f600\u0301\u2028\x85\ud83d\t"), max_size=30)
ENCODINGS = st.sampled_from(sorted(UNITS))
CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}  # name, bytes per unit
PLACES = st.tuples(st.integers(0, 12), st.integers(0, 12))


def encoded_size(text: str, encoding: str) -> int:
    codec, width = CODECS[encoding]
    return len(text.encode(codec, "surrogatepass")) // width


def offset_of(text: str, place: tuple[int, int], encoding: str) -> int:
    """Return the index in a text of a position: the slow and simple way."""
    line, character = place
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\n|\r", text))]
    if line >= len(starts):
        return len(text)
    start = starts[line]
    end = start + len(re.split(r"[\r\n]", text[start:], maxsplit=1)[0])
    return max(at for at in range(start, end + 1) if encoded_size(text[start:at], encoding) <= character)


@given(TEXTS, ENCODINGS)
def test_code_units_are_those_of_the_encoding(text: str, encoding: str) -> None:
    assert units_of(text, encoding) == sum(encoded_size(character, encoding) for character in text)


@given(TEXTS.map(lambda text: re.sub(r"[\r\n]", "", text)), st.integers(0, 60), ENCODINGS)
def test_a_position_within_a_character_is_its_start_and_one_after_the_line_its_end(
    line: str, character: int, encoding: str
) -> None:
    index = index_of(line, character, encoding)
    assert units_of(line[:index], encoding) <= character
    assert index == len(line) or units_of(line[: index + 1], encoding) > character


@given(TEXTS)
def test_lines_are_the_text_and_end_only_at_the_line_ends_of_the_protocol(text: str) -> None:
    lines = lines_of_document(text)
    assert "".join(lines) == text
    assert all(re.fullmatch(r"[^\r\n]*(\r\n|\r|\n)", line) for line in lines[:-1])
    assert re.fullmatch(r"[^\r\n]*", lines[-1])


@given(TEXTS, st.lists(st.tuples(PLACES, PLACES, TEXTS), max_size=6), ENCODINGS)
def test_incremental_changes_equal_those_of_one_string(
    text: str, edits: list[tuple[tuple[int, int], tuple[int, int], str]], encoding: str
) -> None:
    document = Document(text)
    for start, end, new in edits:
        begin, finish = sorted(offset_of(text, place, encoding) for place in (start, end))
        text = text[:begin] + new + text[finish:]
        change = {"range": {"start": position(start), "end": position(end)}, "text": new}
        document.change([change], encoding)
        assert document.lines == lines_of_document(text)


@given(TEXTS, st.lists(st.tuples(PLACES, PLACES, TEXTS, st.integers(0, 12), st.integers(0, 40)), max_size=8))
def test_the_lines_before_a_line_are_counted_through_all_changes(
    text: str, edits: list[tuple[tuple[int, int], tuple[int, int], str, int, int]]
) -> None:
    document = Document(text)
    for start, end, new, line, size in edits:
        if size == 40:
            document.change([{"text": new}], "utf-16")
        else:
            document.change([{"range": {"start": position(start), "end": position(end)}, "text": new}], "utf-16")
        line = min(line, len(document.lines) - 1)
        parts, preceding = document.before(line, size)
        assert parts == document.lines[len(document.lines[:line]) - len(parts) : line]
        assert preceding == len("".join(document.lines[: line - len(parts)]))
        assert len("".join(parts)) >= size or not preceding
        assert len("".join(parts[1:])) < max(1, size)


def position(place: tuple[int, int]) -> dict[str, int]:
    return {"line": place[0], "character": place[1]}


def test_changes_of_one_message_are_applied_in_order_and_a_text_alone_replaces_all() -> None:
    document = Document("one\ntwo")
    start = {"start": position((0, 0)), "end": position((0, 0))}
    document.change([{"text": "a\nb"}, {"text": "x", "range": start}, {"text": "y", "range": start}], "utf-16")
    assert document.text == "yxa\nb"
    document.change([{"text": "all", "range": None}], "utf-16")
    assert document.text == "all"


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (None, "utf-16"), ([], "utf-16"), (["utf-7", 3, None], "utf-16"), (["utf-8", "utf-16"], "utf-8"),
        (["utf-16", "utf-8"], "utf-16"), (["x", "utf-32"], "utf-32"), ("utf-8", "utf-16"),
    ],
)  # fmt: skip
def test_the_first_supported_encoding_of_the_editor_is_used(offered: object, expected: str) -> None:
    assert negotiated(offered) == expected


@pytest.mark.parametrize(
    "value", [None, [], {"line": 0}, {"line": "0", "character": 0}, {"line": True, "character": 0},
              {"line": -1, "character": 0}, {"line": 0, "character": 0.5}],
)  # fmt: skip
def test_an_invalid_position_is_refused(value: object) -> None:
    with pytest.raises(ResponseError) as error:
        Position.of({"position": value})
    assert error.value.code == -32602
