"""Subtitles (SubRip and WebVTT) to prose: one line per cue, without its number, times, settings and markup."""

import html
import re
from collections.abc import Iterator

from rnnwords.text.formats.source import Source

_TIME = r"(?:\d+:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_MARKUP = re.compile(r"</?[a-zA-Z\d][^<>\n]*>|\{\\[^{}\n]*\}|\\[Nnh]")
_DASH = re.compile(r"[-\u2013\u2014>]")  # begins what another speaker says
ROLLING = 0.2  # share of cues that begin with the last lines of the one before, from which captions roll

Cue = list[str]  # its lines


def text_of_subtitles(source: Source) -> Iterator[str]:
    """Yield the lines of a file of subtitles. What rolling captions show twice is left out."""
    cues = list(_cues(source.lines()))
    repeated = sum(map(_overlap, cues, cues[1:])) if len(cues) > 1 else 0
    if repeated > max(1, ROLLING * len(cues)):
        cues = list(_unrolled(cues))
    for cue in cues:
        line = ""
        for part in cue:  # a line that is broken for the screen, unless somebody else begins to speak
            line += ("\n" if _DASH.match(part) else " ") * bool(line) + part
        if line:
            yield line + "\n"


def _cues(lines: Iterator[str]) -> Iterator[Cue]:
    """Yield the lines of each cue. Its number or name, if any, comes before its times, after a blank line."""
    cue: Cue | None = None  # None: in the header or a note
    held = ""  # a line after a blank one, which can be the number of the next cue
    blank = True
    for raw in lines:
        line = raw.strip().removeprefix("\ufeff")
        if _TIMES.fullmatch(line):
            if cue:
                yield cue
            cue, held = [], ""
        elif not line:
            pass
        elif blank and cue is not None and line.isdecimal():
            held = line
        elif blank and re.match(r"(?:NOTE|STYLE|REGION)\b", line):
            if cue:
                yield cue
            cue = None
        elif cue is not None:
            cue += [text for text in (_plain(held), _plain(line)) if text]
            held = ""
        blank = not line
    if cue:
        yield cue


def _plain(line: str) -> str:
    """Return a line without markup and with its character references decoded."""
    return " ".join(
        html.unescape(_MARKUP.sub(lambda tag: " " * tag[0].startswith("\\"), line)).replace("\0", "").split()
    )


def _overlap(before: Cue, cue: Cue) -> int:
    """Return how many lines at the end of a cue the next one repeats at its start."""
    return next((n for n in range(min(len(before), len(cue)), 0, -1) if before[-n:] == cue[:n]), 0)


def _unrolled(cues: list[Cue]) -> Iterator[Cue]:
    """Yield the new lines of each cue. A line that grows by words is yielded when it has all of them."""
    before: Cue = []
    last = ""
    for cue in cues:
        new = cue[_overlap(before, cue) :]
        before = cue
        for line in new:
            if last and not line.startswith(last):
                yield [last]
            last = line
    if last:
        yield [last]
