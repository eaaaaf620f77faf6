"""Suffix array (Manber & Myers 1993): looks up runs of consecutive words in a text by bisection.

Construction doubles the sorted length until it reaches `depth` words, or until no two suffixes are equal. Each id is
stored as four big-endian bytes, so slices of bytes compare like the ids. The array takes 8 bytes per word, and about 60
during construction; a lookup takes some tens of microseconds.

Shapes: M words of text, N words of a run, K positions.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnwords.errors import UsageError

Ids = NDArray[np.intp]
WIDTH = 4  # bytes per id
MAX_OVERLAP = 50  # words of the limit on copying


class SuffixArray:
    """A text in which runs of up to `depth` words can be looked up."""

    def __init__(self, ids: ArrayLike, depth: int) -> None:
        """`ids` (M,) are those of the text, 0 or more."""
        text = np.asarray(ids).astype(np.int64)
        self.depth = depth
        self._bytes = packed(text)
        ranks, known = text, 1
        while known < depth and len(ranks):
            ranks, known = doubled(ranks, known), 2 * known
            if ranks.max() + 1 == len(ranks):
                break
        self._order = np.argsort(ranks, kind="stable").astype(np.int32)
        self._positions = self._order.data  # indexing a memoryview is faster than indexing an array

    def __len__(self) -> int:
        return len(self._order)

    def followers(self, ids: Sequence[int]) -> Ids:
        """Return (K,) the id after each occurrence of a run of at most `depth` ids."""
        run = packed(ids)
        first = self._index(run)
        last = bisect_right(self._positions, run, first, key=self._slicer(len(run)))
        after = self._order[first:last].astype(np.intp) + len(ids)
        text = np.frombuffer(self._bytes, f">u{WIDTH}")
        return text[after[after < len(text)]].astype(np.intp)

    def contains(self, run: bytes) -> bool:
        """Return whether a packed run of at most `depth` ids occurs in the text."""
        index = self._index(run)
        return index < len(self) and self._suffix(index, len(run)) == run

    def longest_prefix(self, run: bytes) -> int:
        """Return how many ids at the beginning of a packed run occur in the text as a run, at most `depth`."""
        run = run[: self.depth * WIDTH]
        index = self._index(run)  # the suffix with the longest common prefix is next to where the run would be
        suffixes = [self._suffix(near, len(run)) for near in (index - 1, index) if 0 <= near < len(self)]
        return max((_common_prefix(run, suffix) for suffix in suffixes), default=0)

    def _index(self, run: bytes) -> int:
        """Return the index of the first suffix that is not smaller than the run."""
        return bisect_left(self._positions, run, key=self._slicer(len(run)))

    def _suffix(self, index: int, size: int) -> bytes:
        return self._slicer(size)(self._positions[index])

    def _slicer(self, size: int) -> Callable[[int], bytes]:
        """Return a function from a position to `size` bytes of the text there, fewer at its end."""
        text = self._bytes

        return lambda position: text[WIDTH * position : WIDTH * position + size]


class Overlap:
    """Limit on copying: at most `length` consecutive words of a generated text may be a run of this text. It is exact.

    The last `length` generated words are looked up; the words that follow them here must not be chosen next.
    """

    def __init__(self, text: ArrayLike | SuffixArray, length: int) -> None:
        """`text` is (M,) ids, 0 or more, or their suffix array of at least that depth.

        Raises UsageError for a length outside 1 to MAX_OVERLAP.
        """
        if not 1 <= length <= MAX_OVERLAP:
            raise UsageError(f"`max_overlap`: expected 1 to {MAX_OVERLAP}, found {length:,}")
        self.length = length
        self._text = text if isinstance(text, SuffixArray) else SuffixArray(text, length)

    def following(self, ids: Sequence[int]) -> Ids:
        """Return (K,) ids that would extend a copy of the last `length` ids; none if there are fewer ids."""
        if len(ids) < self.length:
            return np.empty(0, np.intp)
        return self._text.followers(ids[-self.length :])


def _common_prefix(run: bytes, other: bytes) -> int:
    """Return the number of equal ids at the beginning of two runs."""
    size = min(len(run), len(other)) // WIDTH
    different = np.frombuffer(run, "u4", size) != np.frombuffer(other, "u4", size)
    return int(different.argmax()) if different.any() else size


def packed(ids: ArrayLike) -> bytes:
    """Return (N,) ids as bytes that compare like the ids."""
    return np.asarray(ids).astype(f">u{WIDTH}").tobytes()


def doubled(ranks: NDArray[np.int64], known: int) -> NDArray[np.int64]:
    """Return (M,) ranks of the positions by their first 2 * `known` words, from ranks by their first `known` words.

    Equal runs have equal ranks, from 0 without a gap. A run that is cut by the end of the text precedes longer ones.
    """
    following = np.zeros(len(ranks), np.int64)  # rank by the next `known` words; 0 at the end of the text
    following[:-known] = ranks[known:] + 1
    _, inverse = np.unique(ranks * (int(following.max(initial=0)) + 1) + following, return_inverse=True)
    refined: NDArray[np.int64] = inverse.astype(np.int64)
    return refined
