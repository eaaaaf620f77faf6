"""Look-up of words by what was typed of them: as typed, then regardless of case and marks, then with one typing error.

Two words are alike if `fold` gives them the same form. Folded words are kept in alphabetical order, so that all words
with one beginning are neighbours, and a typing error costs a few hundred binary searches whatever the vocabulary.
"""

import bisect
import functools
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rnnwords.lm.interface import Ids
from rnnwords.text.tokens.normalization import normalize
from rnnwords.text.vocabulary import Vocabulary

# Letters typed in which an error is looked for. In three letters only swapped neighbours are: too many words differ in
# one letter of three.
MIN_SWAPPED, MIN_ERROR, MAX_ERROR = 3, 4, 50
_CACHED_PREFIXES = 64

SAME_LETTERS = {  # letters and signs that Unicode does not decompose, though people type one for the other
    "\u0131": "i", "\u00f8": "o", "\u0142": "l", "\u0111": "d", "\u00f0": "d", "\u0127": "h", "\u0167": "t",
    "\u00e6": "ae", "\u0153": "oe", "\u00fe": "th", "\u0491": "\u0433",
    "\u0640": "", "\u0649": "\u06cc", "\u064a": "\u06cc", "\u0643": "\u06a9", "\u0671": "\u0627",  # Arabic, Persian
    "\u2018": "'", "\u2019": "'", "\u201b": "'", "\u2032": "'", "\u02bc": "'", "\u02bb": "'", "\u0060": "'",
    "\u05f3": "'", "\u05f4": '"', "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"',
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u05be": "-",
}  # fmt: skip
_IOTA_BELOW = "\u0345"  # its lower case is a letter
# Hangul vowels and final consonants by the keys that are pressed for them: a syllable that is being typed may give its
# last consonant to the next one.
HANGUL_VOWELS = {"\u116a": "\u1169\u1161", "\u116b": "\u1169\u1162", "\u116c": "\u1169\u1175", "\u116f": "\u116e\u1165",
           "\u1170": "\u116e\u1166", "\u1171": "\u116e\u1175", "\u1174": "\u1173\u1175"}  # fmt: skip
HANGUL_FINALS = dict(zip(map(chr, range(0x11A8, 0x11C3)), (
    "\u1100", "\u1101", "\u1100\u1109", "\u1102", "\u1102\u110c", "\u1102\u1112", "\u1103", "\u1105", "\u1105\u1100",
    "\u1105\u1106", "\u1105\u1107", "\u1105\u1109", "\u1105\u1110", "\u1105\u1111", "\u1105\u1112", "\u1106", "\u1107",
    "\u1107\u1109", "\u1109", "\u110a", "\u110b", "\u110c", "\u110e", "\u110f", "\u1110", "\u1111", "\u1112",
), strict=True))  # fmt: skip


def fold(text: str) -> str:
    """Return a text without case, diacritics and invisible characters, with straight quotation marks; idempotent.

    Vowel signs of Indic scripts and of Thai are letters, and stay.

    >>> fold("\u0130stanbul"), fold("\u0395\u03bb\u03bb\u03ac\u03c2"), fold("stra\u00dfe")
    ('istanbul', '\u03b5\u03bb\u03bb\u03b1\u03c3', 'strasse')
    """
    if text.isascii():
        return text.lower().replace("`", "'")
    text = unicodedata.normalize("NFKD", text.replace("\u00b4", "'")).replace(_IOTA_BELOW, "")
    text = unicodedata.normalize("NFKD", text.casefold())
    return text.translate({ord(character): _folded(character) for character in set(text)})


@functools.cache
def _folded(character: str) -> str:
    """Return the folded form of a decomposed character without case."""
    if (
        same := SAME_LETTERS.get(character) or HANGUL_VOWELS.get(character) or HANGUL_FINALS.get(character)
    ) is not None:
        return same
    is_invisible = unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f"
    is_removed = is_diacritic(unicodedata.combining(character)) or is_invisible or character == "\u0640"
    return "" if is_removed else character


