"""Never more than N words in a row copied from a text: which words would make one too many.

The text's positions are sorted by the N + 1 words that begin there: a suffix array (Manber & Myers 1993), made by their
doubling of the sorted length and stopped once it reaches N + 1. The N last words written are then looked up one by one,
each a binary search among the positions that fit so far, and the words that follow there are the ones held back. It is
exact, needs 12 bytes a word of the text, and a look-up takes some tens of microseconds.

Shapes: M words of text, K positions.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnwords.errors import UsageError

MOST = 50  # words: the longest run that can be allowed

Words = NDArray[np.intp]


class Overlap:
    """A text from which at most `length` words in a row may be taken over."""

    def __init__(self, ids: ArrayLike, length: int) -> None:
        """(M,) ids of the text, 0 or more. Raises UsageError for a length outside 1 .. MOST."""
        if not 1 <= length <= MOST:
            raise UsageError(f"max-overlap must be between 1 and {MOST}; got {length:,}")
        self.length = length
        self._ids = np.asarray(ids).astype(np.int32)
        ranks, known = self._ids.astype(np.int64), 1  # (M,) the order of positions by their first `known` words
        while known <= length and len(ranks):
            behind = np.zeros(len(ranks), np.int64)  # the order by the next `known` words; 0 where the text has ended
            behind[:-known] = ranks[known:] + 1
            _, ranks = np.unique(ranks * (int(behind.max()) + 1) + behind, return_inverse=True)
            known *= 2
        self._order = np.argsort(ranks, kind="stable").astype(np.int32)

    def following(self, words: Sequence[int]) -> Words:
        """(K,) ids that would make the last `length` of `words` one too many; none if there are fewer."""
        first, last = 0, len(self._order)
        if len(words) < self.length:
            last = 0
        for depth, word in enumerate(words[-self.length :]):
            if first == last:
                break

            def at(position: int, depth: int = depth) -> int:
                return int(self._ids[position + depth]) if position + depth < len(self._ids) else -1

            first = bisect_left(self._order, word, first, last, key=at)
            last = bisect_right(self._order, word, first, last, key=at)
        behind = self._order[first:last] + self.length
        found: Words = self._ids[behind[behind < len(self._ids)]].astype(np.intp)
        return found
