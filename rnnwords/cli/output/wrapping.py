"""Wrapping of text at the edge of a terminal: between words, and never before a closing mark."""

import re
import unicodedata

from rnnwords.cli.output.terminal import cell_count

TAB = 4  # columns
_CLOSING = ("Pe", "Pf")  # categories of closing brackets and quotation marks
_MARKS = frozenset(".,;:!?%\u2026\u3001\u3002\uff0c\uff01\uff1f\uff1b\uff1a'\"\u2019\u201d\u00bb\u203a")
# Texts of these characters alone have one column per character.
_NARROW = re.compile("[\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u0557\u2010-\u2027\u2030-\u205e\ufffd]*")
_SPACES = re.compile("[ \t]*")


def width_of(text: str) -> int:
    """Return how many columns a text occupies, where a tab has four."""
    return cell_count(text) + (TAB - 1) * text.count("\t")


def row_starts(text: str, width: int, known: tuple[int, ...] = (0,)) -> tuple[int, ...]:
    """Return where each row of a line of text starts. Spaces at the end of a row may extend over the width.

    The first rows may be known, from a text with the same beginning.

    >>> row_starts("they had a council.", 8)
    (0, 9)
    """
    if len(text) <= width and _NARROW.fullmatch(text):
        return (0,)
    fits = _narrow_fit if _NARROW.fullmatch(text) else _fit
    starts = [*known]
    while (end := fits(text, starts[-1], width)) < len(text):
        starts.append(_break(text, starts[-1], end))
        if starts[-1] >= len(text):
            starts.pop()
            break
    return tuple(starts)


def _narrow_fit(text: str, start: int, width: int) -> int:
    return start + width


def _fit(text: str, start: int, width: int) -> int:
    """Return the end of the longest part from `start` that fits in `width` columns, of one character at least."""
    used = 0
    for place in range(start, len(text)):
        used += width_of(text[place])
        if used > width and place > start:
            return place
    return len(text)


def _break(text: str, start: int, end: int) -> int:
    """Return where the next row starts, if the one from `start` has room up to `end`: at the last word that fits."""
    spaces = _SPACES.match(text, end)
    if spaces and spaces.end() > end:  # the spaces stay on the row
        return spaces.end()
    at = max(text.rfind(" ", start, end), text.rfind("\t", start, end))
    if at >= start and text[start:at].strip(" \t"):
        return at + 1
    place = end
    while place > start and is_joined(text[place]):
        place -= 1
    return place if place > start else end


def is_joined(character: str) -> bool:
    """Return whether no row starts with this character: a closing mark, or one without a column of its own."""
    return character in _MARKS or unicodedata.category(character) in _CLOSING or not cell_count(character)
