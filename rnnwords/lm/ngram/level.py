"""The n-grams of one order of a Kneser-Ney model: counts, discounted shares and back-off weights.

`lm.ngram.kneser_ney` has the mathematics. Shapes: V vocabulary; S contexts and M n-grams; n words after one context.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rnnwords.lm.ngram.tensors import Array, Ints, small

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)  # those of `lmplz` for texts too small to estimate discounts

Floats = NDArray[np.float64]


class Level:
    """The n-grams of one order: counts, discounted shares and back-off weights.

    Of a few contexts, `after` computes shares and weights when they are needed: computing all of them takes as long as
    reading the file.
    """

    def __init__(self, contexts: Ints, ngrams: Ints, counts: Array, vocabulary_size: int) -> None:
        self.contexts = contexts  # (S,) sorted: index of the context without its oldest word * (V + 1) + oldest word
        self.ngrams = ngrams  # (M,) sorted: index of the context * V + word
        self.counts = small(counts)  # (M,)
        self._discounts = np.array([0.0, *_discounts(self.counts)])  # by count, up to 3
        self._size = vocabulary_size

    def after(self, node: int) -> tuple[Ints, Floats, float, int]:
        """Return of a context: (n,) words after it, their (n,) discounted counts, sum of the discounts, and count."""
        entries = self._entries(node)
        counts = self.counts[entries]
        discounts = self._discounts.take(counts, mode="clip")
        words = self.ngrams[entries] - node * self._size
        return words, counts - discounts, float(np.add.reduce(discounts)), int(np.add.reduce(counts))

    def total(self, node: int) -> int:
        """Return the count of a context."""
        return int(np.add.reduce(self.counts[self._entries(node)]))

    def _entries(self, node: int) -> slice:
        begin, end = self.ngrams.searchsorted((node * self._size, (node + 1) * self._size)).tolist()
        return slice(begin, end)

    @cached_property
    def _nodes(self) -> Ints:
        nodes: Ints = self.ngrams // self._size  # (M,)
        return nodes

    @cached_property
    def totals(self) -> Floats:
        """The counts (S,) of all contexts."""
        return np.bincount(self._nodes, self.counts, len(self.contexts)).astype(np.float64)

    @cached_property
    def shares(self) -> Floats:
        """The shares (M,) of all n-grams."""
        shares: Floats = (self.counts - self._discounts.take(self.counts, mode="clip")) / self.totals[self._nodes]
        return shares

    @cached_property
    def leftover(self) -> Floats:
        """The back-off weights (S,) of all contexts."""
        discounts = self._discounts.take(self.counts, mode="clip")
        leftover: Floats = np.bincount(self._nodes, discounts, len(self.contexts)) / self.totals
        return leftover


def _discounts(counts: Array) -> tuple[float, ...]:
    """Return D1, D2 and D3+ of one order; the fallback for all three if one is undefined or not above 0."""
    n = np.bincount(np.minimum(counts, 5), minlength=6).tolist()
    y = n[1] / max(1, n[1] + 2 * n[2])
    found = tuple(c - (c + 1) * y * n[c + 1] / max(1, n[c]) for c in (1, 2, 3))
    return found if min(n[1:4]) > 0 and min(found) > 0 else FALLBACK_DISCOUNTS
