"""What the program on the page takes over from Python: patterns, tables of letters and marks, and learned spacing."""

import functools
import unicodedata
from typing import Any

from rnnwords.config import TextConfig
from rnnwords.export.html.patterns import dictionary_scripts, words_pattern
from rnnwords.generation.writer import SENTENCE_ENDS
from rnnwords.prediction import prefixes
from rnnwords.text.spacing import gaps, hand_rules, quotation
from rnnwords.text.tokens.normalization import INVISIBLE


def text_tables(text: TextConfig) -> dict[str, Any]:
    """Return patterns and tables by name, as JSON values."""
    return {
        "word": words_pattern(text.rules),
        "dictionary": dictionary_scripts(),
        "invisible": INVISIBLE,
        "closing": "".join(sorted(hand_rules.CLOSING)),
        "opening": "".join(sorted(hand_rules.OPENING)),
        "joining": sorted(hand_rules.JOINING),
        "elided": sorted(hand_rules.ELIDED),
        "contractions": sorted(hand_rules.CONTRACTIONS),
        "paired": hand_rules.PAIRED,
        "family": quotation.FAMILY,
        "dashes": sorted(gaps.DASHES),
        "sentenceEnds": sorted(SENTENCE_ENDS),
        "same": {**prefixes.SAME_LETTERS, **prefixes.HANGUL_VOWELS, **prefixes.HANGUL_FINALS},
        "diacritics": _diacritics(),
    }


@functools.cache
def _diacritics() -> str:
    """Return the inside of a class: the marks that `prefixes.fold` removes."""
    ranges: list[list[int]] = []
    for code in range(0x300, 0x20000):
        if prefixes.is_diacritic(unicodedata.combining(chr(code))):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(
        f"\\u{{{first:x}}}-\\u{{{last:x}}}" if first < last else f"\\u{{{first:x}}}" for first, last in ranges
    )
