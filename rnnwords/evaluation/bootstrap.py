"""How sure a mean over a text is: intervals from a block bootstrap.

Neighbouring words are not independent, so whole blocks of running words are drawn, with replacement, as many as there
are: the bootstrap of Künsch (1989, "The Jackknife and the Bootstrap for General Stationary Observations"), with the
blocks side by side of Carlstein (1986). The two models' figures of a word stay together in every draw, as in Koehn
(2004, "Statistical Significance Tests for Machine Translation Evaluation"). An interval goes from the 2.5th to the
97.5th percentile of the draws.

Only sums of blocks are kept. When there are twice KEPT of them, neighbours are joined and the blocks are twice as long.

Shapes: K blocks, F figures of a word, B draws.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SHORTEST = 32  # words of a block: more than a sentence has, on average
KEPT = 1_024  # blocks, at least, once there were twice as many
FEWEST = 20  # blocks that an interval needs
RESAMPLES = 5_000
CELLS = 1 << 20  # block numbers drawn at a time


class BlockSums:
    """Sums over blocks of running words."""

    def __init__(self, figures: int) -> None:
        self.length = SHORTEST  # words of a block
        self._sums = np.zeros((2 * KEPT, figures))
        self._full = 0  # blocks that have all their words
        self._begun = 0  # words of the block behind them

    def add(self, figures: Array) -> None:
        """(N, F) figures of the next N words of the text."""
        while len(figures):
            taken = figures[: self.length - self._begun]
            self._sums[self._full] += taken.sum(axis=0)
            self._begun += len(taken)
            figures = figures[len(taken) :]
            if self._begun == self.length:
                self._full, self._begun = self._full + 1, 0
                if self._full == len(self._sums):
                    self._join()

    def _join(self) -> None:
        self._sums[:KEPT] = self._sums[0::2] + self._sums[1::2]
        self._sums[KEPT:] = 0
        self._full, self.length = KEPT, 2 * self.length

    @property
    def sums(self) -> Array:
        """(K, F), the last block, which may be shorter, included."""
        return self._sums[: self._full + (self._begun > 0)]

    def draws(self, seed: int, resamples: int = RESAMPLES) -> Array:
        """(B, F): the sums over as many blocks as there are, drawn with replacement."""
        generator, sums = np.random.default_rng(seed), self.sums
        found = np.empty((resamples, sums.shape[1]))
        step = max(1, CELLS // len(sums))
        for start in range(0, resamples, step):
            chosen = generator.integers(len(sums), size=(min(step, resamples - start), len(sums)))
            found[start : start + step] = sums[chosen].sum(axis=1)
        return found


def interval(draws: Array) -> tuple[float, float]:
    """(B,) -> where the middle 95 % lie."""
    low, high = np.percentile(draws, [2.5, 97.5]).tolist()
    return low, high
