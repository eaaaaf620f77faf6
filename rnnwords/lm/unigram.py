"""Unigram model: words by their frequency in the training text, whatever came before."""

from collections.abc import Sequence

import numpy as np

from rnnwords.lm.interface import Floats, Ids, LanguageModel
from rnnwords.text.vocabulary import Vocabulary


def unigram_log_probs(counts: Sequence[int] | Ids) -> Floats:
    """Return (V,) natural log-probabilities by frequency, with one added to each count (Laplace smoothing).

    >>> np.exp(unigram_log_probs([2, 0])).round(2).tolist()
    [0.75, 0.25]
    """
    smoothed = np.asarray(counts, np.float64) + 1
    log_probs: Floats = np.log(smoothed / smoothed.sum()).astype(np.float32)
    return log_probs


class UnigramModel(LanguageModel[None]):
    """Predicts the most frequent words, whatever came before."""

    context_size = 0

    def __init__(self, vocabulary: Vocabulary, log_probs: Floats) -> None:
        self.vocabulary = vocabulary
        self._log_probs = log_probs  # (V,)

    def initial_state(self) -> None:
        """See LanguageModel."""

    def advance(self, state: None, ids: Sequence[int]) -> None:
        """See LanguageModel."""

    def log_probs(self, states: Sequence[None]) -> Floats:
        """See LanguageModel."""
        return np.tile(self._log_probs, (len(states), 1))
