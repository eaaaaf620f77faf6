"""Keystrokes that a list of the likeliest words saves a typist.

Measured as by Trnka & McCoy (2008, "Evaluating Word Prediction: Framing Keystroke Savings"): a typist sees the 3
likeliest words that begin with what is typed so far, before the first letter and after each keystroke, and takes the
word with one key as soon as it is shown; else types all letters and a space.
"""

import functools

import numpy as np

from rnnwords.network.arrays import Floats, Ids
from rnnwords.prediction.ranking import Alphabet
from rnnwords.prediction.scoring import Scored
from rnnwords.text.vocabulary import Vocabulary

SHOWN = 3  # words that a typist sees


class KeystrokeSavings:
    """Counts keystrokes over batches of scored words."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.alphabet = Alphabet(vocabulary)
        self.rivals = functools.lru_cache(maxsize=100_000)(self._rivals)

    def count(self, batch: Scored) -> tuple[int, int]:
        """Keystrokes that the words take without a list, and how many of them it saves."""
        keys = sum(len(word) + 1 for word in batch.words)
        ranks = batch.ranks.tolist()
        known = [(row, int(batch.ids[row])) for row in np.flatnonzero(batch.known)]
        return keys, sum(self.saved(rank, ranks[row], batch.rivals[row]) for row, rank in known)

    def saved(self, rank: int, place: int, scores: Floats) -> int:
        """Of the letters and the space of the word at `rank`, which is the `place`-th likeliest by (V,) scores."""
        word = self.vocabulary.words[rank]
        if place <= SHOWN:
            return len(word)  # of len + 1 keys one is left
        for typed in range(1, len(word)):
            rivals = self.rivals(word[:typed])
            likelier = scores[rivals] > scores[rank]
            equal = (scores[rivals] == scores[rank]) & (rivals < rank)
            if np.count_nonzero(likelier) + np.count_nonzero(equal) < SHOWN:
                return len(word) - typed
        return 0

    def _rivals(self, prefix: str) -> Ids:
        return self.alphabet.starting_with(prefix)
