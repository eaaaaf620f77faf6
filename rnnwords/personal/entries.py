"""Entries of a personal file: each written word, with up to two words before it, and how often it was written there.

A string that may be a secret is left out, and the words on its two sides are not joined.
"""

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from rnnwords.config import TextConfig
from rnnwords.lm.personal import ORDER
from rnnwords.text.tokens.normalization import normalize
from rnnwords.text.tokens.tokenizer import EOS, UNK, tokenize

Entry = tuple[str, ...]  # 1 to ORDER words; the last one is the counted one
Entries = dict[Entry, int]  # how often each was written; the one written last is the last

MAX_LETTERS = 30  # of a word
MAX_INNER_CAPITALS = 2  # after small letters, as in iPhone or LaTeX
# What is between two spaces. From U+2E80 on are scripts without spaces, whose characters end a chunk, as a space does.
_CHUNK = re.compile("[^\\s\u2e80-\U0003ffff]+")
_INNER_SIGN = re.compile(r"(?<=[^\W_])[^\w\s'\u2019\u2010-\u2015\u2026.\-]+(?=[^\W_])|(?<=[^\W_])_+(?=[^\W_])")
_MARK = re.compile("[\u0300-\u036f\u0900-\u0dff\u200b-\u200d\u00ad]")  # parts of words that are no letters for \w
_LONG = re.compile(rf"[^\W_]{{{MAX_LETTERS + 1},}}")


def is_secret(chunk: str) -> bool:
    """Return whether what is between two spaces may be a password, a key, a number, an address or a path.

    That is: it has a digit, a sign inside other than hyphen, dash, apostrophe and point, more than MAX_LETTERS letters
    in a row, or more than MAX_INNER_CAPITALS capitals after small letters.
    """
    if chunk.isalpha() and len(chunk) <= MAX_LETTERS and (chunk.islower() or chunk[1:].islower()):
        return False
    if any(letter.isdigit() for letter in chunk):
        return True
    letters = _MARK.sub("", chunk)
    capitals = sum(one.islower() and other.isupper() for one, other in itertools.pairwise(chunk))
    return bool(_INNER_SIGN.search(letters) or _LONG.search(letters)) or capitals > MAX_INNER_CAPITALS


def entries_of(
    lines: Mapping[str, int], text: TextConfig, is_excluded: Callable[[str], bool] = lambda word: False
) -> Counter[Entry]:
    """Return the entries of lines and how often each line was written. Words keep their case; some are left out."""
    text = dataclasses.replace(text, lowercase=False, eos=False)
    found: Counter[Entry] = Counter()
    for line, times in lines.items():
        for part in _parts(line):
            run: Entry = ()
            for word in tokenize(part, text):
                if word in (UNK, EOS) or len(word) > MAX_LETTERS or any(map(str.isdigit, word)) or is_excluded(word):
                    run = ()
                else:
                    run = (*run, word)[-ORDER:]
                    found[run] += times
    return found


def _parts(line: str) -> Iterator[str]:
    """Yield the parts of a line between what may be a secret."""
    start = 0
    for chunk in _CHUNK.finditer(line):
        if is_secret(chunk[0]):
            yield line[start : chunk.start()]
            start = chunk.end()
    yield line[start:]


def normalized(entries: Mapping[Entry, int], text: TextConfig) -> Entries:
    """Return entries with the words as the text settings of a model have them; those that become equal are added."""
    result: Entries = {}
    for entry, count in entries.items():
        words = tuple(normalize(word, text) for word in entry) if text.lowercase else entry
        result[words] = result.get(words, 0) + count
    return result


def add(entries: Entries, new: Mapping[Entry, int]) -> None:
    """Add entries, which then are the last."""
    for entry, count in new.items():
        entries[entry] = entries.pop(entry, 0) + count


def pruned(entries: Entries, limit: int) -> Entries:
    """Return the entries or, of more than `limit`, nine tenths of that, so that this is not done each time.

    The rarest entries, and of these the oldest, lose the words before the counted one. If that is not enough, the
    rarest and oldest words go.
    """
    if len(entries) <= limit:
        return entries
    enough = limit * 9 // 10
    for entry in sorted((entry for entry in entries if len(entry) > 1), key=entries.__getitem__):
        if len(entries) <= enough:
            return entries
        word = entry[-1:]
        entries[word] = entries.get(word, 0) + entries.pop(entry)
    for entry in sorted(entries, key=entries.__getitem__)[: max(0, len(entries) - enough)]:
        del entries[entry]
    return entries


def without(entries: Entries, is_forgotten: Callable[[str], bool]) -> Entries:
    """Return the entries without some words: what was counted after such a word stays, without it as a context."""
    result: Entries = {}
    for entry, count in entries.items():
        last = next((place for place in reversed(range(len(entry))) if is_forgotten(entry[place])), -1)
        if rest := entry[last + 1 :]:
            result[rest] = result.get(rest, 0) + count
    return result


def word_counts(entries: Mapping[Entry, int]) -> list[tuple[str, int]]:
    """Return each word with its count, most frequent first."""
    counts: Counter[str] = Counter()
    for entry, count in entries.items():
        counts[entry[-1]] += count
    return counts.most_common()
