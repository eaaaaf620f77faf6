"""Keystrokes that a list of the likeliest words saves a typist.

Measured as by Trnka & McCoy (2008, "Evaluating Word Prediction: Framing Keystroke Savings"): a typist sees the 3
likeliest words that begin with what is typed so far, before the first letter and after each keystroke, and takes the
word with one key as soon as it is shown; else types all letters and a space. A line end is one key and never in the
list; <unk> of the text itself, which nobody types, is left out.
"""

import functools

import numpy as np

from rnnwords.network.recurrent import Floats, Ids
from rnnwords.prediction.ranking import Alphabet
from rnnwords.prediction.scoring import Scored
from rnnwords.text.tokenizer import EOS, UNK
from rnnwords.text.vocabulary import Vocabulary

SHOWN = 3  # words that a typist sees


class KeystrokeSavings:
    """Counts keystrokes over batches of scored words."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.alphabet = Alphabet(vocabulary)
        eos = vocabulary.line_end
        self.not_typed = {UNK} if eos is None else {UNK, EOS}
        self.not_shown = [rank for rank in (vocabulary.unk, eos) if rank is not None]
        self.rivals = functools.lru_cache(maxsize=100_000)(self._rivals)

    def count(self, batch: Scored) -> tuple[int, int]:
        """Keystrokes that the words take without a list, and how many of them it saves."""
        keys = saved = 0
        for row, (word, rank, place) in enumerate(
            zip(batch.words, batch.ids.tolist(), batch.ranks.tolist(), strict=True)
        ):
            if word not in self.not_typed:
                keys += len(word) + 1
                saved += self.saved(rank, place, batch.rivals[row]) if place else 0
            elif word == EOS:
                keys += 1
        return keys, saved

    def saved(self, rank: int, place: int, scores: Floats) -> int:
        """Of the letters and the space of the word at `rank`, which is the `place`-th likeliest by (V,) scores."""
        word = self.vocabulary.words[rank]
        place -= sum((scores[other], -other) > (scores[rank], -rank) for other in self.not_shown)
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
        return np.setdiff1d(self.alphabet.starting_with(prefix), self.not_shown)
