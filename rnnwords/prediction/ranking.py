"""From log-probabilities to ranked words. Shapes: B distributions, V vocabulary, K words, C candidates."""

import bisect
import functools
from typing import NamedTuple

import numpy as np

from rnnwords.errors import UsageError
from rnnwords.lm.interface import Floats, Ids
from rnnwords.network.recurrent import log_softmax
from rnnwords.text.vocabulary import Vocabulary

BLOCKS = 64  # parts of a row whose maxima bound the K-th largest value


class Prediction(NamedTuple):
    """A next word and its probability, 0 to 1."""

    word: str
    probability: float


class Answer(NamedTuple):
    """The predictions after a prompt."""

    prompt: str
    predictions: list[Prediction]  # best first
    unknown: list[str]  # words of the prompt outside the vocabulary, in order
    entropy: float  # of the whole distribution, in nats


class Ranker:
    """Ranks the words of a vocabulary by log-probabilities, <unk> left out."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def rank(self, log_probs: Floats, k: int = 5, prefix: str = "") -> list[list[Prediction]]:
        """Return for each row of (B, V) natural log-probabilities the `k` most probable words, best first.

        With `prefix`, only words that begin with it, their probabilities renormalized. Raises UsageError for k below 1.
        """
        if k < 1:
            raise UsageError(f"`k`: expected 1 or more, found {k}")
        unk, words = self.vocabulary.unk_id, self.vocabulary.words
        candidates = None
        if prefix:
            candidates = self.with_prefix(prefix)
            candidates = candidates if unk is None else candidates[candidates != unk]
            if not len(candidates):
                return [[] for _ in log_probs]
        ids, probs = rank(log_probs, k + (unk is not None), candidates)
        return [
            [Prediction(words[one], prob) for one, prob in zip(*row, strict=True) if one != unk][:k]
            for row in zip(ids.tolist(), probs.tolist(), strict=True)
        ]

    def with_prefix(self, prefix: str) -> Ids:
        """Return (C,) ids of the words that begin with `prefix` (lowercased if the text is), in alphabetical order."""
        if self.vocabulary.text.lowercase:
            prefix = prefix.lower()
        words, ids = self._alphabetical
        first = bisect.bisect_left(words, prefix)
        last = bisect.bisect_left(words, True, first, key=lambda word: not word.startswith(prefix))
        return ids[first:last]

    @functools.cached_property
    def _alphabetical(self) -> tuple[list[str], Ids]:
        """All words in alphabetical order, and their ids."""
        words = self.vocabulary.words
        ids = sorted(range(len(words)), key=words.__getitem__)
        return [words[one] for one in ids], np.array(ids)


def rank(log_probs: Floats, k: int, candidates: Ids | None = None) -> tuple[Ids, Floats]:
    """Return (B, K) ids of the most probable words of (B, V), best first, and (B, K) their probabilities.

    With `candidates` (C,), ids, only those count, and their probabilities are renormalized. K is `k`, or less where
    there are fewer words.
    """
    if candidates is not None:
        candidates = np.sort(candidates)
        log_probs = log_softmax(log_probs[:, candidates].astype(np.float64))
    best = largest(log_probs, min(k, log_probs.shape[1]))
    probs = np.exp(np.take_along_axis(log_probs, best, axis=1), dtype=np.float64)
    return (best if candidates is None else candidates[best]), probs


def largest(values: Floats, k: int) -> Ids:
    """Return (B, k) the places of the k largest values of each row of (B, V), largest first, ties by place; k <= V."""
    batch, size = values.shape
    width = size // BLOCKS
    if 2 * k <= width:  # the k-th largest maximum of a block is at most the k-th largest value
        maxima = values[:, : width * BLOCKS].reshape(batch, BLOCKS, width).max(axis=1)
    else:
        maxima = values
    floor = np.partition(maxima, maxima.shape[1] - k, axis=1)[:, maxima.shape[1] - k]
    above = np.flatnonzero(values >= floor[:, None])  # k or more per row
    rows, places = np.divmod(above, size)
    order = np.lexsort((places, -values.ravel()[above], rows))
    first = np.searchsorted(rows, np.arange(batch))
    best: Ids = places[order][first[:, None] + np.arange(k)]
    return best


def entropy(log_probs: Floats) -> Floats:
    """Return (...) entropies in nats of (..., V) natural log-probabilities."""
    nats: Floats = -np.einsum("...v,...v->...", np.exp(log_probs), log_probs)
    return nats
