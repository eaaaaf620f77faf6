"""Originality of a generated text: what it copies from the training text, and what it repeats of itself.

- Longest copy: the longest run of consecutive words that also occurs in the training text.
- Copied 4-grams: the fraction of its 4-grams, with repetitions, that occur there. One minus this is the novelty of
  McCoy et al. (2023, "How Much Do Language Models Copy From Their Training Data?").
- Repeated 4-grams: 1 - distinct / all, seq-rep-4 of Welleck et al. (2020, "Neural Text Generation with Unlikelihood
  Training").

The prompt does not count. Words are compared by token id, so all rare words are the same <unk>.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnwords.generation.suffix_array import WIDTH, SuffixArray, doubled, packed

GRAM = 4  # words per n-gram


class Originality(NamedTuple):
    """Figures of a text. None without a training text, or for fewer than 4 words."""

    words: int
    longest_copy: int | None  # words
    longest_copy_at: int | None  # index of its first word; of several copies the first
    copied_4grams: float | None  # fraction
    repeated_4grams: float | None  # fraction


def originality(ids: ArrayLike, trained: SuffixArray | None = None) -> Originality:
    """Return the figures of a generated text of N ids.

    `trained` is the training text, with a depth of at least N and GRAM words.
    """
    text = np.asarray(ids, np.int64).reshape(-1)
    repeated = _repeated(text)
    if trained is None:
        return Originality(len(text), None, None, None, repeated)
    size = WIDTH * GRAM
    run = packed(text)
    starts = range(0, len(run) - size + 1, WIDTH)
    copied = sum(trained.contains(run[at : at + size]) for at in starts) / len(starts) if starts else None
    length, first = _longest_copy(run, trained)
    return Originality(len(text), length, first, copied, repeated)


def _longest_copy(run: bytes, trained: SuffixArray) -> tuple[int, int | None]:
    """Return length and index of the longest part of a packed run that occurs in the training text."""
    best, first = 0, None
    for at in range(len(run) // WIDTH):
        longer = run[WIDTH * at : WIDTH * (at + best + 1)]  # only a longer copy than the best so far counts
        if len(longer) <= WIDTH * best:
            break
        if trained.contains(longer):
            best, first = trained.longest_prefix(run[WIDTH * at :]), at
    return best, first


def _repeated(text: NDArray[np.int64]) -> float | None:
    """Return the fraction of repeated 4-grams."""
    grams = len(text) - GRAM + 1
    if grams < 1:
        return None
    return 1 - len(np.unique(doubled(doubled(text, 1), 2)[:grams])) / grams