def is_diacritic(combining_class: int) -> bool:
    """Return whether characters of a canonical combining class are diacritics.

    The classes are those of nukta, of Hebrew, Arabic and Syriac points, and of marks above, below and through.
    """
    return combining_class in (1, 7) or 10 <= combining_class <= 36 or 200 <= combining_class <= 240


def offered(word: str, prefix: str) -> str:
    """Return a word in the case that the typed prefix shows; capitals of the word stay.

    >>> [offered("general", prefix) for prefix in ("ge", "Ge", "GE")]
    ['general', 'General', 'GENERAL']
    >>> offered("London", "lond"), offered("mcdonald", "McD"), offered("istanbul", "\u0130st")
    ('London', 'McDonald', '\u0130stanbul')
    """
    prefix = unicodedata.normalize("NFC", prefix)
    cased = [letter for letter in prefix if letter.isupper() or letter.islower()]
    if not any(letter.isupper() for letter in cased):
        return word
    if len(cased) > 1 and all(letter.isupper() for letter in cased):
        return (word.translate(_TURKISH) if "\u0130" in prefix else word).upper()
    if fold(word[: len(prefix)]) != fold(prefix):  # letters do not correspond: only the first one is certain
        prefix = prefix[:1]
    letters = [_capital(own, typed) for own, typed in zip(word, prefix, strict=False)]
    return "".join(letters) + word[len(letters) :]


_TURKISH = {ord("i"): "\u0130", ord("\u0131"): "I"}


def _capital(own: str, typed: str) -> str:
    """Return a letter of a word as a capital if the typed one is."""
    if not typed.isupper():
        return own
    return typed if own in "i\u0131" and typed in "I\u0130" else own.title()


class Candidates(NamedTuple):
    """The words that match a prefix."""

    tiers: tuple[Ids, ...]  # (C,) ids each, increasing: as typed; alike; with one typing error
    alike: Mapping[int, int]  # id of a candidate -> id of the better one that is offered in the same letters


