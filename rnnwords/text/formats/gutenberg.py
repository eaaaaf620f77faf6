"""Header and licence of Project Gutenberg: their places in a text.

Since 1994 the files have had lines that begin and end the book, in several forms. A text may contain several books.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

HEADER = 1_000  # lines before the start of a book in which its header can begin; the longest known have 350
LICENCE = 1_000  # lines after the end of a book; the longest known have 400
_HINTS = (b"GUTENBERG", b"Gutenberg", b"SMALL PRINT")
_LINE = re.compile(
    rb"^[ \t]*(?:"
    rb"(?P<start>\*{1,3}[ \t]*START[ \t]+OF[ \t]+(?:TH(?:E|IS)[ \t]+)?PROJECT[ \t]+GUTENBERG"
    rb"|\*[ \t]*END[ \t]*\*?[ \t]*THE[ \t]+SMALL[ \t]+PRINT)"
    rb"|(?P<end>\*{1,3}[ \t]*END[ \t]+OF[ \t]+(?:TH(?:E|IS)[ \t]+)?PROJECT[ \t]+GUTENBERG)"
    rb"|(?P<last>End[ \t]+of[ \t]+(?:(?:The|This)[ \t]+)?Project[ \t]+Gutenberg)"
    rb"|(?P<mention>.*?Project[ \t]+Gutenberg)"
    rb")[^\n]*",
    re.IGNORECASE | re.MULTILINE,
)
_LICENCE_END = re.compile(rb"newsletter\s+to\s+hear\s+about\s+new\s+ebooks", re.IGNORECASE)
_LIMITS = ("start", "end of the text")
_STARS = 3  # more lines over which a title in a marker can extend


class Marker(NamedTuple):
    """A line that shows where a part of the text begins or ends. Lines are counted from 0."""

    kind: str  # start, end, last, mention, or licence (its last line)
    first: int
    stop: int  # after its last line


def markers(blocks: Iterable[bytes]) -> Iterator[Marker]:
    """Yield the markers in a text that comes in blocks of whole lines. Blocks without the name are not searched."""
    line = 0
    for data in blocks:
        if any(hint in data for hint in _HINTS):
            yield from sorted([*_markers(data, line), *_licence_ends(data, line)], key=lambda marker: marker.first)
        line += data.count(b"\n")
    yield Marker("end of the text", line, line)


def _markers(data: bytes, line: int) -> Iterator[Marker]:
    at = 0
    for found in _LINE.finditer(data):
        line, at = line + data.count(b"\n", at, found.start()), found.start()
        kind = found.lastgroup or ""
        extra = 0
        if kind in ("start", "end") and not found[0].rstrip().endswith(b"*"):  # a long title is continued
            rest = data[found.end() + 1 : found.end() + 1_000].split(b"\n\n")[0].split(b"\n")[:_STARS]
            extra = next((number for number, one in enumerate(rest, 1) if one.rstrip().endswith(b"***")), 0)
        yield Marker(kind, line, line + 1 + extra)


def _licence_ends(data: bytes, line: int) -> Iterator[Marker]:
    for found in _LICENCE_END.finditer(data):
        last = line + data.count(b"\n", 0, found.end())
        yield Marker("licence", last, last + 1)


def boilerplate(found: Sequence[Marker]) -> list[range]:
    """Return the lines, counted from 0, of the headers and licences around the books.

    A header begins with the first line that names the project. A licence ends with its last line; where that is
    missing, before the next book, at the end of the text, or after LICENCE lines.
    """
    spans: list[range] = []
    at = 0  # the line up to which the text is divided
    in_book = False
    for number, marker in enumerate(found):
        if marker.first < at:
            continue
        if marker.kind == "start":
            earliest = max(at, marker.first - HEADER)
            begin = next((one.first for one in found[:number] if one.first >= earliest), marker.first)
            spans.append(range(begin, marker.stop))
            at, in_book = marker.stop, True
        elif marker.kind == "end" or (marker.kind == "last" and in_book):
            following = found[number + 1 :]
            limit = min(marker.stop + LICENCE, next(one.first for one in following if one.kind in _LIMITS))
            ends = [one.stop for one in following if one.kind == "licence" and one.first < limit]
            spans.append(range(marker.first, ends[-1] if ends else limit))
            at, in_book = spans[-1].stop, False
    return spans


def without_lines(data: bytes, line: int, spans: Sequence[range]) -> Iterator[tuple[int, bytes]]:
    """Yield the parts of a block outside the spans, each with its first line; the block begins at `line`, from 0."""
    lines = data.split(b"\n")
    last = line + len(lines) - (not lines[-1])  # after the last line
    begin = line
    for span in (*spans, range(last, last)):
        stop = min(max(begin, span.start), last)
        if stop > begin:
            ends = b"" if stop == last and lines[-1] else b"\n"
            yield begin, b"\n".join(lines[begin - line : stop - line]) + ends
        begin = min(max(begin, span.stop), last)
