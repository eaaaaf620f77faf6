"""The n-gram model of two texts, from the n-gram models of each: what counting both texts together would give.

Counts of the highest order, and those at a sentence start, are added. The others are counts of distinct left
neighbours, which follow from the n-grams of the next order. Where the text that is counted first does not end with a
sentence end, the n-grams across the border are missing, and the second text counts as the start of a sentence.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import UsageError
from rnnwords.lm.ngram.kneser_ney import KneserNey, count_keys
from rnnwords.lm.ngram.level import Level
from rnnwords.lm.ngram.tensors import Array, Ints

_NONE = np.zeros(0, np.int64)


def united(first: KneserNey, second: KneserNey, ids: Ints) -> KneserNey:
    """Return the model of the texts of both models, over the vocabulary of the second.

    `ids` (V,) has the id in the vocabulary of the second for each id of the first. Raises UsageError for models of
    different orders, or of which one has sentence ends.
    """
    if first.order != second.order or (first.boundary is None) != (second.boundary is None):
        raise UsageError(f"expected n-grams of one order and kind, found orders {first.order} and {second.order}")
    size = second.vocabulary_size
    parts = [_Part(first, np.append(ids, size)), _Part(second, np.arange(size + 1))]
    contexts = np.zeros(1, np.int64)
    tables: list[tuple[Ints, Ints, Ints]] = []
    for n in range(max(len(first.levels), len(second.levels))):
        if n:
            keys = [part.moved(part.contexts(n), 1, size + 1) for part in parts]
            contexts = np.unique(np.concatenate(keys))
            for part, own in zip(parts, keys, strict=True):
                part.nodes = np.searchsorted(contexts, own)
        ngrams, places = np.unique(
            np.concatenate([part.moved(part.ngrams(n), 0, size) for part in parts]), return_inverse=True
        )
        occurrences = np.bincount(places, np.concatenate([part.counts(n) for part in parts]), len(ngrams))
        counts = occurrences.astype(np.int64)
        if n + 1 < first.order:  # the others get the number of their left neighbours with the next order
            counts[contexts[ngrams // size] % (size + 1) != size if n else slice(None)] = 0
        if tables:  # each n-gram is one left neighbour of the shorter one in it
            parents, last = contexts[ngrams // size] // (size + 1), ngrams % size
            tables[-1][2][:] += count_keys(tables[-1][1], parents * size + last)
        tables.append((contexts, ngrams, counts))
    return KneserNey([Level(*table, size) for table in tables], size, second.order, second.boundary)


@dataclass
class _Part:
    """One of the two models, with the ids (V + 1,) in the union of its ids and of its sentence start."""

    model: KneserNey
    ids: NDArray[Any]

    def __post_init__(self) -> None:
        self.nodes: Ints = np.zeros(1, np.int64)  # index in the union of each context of the present order

    def contexts(self, n: int) -> Ints:
        """Return the contexts of level n; none if the model has no n-grams that long."""
        return self.model.levels[n].contexts if n < len(self.model.levels) else _NONE

    def ngrams(self, n: int) -> Ints:
        """Return the n-grams of level n."""
        return self.model.levels[n].ngrams if n < len(self.model.levels) else _NONE

    def counts(self, n: int) -> Array:
        """Return the counts of the n-grams of level n."""
        return self.model.levels[n].counts if n < len(self.model.levels) else _NONE

    def moved(self, keys: Ints, start: int, radix: int) -> Ints:
        """Return keys context * radix + word of this model, whose radix is V + `start`, as keys of the union."""
        at, words = np.divmod(keys, self.model.vocabulary_size + start)
        moved: Ints = self.nodes[at] * radix + self.ids[words]
        return moved