class PrefixIndex:
    """The words of a vocabulary, found by a prefix. It is built at the first look-up."""

    def __init__(self, vocabulary: Vocabulary, shorter: "PrefixIndex | None" = None) -> None:
        """`shorter` is the index of a vocabulary that this one extends: sorting then takes little time."""
        self.vocabulary, self.shorter = vocabulary, shorter
        self.candidates = functools.lru_cache(maxsize=_CACHED_PREFIXES)(self._candidates)

    def _candidates(self, prefix: str, exact: bool = False) -> Candidates:
        """Return the words to offer that match a prefix; with `exact`, only those that begin with it."""
        if exact:
            return Candidates((self._listed(self.exact(prefix)),), {})
        prefix, words = normalize(prefix, self.vocabulary.text), self.vocabulary.words
        folded = fold(prefix).strip()
        if not folded:
            return Candidates((self._listed(self.exact(prefix)),), {})
        known = self._listed(self._beginning_with([folded]))
        as_typed = np.array([words[one].startswith(prefix) for one in known.tolist()], bool)
        mistyped = self._listed(self._beginning_with(self._corrections(folded)))
        mistyped = np.setdiff1d(mistyped, known, assume_unique=True)
        tiers = known[as_typed], known[~as_typed], mistyped
        return Candidates(tiers, self._alike(tiers, prefix))

    def exact(self, prefix: str) -> Ids:
        """Return (C,) ids of the words that begin with a prefix, which gets the one form that words have."""
        prefix = normalize(prefix, self.vocabulary.text)
        words, ids = self._alphabetical
        return np.sort(ids[slice(*_bounds(words, prefix))])

    def _listed(self, ids: Ids) -> Ids:
        """Return those of the ids that may be offered: neither <unk> nor excluded."""
        unk, excluded = self.vocabulary.unk_id, self.vocabulary.excluded
        if excluded:
            return ids[[one != unk and one not in excluded for one in ids.tolist()]]
        return ids if unk is None else ids[ids != unk]

    def _beginning_with(self, beginnings: Iterable[str]) -> Ids:
        """Return (C,) ids, each once and increasing, of the words whose folded form has one of these beginnings."""
        words, ids = self._folded_words
        bounds = (_bounds(words, beginning) for beginning in beginnings)
        found = [ids[first:end] for first, end in bounds if first < end]
        return np.unique(np.concatenate([ids[:0], *found]))

    def _corrections(self, prefix: str) -> Iterator[str]:
        """Yield the beginnings that are meant if the folded prefix has one error.

        An error is two swapped letters, a letter too many, a missing one or a wrong one. A number has none: another
        digit is another number.
        """
        size = len(prefix)
        if not MIN_SWAPPED <= size <= MAX_ERROR or not any(map(str.isalpha, prefix)) or any(map(str.isnumeric, prefix)):
            return
        for at in range(size - 1):
            yield prefix[:at] + prefix[at + 1] + prefix[at] + prefix[at + 2 :]
        if size < MIN_ERROR:
            return
        for at in range(size):
            before, rest = prefix[:at], prefix[at + 1 :]
            yield before + rest
            if rest:  # without it, a wrong or missing letter is in the words just found
                for letter in self._letters_after(before):
                    yield before + letter + rest
                    yield before + letter + prefix[at:]

    def _letters_after(self, beginning: str) -> Iterator[str]:
        """Yield each letter that follows this beginning in a folded word."""
        words, _ = self._folded_words
        first, end = _bounds(words, beginning)
        while first < end:
            letter = words[first][len(beginning) : len(beginning) + 1]
            if letter:
                yield letter
            after = chr(ord(letter) + 1) if letter and ord(letter) < sys.maxunicode else letter + "\0"
            first = bisect.bisect_left(words, beginning + after, first + 1, end)

    def _alike(self, tiers: Sequence[Ids], prefix: str) -> dict[int, int]:
        """Return id -> id of the candidate before it that is offered in the same letters, because of a capital."""
        if not any(letter.isupper() for letter in prefix):
            return {}
        first: dict[str, int] = {}  # as offered -> id
        for one in np.concatenate(tiers).tolist():
            if self._has_alike[one]:
                first.setdefault(offered(self.vocabulary.words[one], prefix), one)
        return {
            one: best
            for one in np.concatenate(tiers).tolist()
            if self._has_alike[one] and (best := first[offered(self.vocabulary.words[one], prefix)]) != one
        }

    @functools.cached_property
    def _alphabetical(self) -> tuple[list[str], Ids]:
        """All words in alphabetical order, and their ids."""
        if self.shorter is None:
            return _sorted(self.vocabulary.words)
        return _sorted(self.vocabulary.words, self.shorter._alphabetical[1])

    @functools.cached_property
    def _folded_words(self) -> tuple[list[str], Ids]:
        """All folded words in alphabetical order, and their ids."""
        words = self.vocabulary.words
        if self.shorter is None:
            return _sorted(_folded_all(words))
        sorted_words, ids = self.shorter._folded_words
        first = len(ids)
        known = np.empty(first, object)
        known[ids] = sorted_words
        return _sorted([*known.tolist(), *_folded_all(words[first:])], ids)

    @functools.cached_property
    def _has_alike(self) -> list[bool]:
        """id -> whether another word has the same folded form."""
        words, ids = self._folded_words
        result = [False] * len(words)
        for place in range(1, len(words)):
            if words[place] == words[place - 1]:
                result[ids[place]] = result[ids[place - 1]] = True
        return result


def _folded_all(words: Sequence[str]) -> list[str]:
    return fold("\n".join(words)).split("\n") if words else []  # much faster than word by word


def _sorted(words: Sequence[str], known: Ids | None = None) -> tuple[list[str], Ids]:
    """Return sorted words, and their places; `known` are the sorted places of the first words."""
    first = [] if known is None else known.tolist()
    ids = sorted([*first, *range(len(first), len(words))], key=words.__getitem__)
    return [words[one] for one in ids], np.array(ids)


def _bounds(words: Sequence[str], beginning: str) -> tuple[int, int]:
    """Return the place of the first of the sorted words with this beginning, and the one after the last."""
    first = bisect.bisect_left(words, beginning)
    if first == len(words) or not words[first].startswith(beginning):
        return first, first
    return first, bisect.bisect_left(words, True, first, key=lambda word: not word.startswith(beginning))
