"""From scores to ranked words. Letters: B distributions, V vocabulary, K words asked for, C candidates."""

import bisect
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnwords.network.recurrent import Floats, Ids, log_softmax
from rnnwords.text.vocabulary import Vocabulary

BLOCKS = 64  # words a block, of which the search for the largest looks at the maximum first


class Prediction(NamedTuple):
    """A next word and its probability, 0 to 1."""

    word: str
    probability: float


class Answer(NamedTuple):
    """What is predicted after a prompt."""

    prompt: str
    predictions: list[Prediction]  # best first
    unknown: list[str]  # words of the prompt that the vocabulary lacks, in order
    entropy: float  # of the whole distribution, in nats


def log_frequencies(counts: Sequence[int] | Ids) -> Floats:
    """(V,) occurrences -> (V,) natural log-probabilities by frequency, one added to each count: none is impossible."""
    added = np.asarray(counts, np.float64) + 1
    found: Floats = np.log(added / added.sum()).astype(np.float32)
    return found


def rank(scores: Floats, k: int, candidates: Ids | None = None) -> tuple[Ids, Floats]:
    """(B, V) natural log-probabilities -> (B, K) ranks, best first, and (B, K) their probabilities.

    With `candidates` (C,), ranks, only those are looked at, and their probabilities are made to sum to 1. K is `k`, or
    less where there are no more words.
    """
    if candidates is not None:
        candidates = np.sort(candidates)
        scores = log_softmax(scores[:, candidates].astype(np.float64))
    best = largest(scores, min(k, scores.shape[1]))
    probabilities = np.exp(np.take_along_axis(scores, best, axis=1), dtype=np.float64)
    return (best if candidates is None else candidates[best]), probabilities


def largest(scores: Floats, k: int) -> Ids:
    """(B, V) -> (B, k): where the k largest of each row stand, largest first, ties by place. k is V at the most."""
    batch, size = scores.shape
    blocks = size // BLOCKS
    if 2 * k <= blocks:  # the k-th largest maximum of the blocks is no larger than the k-th largest of all
        tops = scores[:, : blocks * BLOCKS].reshape(batch, BLOCKS, blocks).max(axis=1)
    else:
        tops = scores
    floor = np.partition(tops, tops.shape[1] - k, axis=1)[:, tops.shape[1] - k]
    found = np.flatnonzero(scores >= floor[:, None])  # k or more a row
    rows, places = np.divmod(found, size)
    order = np.lexsort((places, -scores.ravel()[found], rows))
    first = np.searchsorted(rows, np.arange(batch))
    best: Ids = places[order][first[:, None] + np.arange(k)]
    return best


def entropy(scores: Floats) -> Floats:
    """(..., V) natural log-probabilities -> (...) entropy in nats."""
    found: Floats = -np.einsum("...v,...v->...", np.exp(scores), scores)
    return found


class Alphabet:
    """A vocabulary in the order of its letters."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        order = sorted(range(len(vocabulary)), key=vocabulary.words.__getitem__)
        self.words = [vocabulary.words[rank] for rank in order]
        self.ranks = np.array(order)

    def starting_with(self, prefix: str) -> Ids:
        """The ranks of the words that begin with `prefix`, in the order of their letters."""
        first = bisect.bisect_left(self.words, prefix)
        last = bisect.bisect_left(self.words, True, first, key=lambda word: not word.startswith(prefix))
        return self.ranks[first:last]
