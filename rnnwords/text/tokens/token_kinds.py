"""Kinds of tokens: what a token that was not seen before has in common with those that were."""

import functools
import unicodedata

from rnnwords.text.tokens.word_patterns import EOS

_EMOJI = 0x1F000  # the first of the blocks of pictures
NUMBER, WORD, IDEOGRAPH = "number", "word", "ideograph"
_IDEOGRAPHS = ("CJK", "HIRAGANA", "KATAKANA")
_SPACELESS = ("THAI", "LAO", "KHMER", "MYANMAR", "JAVANESE", "BALINESE")
WORD_KINDS = {NUMBER, WORD, IDEOGRAPH, *(script.lower() for script in _SPACELESS)}


@functools.lru_cache(maxsize=65_536)
def is_mark(token: str) -> bool:
    """Return whether a token has no letter and no digit."""
    return token != EOS and not any(character.isalnum() for character in token)


@functools.lru_cache(maxsize=65_536)
def kind(token: str, at_end: bool) -> str:
    """Return the kind of a token by its first letter, digit or mark, or by its last one `at_end`."""
    if is_mark(token):
        return "emoji" if ord(token[0]) >= _EMOJI else unicodedata.category(token[0])
    letters = [character for character in token if character.isalnum()]
    letter = letters[-1 if at_end else 0]
    if letter.isnumeric() and not letter.isalpha():
        return NUMBER
    if letter < "\u0e00":
        return WORD
    script = unicodedata.name(letter, "").split(" ")[0].split("-")[0]
    if script in _IDEOGRAPHS:
        return IDEOGRAPH
    return script.lower() if script in _SPACELESS else WORD


@functools.lru_cache(maxsize=65_536)
def shape(token: str) -> str:
    """Return a mark itself; of a word its kind, whether it begins with a capital, and whether it is one letter."""
    if not token or is_mark(token):
        return token
    return f"{kind(token, False)} {'A' if token[0].isupper() else 'a'}{1 if len(token) == 1 else 2}"
