"""The rules of the tokenizer `words`, as regular expressions.

Rules 2 follow the word boundaries of Unicode (UAX #29) as CLDR tailors them, with three differences:

- An underscore at the edge of a word is a token, because it marks emphasis in plain texts.
- Links, mail addresses, hashtags and short forms (e.g., R&D, 'tis) are one token.
- Hiragana and Han characters are one token each. Other scripts without spaces are segmented by dictionary (see
  `segmentation`), or have one grapheme cluster per token.

Rules 1 are those of models of earlier formats.
"""

import functools
import re
import unicodedata
from collections.abc import Callable

UNK = "<unk>"
EOS = "<eos>"
APOSTROPHES = "'\u2019"
DICTIONARY_SCRIPTS = ("Thai", "Lao", "Khmer", "Myanmar")
# Scripts without spaces and without a dictionary: one grapheme cluster per token.
CLUSTER_SCRIPTS = (
    "Javanese",
    "Balinese",
    "Tai_Le",
    "New_Tai_Lue",
    "Tai_Tham",
    "Tai_Viet",
    "Cham",
    "Egyptian_Hieroglyphs",
)
FindAll = Callable[[str], list[str]]

_RUNS = r"-{2,}|\.{2,}|\*{2,}|_{2,}|={2,}"  # one token each, in all rules
_SPECIAL = f"{UNK}|{EOS}"

# Rules 1: Kana, Han and their extensions, one token each.
SINGLE_1 = "\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_FIRST_MARK = "\u0300"  # all combining marks, joiners and Han characters are at or above it

# Rules 2: classes of characters, without their brackets.
_DICTIONARY = "".join(rf"\p{{{script}}}" for script in DICTIONARY_SCRIPTS)
_CLUSTERS = "".join(rf"\p{{{script}}}" for script in CLUSTER_SCRIPTS)
_SINGLE = r"\p{Han}\p{Hiragana}"
_KATAKANA = r"\p{Katakana}\u30fc\uff70\uff9e\uff9f"
_APART = _SINGLE + _KATAKANA + _DICTIONARY + _CLUSTERS  # what is no part of words that spaces separate
_EXTEND = r"\p{M}\u200c\u200d"  # marks and joiners belong to the character before them
_LETTER = rf"[\p{{L}}--[{_APART}]]"
_ALNUM = rf"[[\p{{L}}\p{{N}}]--[{_APART}]]"
_CORE = rf"{_ALNUM}[[\p{{L}}\p{{N}}{_EXTEND}]--[{_APART}]]*+"
# Between letters: apostrophe, point, middle dot, Hebrew and Armenian marks (MidLetter, MidNumLet, ALetter); after
# Hangul they end a quotation or a sentence. Between digits: signs of decimals and thousands (MidNum). Then an inner
# underscore (ExtendNumLet), and a colon before an ending, as in Swedish.
# The mark comes first in each, because most words end before another character.
_INNER = (
    rf"['\u2019.\u00b7\u0387\u2027\u05f3\u05f4\u055a-\u055c\u055e\u055f\uff07\uff0e]"
    rf"(?<=[[\p{{L}}{_EXTEND}]--\p{{Hangul}}].)(?={_LETTER})"
    r"|[.,'\u2019\u066b\u066c\u2044\uff0c\uff0e](?<=\p{Nd}.)(?=\p{Nd})"
    r'|"(?<=\p{Hebrew}.)(?=\p{Hebrew})'
    rf"|_+(?={_ALNUM})"
    r"|:(?<=[\p{Lu}\p{Nd}]:)(?=\p{Ll}{1,3}(?!\p{L}))"
)
_WORD = rf"{_CORE}(?:(?:{_INNER}){_CORE})*+"
_SHORT_FORMS = (
    r"(?:\p{L}\p{M}*+){1,2}(?:\.(?:\p{L}\p{M}*+){1,2})++\.(?![\p{L}\p{N}])"  # e.g. U.S. Ph.D.
    r"|\p{Lu}+(?:&\p{Lu}+)+(?!\p{Ll})"  # R&D
    r"|\p{Hebrew}{1,3}['\u05f3](?!\p{L})"
    rf"|(?<![\p{{L}}\p{{N}}])[{APOSTROPHES}](?:\d\ds?|n[{APOSTROPHES}]|[nst]"
    r"|(?i:tis|twas|twere|twill|twould|em|til|till|cause|bout|cos|neath|tween|gainst))(?![\p{L}\p{N}])"
    r"|\u00b0[CFK](?![\p{L}\p{N}])"
)
_IN_LINK = rf"[[\w\-.~:/?#\[\]@!$&'*+,;=%]--[{_APART}]]"
_PARENTHESES = rf"\({_IN_LINK}*+\)"  # as in the names of pages of Wikipedia
_LINKS = (
    rf"(?:(?:https?|ftp)://|www\.)(?:{_IN_LINK}|{_PARENTHESES})*(?:[[\w/=&%~$+\-]--[{_APART}]]|{_PARENTHESES})"
    rf"|{_ALNUM}[\w.%+\-]{{0,63}}@(?:{_ALNUM}[\w\-]{{0,62}}\.){{1,8}}\p{{L}}{{2,63}}(?![\w])"
    rf"|(?<![\w&])[#@](?=[\p{{L}}_])[[\w{_EXTEND}]--[{_APART}]]+"
)
_HAS_LINK = ("@", "#", "://", "www.")
_OTHERS = (
    rf"[{_SINGLE}][{_EXTEND}\ufe00-\ufe0f\U000e0100-\U000e01ef]*|\p{{Katakana}}[{_KATAKANA}{_EXTEND}\u3099\u309a]*"
    rf"|[{_DICTIONARY}][{_DICTIONARY}{_EXTEND}]*"
)
# A grapheme cluster; flags first, because \\X looks back over all of a run of flags each time.
# A sign that belongs to the character after it (Prepend) is a token where none follows, for \X would take the space.
_CLUSTER = (
    r"\p{RI}{2}[\p{Grapheme_Extend}\p{Emoji_Modifier}\p{Mc}\u200d]*"
    r"|\p{GCB=Prepend}+(?![^\s\x1c-\x1f])|(?=[^\s\x1c-\x1f])\X"
)
_ASCII_WORD = (
    r"[A-Za-z0-9]+(?:(?:(?<=[A-Za-z])['.](?=[A-Za-z])|(?<=[0-9])[.,'](?=[0-9])|_+(?=[A-Za-z0-9])"
    r"|(?<=[A-Z0-9]):(?=[a-z]{1,3}(?![A-Za-z])))[A-Za-z0-9]+)*"
)
_ASCII_SHORT_FORMS = (
    r"[A-Za-z]{1,2}(?:\.[A-Za-z]{1,2})+\.(?![A-Za-z0-9])|[A-Z]+(?:&[A-Z]+)+(?![a-z])"
    r"|(?<![A-Za-z0-9])'(?:[0-9][0-9]s?|n'|[nst]"
    r"|(?i:tis|twas|twere|twill|twould|em|til|till|cause|bout|cos|neath|tween|gainst))(?![A-Za-z0-9])"
)


