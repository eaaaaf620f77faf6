"""From log-probabilities to ranked words. Shapes: B distributions, V vocabulary, K words, C candidates."""

from typing import NamedTuple, cast

import numpy as np

from rnnwords.errors import UsageError
from rnnwords.lm.interface import Floats, Ids
from rnnwords.network.recurrent import log_softmax
from rnnwords.prediction.prefixes import Candidates, PrefixIndex
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
    """Ranks the words of a vocabulary by log-probabilities; <unk> and excluded words are left out."""

    def __init__(self, vocabulary: Vocabulary, shorter: "Ranker | None" = None) -> None:
        """`shorter` is the ranker of a vocabulary that this one extends."""
        self.vocabulary = vocabulary
        self.prefixes: PrefixIndex = PrefixIndex(vocabulary, None if shorter is None else shorter.prefixes)
        self.excluded = np.array(sorted(vocabulary.excluded), np.int64)
        self.left_out = {vocabulary.unk_id, *vocabulary.excluded}

    def rank(self, log_probs: Floats, k: int = 5, prefix: str = "", exact: bool = False) -> list[list[Prediction]]:
        """Return for each row of (B, V) natural log-probabilities the `k` most probable words, best first.

        With `prefix`, only the words that match it, or with `exact` those that begin with it. First come those
        that begin with it as typed, then those that do regardless of case and marks, then those with one typing error.
        Each has its probability given that the word is one of all these. Raises UsageError for k below 1.
        """
        if k < 1:
            raise UsageError(f"`k`: expected 1 or more, found {k}")
        unk, words = self.vocabulary.unk_id, self.vocabulary.words
        if prefix:
            ids, probs = rank_candidates(log_probs, k, self.prefixes.candidates(prefix, exact))
        else:
            if len(self.excluded):
                log_probs = log_probs.copy()
                log_probs[:, self.excluded] = -np.inf
            ids, probs = rank(log_probs, k + (unk is not None))
        return [
            [Prediction(words[one], prob) for one, prob in zip(*row, strict=True) if one not in self.left_out][:k]
            for row in zip(ids.tolist(), probs.tolist(), strict=True)
        ]

    def with_prefix(self, prefix: str) -> Ids:
        """Return (C,) ids of the words that begin with `prefix` (lowercased if the text is), by frequency."""
        return self.prefixes.exact(prefix)


def rank_candidates(log_probs: Floats, k: int, candidates: Candidates) -> tuple[Ids, Floats]:
    """Return (B, K) ids of the `k` best candidates, tier by tier, and (B, K) their probabilities among all candidates.

    A word that would be offered in the same letters as a better one is left out, and adds its probability to that one.
    """
    ids = np.concatenate(candidates.tiers)
    if not len(ids):
        return np.empty((len(log_probs), 0), np.int64), np.empty((len(log_probs), 0), np.float32)
    chosen = log_softmax(cast(Floats, log_probs[:, ids].astype(np.float64)))  # (B, C)
    places = {one: place for place, one in enumerate(ids.tolist())} if candidates.alike else {}
    listed = np.ones(len(ids), bool)
    for other, best in candidates.alike.items():
        place = places[best]
        chosen[:, place] = np.logaddexp(chosen[:, place], chosen[:, places[other]])
        listed[places[other]] = False
    best_ids, best_probs, first = [], [], 0
    for tier in candidates.tiers:
        end = first + len(tier)
        columns = first + np.flatnonzero(listed[first:end])
        first = end
        size = min(k, len(columns))
        if size:
            best_columns = columns[largest(chosen[:, columns], size)]  # (B, size)
            best_ids.append(ids[best_columns])
            best_probs.append(cast(Floats, np.exp(np.take_along_axis(chosen, best_columns, axis=1))))
            k -= size
    return np.concatenate(best_ids, axis=1), np.concatenate(best_probs, axis=1)


def rank(log_probs: Floats, k: int) -> tuple[Ids, Floats]:
    """Return (B, K) ids of the most probable words of (B, V), best first, and (B, K) their probabilities.

    K is `k`, or less where there are fewer words.
    """
    best = largest(log_probs, min(k, log_probs.shape[1]))
    return best, np.exp(np.take_along_axis(log_probs, best, axis=1), dtype=np.float64)


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
    products = np.exp(log_probs)
    products *= log_probs
    nats: Floats = -products.sum(axis=-1)  # row by row, unlike np.einsum, which adds in another order in a batch
    return nats
