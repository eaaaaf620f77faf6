"""The regular expressions of the tokenizer in the syntax of JavaScript (flag `v`), made from those of Python."""

import functools
import re

from rnnwords.text.tokens.word_patterns import CLUSTER_SCRIPTS, DICTIONARY_SCRIPTS, SINGLE_1, rules_1, rules_2

_SCRIPTS = (*DICTIONARY_SCRIPTS, *CLUSTER_SCRIPTS, "Han", "Hiragana", "Katakana", "Hebrew", "Hangul")
_IN_BRACKETS = {r"\w": r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d", r"\d": r"\p{Nd}", r"\s": r"\p{White_Space}"}


def words_pattern(rules: int) -> str:
    """Return the source of the pattern of a token. A group `cluster` is the first character of a grapheme cluster."""
    if rules == 1:
        letters = rf"(?:(?![{SINGLE_1}])[\p{{L}}\p{{N}}]|[\p{{M}}\u200c\u200d])+"
        return rules_1(letters).replace(r"\S", r"[^\p{White_Space}\x1c-\x1f]")
    return javascript(rules_2(links=True))


def dictionary_scripts() -> str:
    """Return the inside of a class: the characters of scripts that are segmented by dictionary."""
    return "".join(rf"\p{{sc={script}}}" for script in DICTIONARY_SCRIPTS)


def javascript(pattern: str) -> str:
    """Return a pattern in the syntax of `regex.VERSION1` as one of JavaScript, as far as the tokenizer needs it.

    Possessive quantifiers become greedy ones: here no shorter repetition could match either.
    """
    pattern = pattern.replace(r"(?=[^\s\x1c-\x1f])\X", r"(?<cluster>[^\s\x1c-\x1f])")
    pattern = pattern.replace(r"\p{GCB=Prepend}", f"[{_prepended()}]")
    pattern = re.sub(r"(?<=[\])}])([*+])\+", r"\1", pattern)
    pattern = re.sub(r"\(\?i:([^)]*)\)", lambda found: f"(?:{_any_case(found[1])})", pattern)
    pattern = re.sub(rf"\\p{{({'|'.join(_SCRIPTS)})}}", r"\\p{sc=\1}", pattern)
    pattern = re.sub(r"\\U0*([0-9a-f]+)", r"\\u{\1}", pattern)
    pattern = re.sub(r"\\[wds]", lambda found: _IN_BRACKETS[found[0]], pattern)
    return pattern.replace("/", r"\/")


def _any_case(letters: str) -> str:
    return re.sub("[a-z]", lambda letter: f"[{letter[0]}{letter[0].upper()}]", letters)


@functools.cache
def _prepended() -> str:
    """Return the inside of a class: characters that belong to the one after them (Grapheme_Cluster_Break=Prepend)."""
    import regex

    every = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    return "".join(f"\\u{{{ord(one):x}}}" for one in regex.findall(r"\p{GCB=Prepend}", every))
