"""Where a run of words stands in a text: its positions sorted by the words that begin there, looked up by bisection.

A suffix array (Manber & Myers 1993), made by their doubling of the sorted length and stopped once that reaches `depth`
words, or no two positions begin alike. Words are kept as four bytes, the highest first, so that slices of bytes stand
in the order of the words. It needs 8 bytes a word of the text, while it is made about 60; a look-up takes some tens
of microseconds.

Shapes: M words of text, K positions.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Words = NDArray[np.intp]
WIDTH = 4  # bytes of a word


class Suffixes:
    """A text, to look up runs of up to `depth` words in."""

    def __init__(self, ids: ArrayLike, depth: int) -> None:
        """(M,) ids of the text, 0 or more."""
        text = np.asarray(ids).astype(np.int64)
        self.depth = depth
        self._bytes = packed(text)
        ranks, known = text, 1
        while known < depth and len(ranks):
            ranks, known = doubled(ranks, known), 2 * known
            if ranks.max() + 1 == len(ranks):
                break
        self._order = np.argsort(ranks, kind="stable").astype(np.int32)
        self._places = self._order.data  # gives plain numbers, one by one, faster

    def __len__(self) -> int:
        return len(self._order)

    def followers(self, words: Sequence[int]) -> Words:
        """(K,) ids of what stands behind these words, once for each place; `depth` words at most."""
        first, last = self._span(packed(words))
        behind = self._order[first:last].astype(np.intp) + len(words)
        text = np.frombuffer(self._bytes, f">u{WIDTH}")
        return text[behind[behind < len(text)]].astype(np.intp)

    def holds(self, words: bytes) -> bool:
        """Whether these words, packed, stand in the text; `depth` of them at most."""
        place = self._place(words)
        return place < len(self._order) and self._at(place, len(words)) == words

    def longest(self, words: bytes) -> int:
        """How many words of the beginning of these, packed, stand in the text; `depth` at most are looked for."""
        words = words[: self.depth * WIDTH]
        place = self._place(words)  # whatever begins most alike stands next to where these would
        beside = [self._at(near, len(words)) for near in (place - 1, place) if 0 <= near < len(self._order)]
        return max((_alike(words, found) for found in beside), default=0)

    def _at(self, place: int, size: int) -> bytes:
        return self._reader(size)(self._places[place])

    def _place(self, words: bytes) -> int:
        return bisect_left(self._places, words, key=self._reader(len(words)))

    def _span(self, words: bytes) -> tuple[int, int]:
        first = self._place(words)
        return first, bisect_right(self._places, words, first, key=self._reader(len(words)))

    def _reader(self, size: int) -> Callable[[int], bytes]:
        """What gives so many bytes of the text from a position on, fewer at its end."""
        text = self._bytes

        return lambda position: text[WIDTH * position : WIDTH * position + size]


def _alike(words: bytes, others: bytes) -> int:
    """With how many equal words two runs begin."""
    size = min(len(words), len(others)) // WIDTH
    different = np.frombuffer(words, "u4", size) != np.frombuffer(others, "u4", size)
    return int(different.argmax()) if different.any() else size


def packed(ids: ArrayLike) -> bytes:
    """(N,) ids -> their bytes, in the order of the words."""
    return np.asarray(ids).astype(f">u{WIDTH}").tobytes()


def doubled(ranks: NDArray[np.int64], known: int) -> NDArray[np.int64]:
    """(M,) the order of positions by their first `known` words -> by their first 2 * `known`.

    Equal runs have equal numbers, from 0 without a gap; one that the end cuts short stands before the longer ones.
    """
    behind = np.zeros(len(ranks), np.int64)  # the order by the next `known` words; 0 where the text has ended
    behind[:-known] = ranks[known:] + 1
    _, found = np.unique(ranks * (int(behind.max(initial=0)) + 1) + behind, return_inverse=True)
    order: NDArray[np.int64] = found.astype(np.int64)
    return order
