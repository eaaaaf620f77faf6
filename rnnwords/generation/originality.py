"""How much of a generated text is its own: what it copies from the training text, and what it repeats of itself.

- The longest run of words in a row that stands in the training text as well.
- The share of its 4-grams (four words in a row, each counted as often as it occurs) that stand there: the novelty of
  McCoy et al. (2023, "How Much Do Language Models Copy From Their Training Data?"), seen from the other side.
- The share of its 4-grams that it has said before, 1 - distinct / all: seq-rep-4 of Welleck et al. (2020, "Neural Text
  Generation with Unlikelihood Training").

All are of generated words alone, without the prompt. Words are the model's: rare ones are all the same <unk>.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnnwords.generation.suffix_array import WIDTH, Suffixes, doubled, packed

GRAM = 4  # words


class Originality(NamedTuple):
    """The figures of a text. None where there is no training text to compare with, or fewer than 4 words."""

    words: int
    longest_copy: int | None  # words
    longest_copy_at: int | None  # the number of its first word, from 0; of several the first
    copied_4grams: float | None  # share, 0 to 1
    repeated_4grams: float | None  # share, 0 to 1


def originality(ids: ArrayLike, trained: Suffixes | None = None) -> Originality:
    """(N,) ids of a generated text, and the training text to a depth of N words, or GRAM -> its figures."""
    text = np.asarray(ids, np.int64).reshape(-1)
    repeated = _repeated(text)
    if trained is None:
        return Originality(len(text), None, None, None, repeated)
    size = WIDTH * GRAM
    words = packed(text)
    starts = range(0, len(words) - size + 1, WIDTH)
    copied = sum(trained.holds(words[at : at + size]) for at in starts) / len(starts) if starts else None
    length, first = _longest(words, trained)
    return Originality(len(text), length, first, copied, repeated)


def _longest(words: bytes, trained: Suffixes) -> tuple[int, int | None]:
    """Length and place of the longest run that stands in the training text."""
    best, first = 0, None
    for at in range(len(words) // WIDTH):  # is there one that begins here and is longer than any before?
        longer = words[WIDTH * at : WIDTH * (at + best + 1)]
        if len(longer) <= WIDTH * best:
            break
        if trained.holds(longer):
            best, first = trained.longest(words[WIDTH * at :]), at
    return best, first


def _repeated(text: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float | None:
    grams = len(text) - GRAM + 1
    if grams < 1:
        return None
    return 1 - len(np.unique(doubled(doubled(text, 1), 2)[:grams])) / grams
