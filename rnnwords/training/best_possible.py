"""Best figures that any predictor with the same context can reach on a text."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnwords.text.encoded import EncodedText
from rnnwords.training.batches import evaluated_streams

# Share of the best possible mean probability from which a text is learned completely. A sample of 32 words has a wrong
# word in one of four cases at 0.99, in one of seven at 0.995, which takes five epochs more on a text of 200 words.
LEARNED = 0.997


@dataclass(frozen=True)
class BestPossible:
    """Best figures of any predictor with the same context on all words of a text that an evaluation predicts.

    The predictor that has the lowest loss gives each word its relative frequency after the context. `probability` is
    the mean over all predicted words of the probability that it gives to the right one.
    """

    correct: int  # words
    words: int
    loss: float  # nats per word: the entropy of the next word, given the context
    probability: float

    def stage(self, correct: int, words: int, probability: float | None) -> int:
        """Return the stage of an evaluation: 0; 1: maximum accuracy; 2: also nearly the best mean probability.

        `words` is the number of evaluated words, which must be all for stages 1 and 2.
        """
        if words < self.words or correct < self.correct:
            return 0
        return 2 if probability is not None and probability >= LEARNED * self.probability else 1


def best_possible(text: EncodedText, window: int) -> BestPossible | None:
    """Return the best possible figures with contexts of `window` words; None if the text has no window."""
    ids = np.asarray(text[0 : len(text)]).astype(np.int64)
    count = len(ids) - window
    if count < 1:
        return None
    context = np.zeros(count, np.int64)
    for t in range(window):
        context = _extended(context, ids[t : t + count])
    return _of_pairs(context, ids[window:])


def best_possible_of_streams(text: EncodedText) -> BestPossible | None:
    """Return the best possible figures where the context is all words before; None if the text has fewer than two.

    Only streams that begin with the same words have equal contexts.
    """
    if len(text) < 2:
        return None
    rows = evaluated_streams(np.asarray(text[0 : len(text)])).astype(np.int64)
    return _of_pairs(np.concatenate(list(_contexts(rows))), rows[:, 1:].T.ravel())


def _contexts(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of the contexts of each time step of (B, T + 1) streams, of which equal ones are the same."""
    context, first = np.zeros(len(rows), np.int64), 0
    for words in rows[:, :-1].T:
        context = _extended(context, words)
        yield context + first
        first += len(rows)


def _extended(context: NDArray[np.int64], words: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return numbers of the contexts with one word more each; equal ones have the same number."""
    numbers: NDArray[np.int64] = np.unique(context * (int(words.max()) + 1) + words, return_inverse=True)[1]
    return numbers


def _of_pairs(context: NDArray[np.int64], words: NDArray[np.int64]) -> BestPossible:
    """Return the best possible figures of the next words after contexts, which are numbers.

    Of equal contexts with different next words, only those with the most frequent one can be right.
    """
    tokens = int(words.max()) + 1
    pairs, counts = np.unique(context * tokens + words, return_counts=True)
    most, sums = np.zeros((2, int(context.max()) + 1), np.int64)
    np.maximum.at(most, pairs // tokens, counts)
    np.add.at(sums, pairs // tokens, counts)
    frequencies = counts / sums[pairs // tokens]
    loss = -float((counts * np.log(frequencies)).sum()) / len(words)
    return BestPossible(int(most.sum()), len(words), loss + 0.0, float((counts * frequencies).sum()) / len(words))
