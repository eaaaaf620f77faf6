"""Confidence intervals of a mean over a text, by a block bootstrap.

Neighbouring words are not independent, so whole blocks of consecutive words are drawn with replacement, as many as the
text has: the bootstrap of Künsch (1989, "The Jackknife and the Bootstrap for General Stationary Observations") with
the non-overlapping blocks of Carlstein (1986). The figures of two models on a word stay together in every draw, as in
Koehn (2004, "Statistical Significance Tests for Machine Translation Evaluation"). An interval is from the 2.5th to the
97.5th percentile of the draws.

Only sums of blocks are kept. At twice MIN_KEPT of them, neighbours are joined, so that blocks are twice as long.
Shapes: K blocks, F figures per word, B draws.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FIRST_LENGTH = 32  # words per block: more than a sentence has on average
MIN_KEPT = 1_024  # blocks kept after joining
MIN_BLOCKS = 20  # that an interval needs
RESAMPLES = 5_000
MAX_NUMBERS = 1 << 20  # block numbers drawn at a time


class BlockSums:
    """Sums over blocks of consecutive words."""

    def __init__(self, figures: int) -> None:
        self.length = FIRST_LENGTH  # words per block
        self._sums = np.zeros((2 * MIN_KEPT, figures))
        self._full = 0  # complete blocks
        self._partial = 0  # words of the block after them

    def add(self, figures: Array) -> None:
        """Add (N, F) figures of the next N words of the text."""
        while len(figures):
            part = figures[: self.length - self._partial]
            self._sums[self._full] += part.sum(axis=0)
            self._partial += len(part)
            figures = figures[len(part) :]
            if self._partial == self.length:
                self._full, self._partial = self._full + 1, 0
                if self._full == len(self._sums):
                    self._join()

    def _join(self) -> None:
        self._sums[:MIN_KEPT] = self._sums[0::2] + self._sums[1::2]
        self._sums[MIN_KEPT:] = 0
        self._full, self.length = MIN_KEPT, 2 * self.length

    @property
    def sums(self) -> Array:
        """(K, F), with the last block, which may be shorter."""
        return self._sums[: self._full + (self._partial > 0)]

    def draws(self, seed: int, resamples: int = RESAMPLES) -> Array:
        """Return (B, F): the sums over K blocks drawn with replacement."""
        generator, sums = np.random.default_rng(seed), self.sums
        totals = np.empty((resamples, sums.shape[1]))
        step = max(1, MAX_NUMBERS // len(sums))
        for start in range(0, resamples, step):
            chosen = generator.integers(len(sums), size=(min(step, resamples - start), len(sums)))
            totals[start : start + step] = sums[chosen].sum(axis=1)
        return totals


def interval(draws: Array) -> tuple[float, float]:
    """Return the borders of the middle 95 % of (B,) draws."""
    low, high = np.percentile(draws, [2.5, 97.5]).tolist()
    return low, high
