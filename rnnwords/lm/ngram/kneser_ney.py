"""Interpolated modified Kneser-Ney n-gram model over token ids: the baseline that every network must beat.

Follows Chen & Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (TR-10-98), section 3:

    p(w | context) = (c - D(c)) / total(context) + leftover(context) * p(w | context without its oldest word)

- c counts occurrences in the highest order, distinct left neighbours below it. N-grams at a sentence start have no left
  neighbour, so they keep their occurrences. Unigrams back off to the uniform distribution 1 / V.
- D(c) is one of three discounts per order, for c = 1, 2, 3 or more, from the counts of counts n1 .. n4: with
  Y = n1 / (n1 + 2 n2), D(c) = c - (c + 1) Y n[c + 1] / n[c].
- A sentence starts at the first word of the text and after each `boundary`. The start is a context token of its own
  (id V), like <s> in KenLM's `lmplz`: contexts never extend beyond it, and it is never predicted.

Two differences from KenLM: the uniform distribution covers the V given words without one for unknown words, so a
distribution sums to 1 over the vocabulary; and a discount of 0 is replaced, so no word has probability 0. Left out:
pruning, quantization, training on more text than memory holds.

Contexts form a trie read from the newest word backwards; each n-gram belongs to its context, by exact integer keys.
Shapes: B contexts of C words, N words of text, V vocabulary; one order has S contexts and M n-grams.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnwords.errors import ModelError, UsageError
from rnnwords.lm.ngram.level import Floats, Level
from rnnwords.lm.ngram.tensors import PREFIX, UNSIGNED, Array, Ints, Tensors, packed, tensor, unpacked

CHUNK = 1 << 16  # words scored at a time
NOTHING = -1  # in a context: no known word from here backwards

Path = list[tuple[Level, int]]  # of the suffixes of a context, from the shortest on


class KneserNey:
    """A trained n-gram model, immutable. `train` and `from_tensors` make one.

    Contexts are ids (B, C), the newest word last. Words before the last order - 1 are ignored, and so are those before
    the last boundary, which counts as the sentence start. A shorter context, with C down to 0, uses the lower orders;
    it does not count as a sentence start. To put several lengths into one array, fill with -1 on the left.
    """

    def __init__(self, levels: list[Level], vocabulary_size: int, order: int, boundary: int | None) -> None:
        self.vocabulary_size, self.order, self.boundary = vocabulary_size, order, boundary
        self.levels = levels  # [n - 1] holds the n-grams of order n; empty for orders longer than any sentence
        self.size = sum(len(level.ngrams) for level in levels)  # n-grams of all orders
        self.single_words = np.full(vocabulary_size, levels[0].leftover[0] / vocabulary_size)  # (V,)
        self.single_words[levels[0].ngrams] += levels[0].shares
        self._single_float32 = self.single_words.astype(np.float32)

    @classmethod
    def train(cls, ids: ArrayLike, vocabulary_size: int, order: int, boundary: int | None = None) -> KneserNey:
        """Count a text of ids (N,), all below vocabulary_size. `boundary` is the id of the line-end token, if any.

        Raises UsageError for an empty text, ids out of range, and an order below 1.
        """
        words, start = _checked(ids, vocabulary_size, "text", 1), vocabulary_size  # (N,)
        if order < 1 or not words.size:
            raise UsageError(
                f"expected an order of 1 or more and at least one word, found {order} and {words.size} words"
            )
        before = np.concatenate(([start], words[:-1]))  # (N,) the context token before each word
        if boundary is not None:
            before[before == _checked([boundary], vocabulary_size, "boundary", 1)] = start
        rows, nodes = np.arange(len(words)), np.zeros_like(words)  # the words with n - 1 tokens of context
        contexts, at_start = np.zeros(1, np.int64), np.zeros(len(rows), np.bool_)
        tables: list[tuple[Ints, Ints, Ints]] = []  # [n - 1] contexts, n-grams, their counts
        for n in range(1, order + 1):
            keys = nodes * vocabulary_size + words[rows]
            ngrams = np.unique(keys)
            counts = count_keys(ngrams, keys if n == order else keys[at_start])
            if tables:  # each n-gram is one left neighbour of the (n-1)-gram in it
                parents, last = contexts[ngrams // vocabulary_size] // (vocabulary_size + 1), ngrams % vocabulary_size
                tables[-1][2][:] += count_keys(tables[-1][1], parents * vocabulary_size + last)
            tables.append((contexts, ngrams, counts))
            rows, nodes = rows[~at_start], nodes[~at_start]
            if n == order or not rows.size:
                break
            oldest = before[rows - (n - 1)]
            at_start = oldest == start
            contexts, nodes = np.unique(nodes * (vocabulary_size + 1) + oldest, return_inverse=True)
        return cls([Level(*table, vocabulary_size) for table in tables], vocabulary_size, order, boundary)

    def probabilities(self, contexts: ArrayLike) -> Floats:
        """Return (B, V) distributions of the next word after contexts (B, C); each row sums to 1. Raises UsageError."""
        contexts = np.asarray(contexts)
        result = np.zeros((len(contexts), self.vocabulary_size))  # (B, V)
        self.add_to(result, contexts, np.ones(len(contexts)))
        return result

    def add_to(self, result: NDArray[Any], contexts: ArrayLike, weights: NDArray[Any]) -> None:
        """Add to (B, V) numbers the distributions after contexts (B, C), times the weights (B,). Raises UsageError."""
        contexts = _checked(contexts, self.vocabulary_size, "contexts", 2, NOTHING)
        for row, context, weight in zip(result, contexts.tolist(), weights.tolist(), strict=True):
            self.add_after(row, self.path(context), weight)

    def path(self, context: Sequence[int]) -> Path:
        """Return the levels above 1 that have seen a context (C,), and its index in each."""
        node, path = 0, []
        for level, oldest in zip(self.levels[1:], reversed(context), strict=False):  # from the newest word backwards
            if oldest == NOTHING:
                break
            key = node * (self.vocabulary_size + 1) + (self.vocabulary_size if oldest == self.boundary else int(oldest))
            node = int(level.contexts.searchsorted(key))
            if node == len(level.contexts) or level.contexts[node] != key:
                break
            path.append((level, node))
        return path

    def add_after(self, result: NDArray[Any], path: Path, weight: float) -> None:
        """Add to (V,) numbers the distribution after the context of a path, times a weight.

        One pass over the vocabulary; each order adds only the words it has seen.
        """
        for level, node in reversed(path):
            words, counts, discounts, total = level.after(node)
            result[words] += counts * (weight / total)  # each word only once
            weight *= discounts / total
        single = self._single_float32 if result.dtype == np.float32 else self.single_words
        result += result.dtype.type(weight) * single

    def count(self, path: Path) -> int:
        """Return the count of the context of a path. See `seen`."""
        level, node = path[-1] if path else (self.levels[0], 0)
        return level.total(node)

    def seen(self, contexts: ArrayLike) -> tuple[Ints, Ints]:
        """Return for contexts (B, C) the length (B,) of the longest known suffix, and its count (B,).

        Counted as the model counts: below the highest order, by distinct left neighbours. Raises UsageError.
        """
        contexts = _checked(contexts, self.vocabulary_size, "contexts", 2, NOTHING)
        lengths = np.zeros(len(contexts), np.int64)
        times = np.full(len(contexts), int(self.levels[0].totals[0]))
        for length, (level, rows, nodes) in enumerate(self._walk(contexts), start=1):
            lengths[rows], times[rows] = length, level.totals[nodes]
        return lengths, times

    def log_probability(self, contexts: ArrayLike, targets: ArrayLike) -> Floats:
        """Return (B,) natural log-probabilities of targets (B,), each after its row of contexts (B, C). UsageError."""
        contexts = _checked(contexts, self.vocabulary_size, "contexts", 2, NOTHING)
        targets = _checked(targets, self.vocabulary_size, "targets", 1)
        if len(contexts) != len(targets):
            raise UsageError(f"expected as many targets as contexts, found {len(targets)} and {len(contexts)}")
        result = self.single_words[targets]
        for level, rows, nodes in self._walk(contexts):
            found, at = find(level.ngrams, nodes * self.vocabulary_size + targets[rows])
            result[rows] = level.leftover[nodes] * result[rows] + np.where(found, level.shares[at], 0)
        return cast(Floats, np.log(np.maximum(result, np.finfo(np.float64).tiny)))

    def score(self, ids: ArrayLike, history: ArrayLike = ()) -> Floats:
        """Return (N,) natural log-probabilities of the ids (N,) of a text, each given those before it.

        `history` holds the ids before the text; `[boundary]` if it begins with a sentence. Memory beyond the result is
        bounded; `ids` may be a memory map. Raises UsageError for ids out of range.
        """
        ids, width = np.atleast_1d(ids), len(self.levels) - 1
        known = np.concatenate((np.full(width, NOTHING), _checked(history, self.vocabulary_size, "history", 1)))
        results = []
        for begin in range(0, max(1, ids.size), CHUNK):
            targets = _checked(ids[begin : begin + CHUNK], self.vocabulary_size, "text", 1)
            known = np.concatenate((known[len(known) - width :], targets))
            contexts = np.lib.stride_tricks.sliding_window_view(known, width)[: len(targets)]  # (chunk, width)
            results.append(self.log_probability(contexts, targets))
        return np.concatenate(results)

    def to_tensors(self) -> dict[str, Array]:
        """Return the model as integer arrays `ngram/...`, from which `from_tensors` makes the same model, bit for bit.

        `settings` (4,) holds vocabulary size, order, number of levels, boundary or -1. Level n has `n.counts` (M,) and
        the last words `n.ngrams.words` (M,), `n.ngrams.lengths` (S,) of them per context. Levels above 1 likewise have
        the oldest words `n.contexts.words` (S,), `n.contexts.lengths` of them per context of level n - 1.
        """
        size, boundary = self.vocabulary_size, NOTHING if self.boundary is None else self.boundary
        tensors = {PREFIX + "settings": np.array([size, self.order, len(self.levels), boundary], np.int64)}
        for n, level in enumerate(self.levels, 1):
            if n > 1:
                tensors |= packed(f"{n}.contexts", level.contexts, size + 1, len(self.levels[n - 2].contexts))
            tensors |= packed(f"{n}.ngrams", level.ngrams, size, len(level.contexts))
            tensors[f"{PREFIX}{n}.counts"] = level.counts
        return tensors

    @classmethod
    def from_tensors(cls, tensors: Tensors, vocabulary_size: int) -> KneserNey:
        """Return the model that `to_tensors` stored, for a vocabulary of the given size. Other names are ignored.

        Raises ModelError if a tensor is missing, of the wrong type or shape, out of range or out of order.
        """
        size, order, depth, boundary = settings = tensor(tensors, "settings", ["int64"], 4, NOTHING).tolist()
        if size != vocabulary_size or not 1 <= depth <= order or boundary >= size:
            raise ModelError(
                f"{PREFIX}settings: expected [{vocabulary_size}, order, levels, boundary], found {settings}"
            )
        levels, contexts = [], np.zeros(1, np.int64)
        for n in range(1, depth + 1):
            if n > 1:
                contexts = unpacked(tensors, f"{n}.contexts", size + 1, len(contexts), 0)
            ngrams = unpacked(tensors, f"{n}.ngrams", size, len(contexts), 1)
            levels.append(Level(contexts, ngrams, tensor(tensors, f"{n}.counts", UNSIGNED, len(ngrams), 1), size))
        return cls(levels, size, order, None if boundary == NOTHING else boundary)

    def _walk(self, contexts: Ints) -> Iterator[tuple[Level, Ints, Ints]]:
        """Yield each level above 1 with the rows of contexts (B, C) that it has seen, and the index of each context."""
        rows, nodes = np.arange(len(contexts)), np.zeros(len(contexts), np.int64)
        for level, symbols in zip(self.levels[1:], contexts.T[::-1], strict=False):  # from the newest word backwards
            oldest = symbols[rows]
            keys = nodes * (self.vocabulary_size + 1) + np.where(oldest == self.boundary, self.vocabulary_size, oldest)
            found, at = find(level.contexts, np.where(oldest == NOTHING, NOTHING, keys))
            rows, nodes = rows[found], at[found]
            yield level, rows, nodes


def count_keys(table: Ints, keys: Ints) -> Ints:
    """Return (M,) how often each key of the sorted table (M,) occurs among keys that are all in it."""
    distinct, times = np.unique(keys, return_counts=True)
    return np.bincount(np.searchsorted(table, distinct), times, len(table)).astype(np.int64)


def find(table: Ints, keys: Ints) -> tuple[NDArray[np.bool_], Ints]:
    """Return (B,) whether each key is in the sorted table (M,), and its place; undefined for a missing one."""
    at = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return table[at] == keys, at


def _checked(values: ArrayLike, vocabulary_size: int, name: str, dimensions: int, lowest: int = 0) -> Ints:
    """Return ids as int64. Raises UsageError unless they have these dimensions and lie in lowest .. V - 1."""
    ids = np.asarray(values)
    if ids.ndim != dimensions or (ids.size and ids.dtype.kind not in "iu"):
        raise UsageError(f"{name}: expected {dimensions} dimension(s) of integers, found {ids.dtype} {ids.shape}")
    if ids.size and not (lowest <= ids.min() and ids.max() < vocabulary_size):
        raise UsageError(f"{name}: expected ids {lowest}..{vocabulary_size - 1}, found {ids.min()}..{ids.max()}")
    return ids.astype(np.int64)