def split_words(text: str) -> list[str]:
    """Return the tokens of a text by rules 2, except that runs of a dictionary script are one token."""
    links = any(sign in text for sign in _HAS_LINK)
    if not links and text.isascii():
        return _ascii()(text)
    return _unicode(links)(text)


def split_words_1(text: str) -> list[str]:
    """Return the tokens of a text by rules 1."""
    return _rules_1(text.isascii() or max(text) < _FIRST_MARK)(text)


@functools.cache
def _ascii() -> FindAll:
    return re.compile(rf"{_ASCII_SHORT_FORMS}|{_ASCII_WORD}|{_SPECIAL}|{_RUNS}|\S").findall


@functools.cache
def _unicode(links: bool) -> FindAll:
    import regex  # not at the start: a prompt in ASCII needs no Unicode properties

    find: FindAll = regex.compile(rules_2(links), regex.VERSION1).findall
    return find


def rules_2(links: bool) -> str:
    """Return the regular expression of a token by rules 2, in the syntax of `regex.VERSION1`."""
    parts = [_LINKS] if links else []
    return "|".join([*parts, _SHORT_FORMS, _WORD, _OTHERS, _SPECIAL, _RUNS, _CLUSTER])


@functools.cache
def _rules_1(simple: bool) -> FindAll:
    """Return the regular expression of rules 1; the `simple` one is faster, for text without marks and Han."""
    letters = r"[^\W_]+" if simple else rf"(?:(?![{SINGLE_1}])[^\W_]|[{_marks()}])+"
    return re.compile(rules_1(letters)).findall


def rules_1(letters: str) -> str:
    """Return the regular expression of a token by rules 1, given that of the letters and digits of a word."""
    return rf"{letters}(?:[{APOSTROPHES}]{letters})*|{_SPECIAL}|{_RUNS}|\S"


@functools.cache
def _marks() -> str:
    """Return all combining marks (categories M*) and the two joiners, as the inside of a character class."""
    ranges: list[list[int]] = [[0x200C, 0x200D]]
    for code in [*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)]:
        if unicodedata.category(chr(code))[0] == "M":
            if code == ranges[-1][1] + 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
