"""The back-off form of a Kneser-Ney model: the whole probability of each n-gram, and a weight per context.

An interpolated model is a back-off model (Katz 1987), so the conversion is exact:

    p(w | context) = the probability of the n-gram `context w`, if there is one
                   = weight(context) * p(w | context without its oldest word), if not; a missing weight is 1

The probabilities include what the lower orders add, and the weights are the `leftover` of `lm.ngram.kneser_ney`.
Shapes: S contexts and M n-grams of an order n; N n-grams at a time; V vocabulary.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from rnnwords.errors import ModelError
from rnnwords.lm.ngram.kneser_ney import KneserNey, find
from rnnwords.lm.ngram.level import Floats
from rnnwords.lm.ngram.tensors import Ints

CHUNK = 1 << 16  # n-grams at a time


class Ngrams(NamedTuple):
    """N n-grams of order n."""

    ids: Ints  # (N, n) oldest word first; V is the sentence start, which is only ever the oldest
    probs: Floats  # (N,) of the last word after the others; 0 for the sentence start alone
    weights: Floats  # (N,) the back-off weight after all n words; NaN where nothing was seen after them


class Backoff:
    """A Kneser-Ney model in back-off form.

    Without a line-end token the only sentence start is that of the training text. No prediction uses it, so n-grams
    that begin with it are left out.
    """

    def __init__(self, model: KneserNey) -> None:
        """Find each context among the n-grams. Raises ModelError for contexts and n-grams that no text can have."""
        self.levels, self.V, self.starts = model.levels, len(model.single_words), model.boundary is not None
        self._probs = [np.append(model.single_words, 0.0)]  # [n - 1] (M,); of order 1 (V + 1,)
        self._places: list[Ints] = []  # [n - 1] (S,) for each context of n words its place among the n-grams of order n
        prefixes = newest = np.empty(0, np.int64)  # (S,) a context without its newest word, and that word
        for n, level in enumerate(self.levels[1:], start=1):
            parents, oldest = np.divmod(level.contexts, self.V + 1)
            if n == 1:
                prefixes, newest, places = parents, oldest, oldest
            else:
                before = self.levels[n - 1]
                prefixes = _place(before.contexts, prefixes[parents] * (self.V + 1) + oldest)
                newest = newest[parents]
                places = _place(before.ngrams, prefixes * self.V + newest)
            self._places.append(places)
            nodes, words = np.divmod(level.ngrams, self.V)
            shorter = parents[nodes] * self.V + words
            lower = self._probs[-1][shorter if n == 1 else _place(self.levels[n - 1].ngrams, shorter)]
            self._probs.append(level.shares + level.leftover[nodes] * lower)

    def counts(self) -> list[int]:
        """Return the number of n-grams of each order; those of order 1 are all V words and the sentence start."""
        seen = [len(level.ngrams) for level in self.levels[1:]]
        if not self.starts:
            for number, level in enumerate(self.levels[1:]):
                at_start = level.contexts % (self.V + 1) == self.V
                seen[number] -= int(np.count_nonzero(at_start[level.ngrams // self.V]))
        return [self.V + 1, *seen]

    def ngrams(self, order: int) -> Iterator[Ngrams]:
        """Yield all n-grams of an order, a bounded number at a time."""
        probs = self._probs[order - 1]
        weights = np.full(len(probs), np.nan)
        if order < len(self.levels):
            weights[self._places[order - 1]] = self.levels[order].leftover
        if order == 1 and not self.starts:
            weights[self.V] = np.nan
        for begin in range(0, len(probs), CHUNK):
            chunk = slice(begin, begin + CHUNK)
            ids = self._ids(order, chunk)
            kept = slice(None) if self.starts or order == 1 else ids[:, 0] != self.V
            yield Ngrams(ids[kept], probs[chunk][kept], weights[chunk][kept])

    def _ids(self, order: int, chunk: slice) -> Ints:
        """Return (N, n) the words of some n-grams."""
        if order == 1:
            return np.arange(self.V + 1)[chunk, None]
        nodes, last = np.divmod(self.levels[order - 1].ngrams[chunk], self.V)
        columns = []
        for level in self.levels[order - 1 : 0 : -1]:
            nodes, oldest = np.divmod(level.contexts[nodes], self.V + 1)
            columns.append(oldest)
        return np.stack([*columns, last], axis=1)


def _place(table: Ints, keys: Ints) -> Ints:
    """Return the places of keys in a sorted table that has them all."""
    found, places = find(table, keys)
    if not found.all():
        raise ModelError(
            "the n-gram of the model file is damaged: expected the context and the end of each n-gram among the "
            "shorter ones, found one without"
        )
    return places
