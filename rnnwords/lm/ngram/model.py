"""The Kneser-Ney n-gram model as a language model. `lm.ngram.kneser_ney` has the mathematics.

Shapes: B states, C context ids (order - 1), V vocabulary.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rnnwords.lm.interface import Floats, Ids, LanguageModel
from rnnwords.lm.ngram.kneser_ney import NOTHING, KneserNey
from rnnwords.text.vocabulary import Vocabulary

PATHS = 1_024  # contexts in which the levels of the last predictions are kept

Context = tuple[int, ...]  # the last C ids, filled with NOTHING on the left


class NgramModel(LanguageModel[Context]):
    """An interpolated modified Kneser-Ney model of some order over the ids of a vocabulary."""

    def __init__(self, kneser_ney: KneserNey, vocabulary: Vocabulary) -> None:
        self.kneser_ney, self.vocabulary = kneser_ney, vocabulary
        self.order = kneser_ney.order  # words of the longest n-gram
        self.context_size: int = self.order - 1
        self.path = lru_cache(PATHS)(kneser_ney.path)  # weights by count and probabilities need the same ones

    def initial_state(self) -> Context:
        """See LanguageModel."""
        boundary = self.kneser_ney.boundary
        return self.advance((NOTHING,) * self.context_size, () if boundary is None else (boundary,))

    def advance(self, state: Context, ids: Sequence[int]) -> Context:
        """See LanguageModel."""
        return (*state, *ids)[len(ids) :]

    def log_probs(self, states: Sequence[Context]) -> Floats:
        """See LanguageModel."""
        probs = self.kneser_ney.probabilities(self.contexts(states))
        return np.log(np.maximum(probs, np.finfo(np.float64).tiny, out=probs), out=probs).astype(np.float32)

    def add_probs(self, states: Sequence[Context], weights: NDArray[np.float64], out: Floats) -> None:
        """See LanguageModel. Each order adds only the words that it has seen."""
        for row, state, weight in zip(out, states, weights.tolist(), strict=True):
            self.kneser_ney.add_after(row, self.path(state), weight)

    def contexts(self, states: Sequence[Context]) -> Ids:
        """Return B states as an array (B, C)."""
        return np.array(states, np.int64).reshape(len(states), self.context_size)
