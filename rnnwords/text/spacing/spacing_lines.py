"""Learned spacing as lines of text, in vocabulary files and model files.

A line has its kind, names and numbers, separated by tabs:

    gap          names on the left and the right, spaced gaps, joined gaps
    weight       feature of a gap, weight
    quotation    mark, role of the mark before, opening marks, closing marks
    opening      feature of a quotation mark, weight
    frequent     word, bits of its count
"""

import math
from collections.abc import Iterable

from rnnwords.config import shown
from rnnwords.errors import ModelError
from rnnwords.text.spacing.learned import Spacing
from rnnwords.text.spacing.quotation import CLOSING, OPENING, Quotation

MAX_LINES = 100_000
MAX_LINE = 1_000  # characters; names with longer tokens are left out
MAX_COUNT = 10**15
MAX_WEIGHT = 1_000.0


def spacing_lines(spacing: Spacing) -> list[str]:
    """Return the lines, without their ends."""
    quotation = spacing.quotation
    lines = [f"gap\t{left}\t{right}\t{spaced}\t{joined}" for (left, right), (spaced, joined) in spacing.counts.items()]
    lines += [f"weight\t{name}\t{weight}" for name, weight in spacing.weights.items()]
    lines += [f"quotation\t{mark}\t{role}\t{one}\t{other}" for (mark, role), (one, other) in quotation.counts.items()]
    lines += [f"opening\t{name}\t{weight}" for name, weight in quotation.weights.items()]
    lines += [f"frequent\t{word}\t{bits}" for word, bits in spacing.frequencies.items()]
    return [line for line in lines if len(line) <= MAX_LINE]


def read_spacing(lines: Iterable[str]) -> Spacing | None:
    """Return the spacing of such lines; None for no line. Raises ModelError for an invalid line."""
    gaps: dict[tuple[str, str], tuple[int, int]] = {}
    marks: dict[tuple[str, str], tuple[int, int]] = {}
    frequencies: dict[str, int] = {}
    weights: dict[str, dict[str, float]] = {"weight": {}, "opening": {}}
    number = 0
    for number, line in enumerate(lines, start=1):
        if number > MAX_LINES or len(line) > MAX_LINE:
            raise ModelError(f"expected at most {MAX_LINES:,} lines of spacing of at most {MAX_LINE:,} characters")
        kind, _, rest = line.partition("\t")
        try:
            if kind in weights:
                name, _, value = rest.rpartition("\t")
                weights[kind][name] = _weight(value)
            elif kind == "frequent":
                word, bits = rest.split("\t")
                frequencies[word] = _count(bits)
            else:
                left, right, one, other = rest.split("\t")
                if kind == "quotation" and right not in (OPENING, CLOSING):
                    raise ValueError
                {"gap": gaps, "quotation": marks}[kind][left, right] = _count(one), _count(other)
        except (KeyError, ValueError):
            raise ModelError(f"expected a line of spacing, found {shown(line)}") from None
    quotation = Quotation(marks, weights["opening"])
    return Spacing(gaps, weights["weight"], quotation, frequencies) if number else None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16) or int(text) > MAX_COUNT:
        raise ValueError
    return int(text)


def _weight(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or abs(value) > MAX_WEIGHT:
        raise ValueError
    return value
