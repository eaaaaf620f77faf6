"""Continuous cache language model (Grave, Joulin & Usunier 2017, "Improving Neural Language Models with a Continuous
Cache", equations 2 and 3): raises the probability of recently seen words.

    p(w) = (1 - weight) * p_base(w) + weight * p_cache(w)
    p_cache(w) = sum over cached words i equal to w of exp(sharpness * similarity(i)) / the same sum over all of them

Over a stateful network, similarity(i) is the inner product of the network's output now and its output before word i;
`sharpness` is theta of the paper. Over any other model similarity is minus the age of the word, so `sharpness` is an
exponential decay (Clarkson & Robinson 1997; without decay: Kuhn & De Mori 1990). With an empty cache, p is p_base.

Shapes: B states, T ids, N words of a history, H units, V vocabulary, U distinct words.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnwords.lm.interface import Floats, Ids, LanguageModel
from rnnwords.lm.networks import StatefulNetwork


@dataclass(frozen=True, eq=False)
class CacheHistory:
    """Words read so far, shared by the states along one text."""

    ids: Ids  # (N,)
    keys: Floats  # (N, H) outputs before each word; (N, 0) where similarity is age


class CacheState(NamedTuple):
    """State of the base model, and the part of a history that precedes it."""

    base: Any
    history: CacheHistory
    length: int  # words of the history before this state


class CacheModel(LanguageModel[CacheState]):
    """A language model interpolated with a cache of the last `size` words."""

    def __init__(
        self, base: LanguageModel[Any], size: int, weight: float, sharpness: float, source: str = "given"
    ) -> None:
        """`weight` is that of the cache; `source` says where weight and sharpness come from."""
        self.base, self.size, self.weight, self.sharpness, self.source = base, size, weight, sharpness, source
        self.vocabulary = base.vocabulary
        self.context_size = None if base.context_size is None else max(size, base.context_size)
        self.network = base if isinstance(base, StatefulNetwork) else None
        self.units = self.network.network.config.units if self.network else 0  # of the keys

    @property
    def prompt_size(self) -> int:
        """See LanguageModel."""
        return max(self.size, self.base.prompt_size)

    @property
    def state_size(self) -> int:
        """See LanguageModel."""
        return max(self.base.state_size, self.size * self.units)

    def initial_state(self) -> CacheState:
        """See LanguageModel. The cache is empty."""
        history = CacheHistory(np.empty(0, np.int64), np.empty((0, self.units), np.float32))
        return CacheState(self.base.initial_state(), history, 0)

    def advance(self, state: CacheState, ids: Sequence[int]) -> CacheState:
        """See LanguageModel."""
        return self.advance_each(state, ids)[-1] if len(ids) else state

    def advance_each(self, state: CacheState, ids: Sequence[int]) -> list[CacheState]:
        """See LanguageModel."""
        after = self.base.advance_each(state.base, ids)
        kept = slice(max(0, state.length - self.size), state.length)
        seen = np.concatenate([state.history.ids[kept], np.asarray(ids, np.int64)])
        keys = np.concatenate([state.history.keys[kept], self._keys([state.base, *after[:-1]])])
        history, first = CacheHistory(seen, keys), len(seen) - len(ids) + 1
        return [CacheState(base, history, length) for length, base in enumerate(after, start=first)]

    def log_probs(self, states: Sequence[CacheState]) -> Floats:
        """See LanguageModel."""
        log_probs = self.base.log_probs([state.base for state in states])
        for rows, ids, probs in self.attention(states, [self.sharpness]):
            self._interpolate(log_probs[rows], ids, probs[self.sharpness])
        return log_probs

    def attention(
        self, states: Sequence[CacheState], sharpnesses: Sequence[float]
    ) -> Iterator[tuple[slice, Ids, dict[float, Floats]]]:
        """Yield, for each run of B states along one text, their rows, the ids (n,) of the words that they may see, and
        by sharpness the probability (B, n) of each of these words; rows of an empty cache are 0."""
        first = 0
        for history, run in itertools.groupby(states, key=lambda state: state.history):
            group = list(run)
            rows = slice(first, first + len(group))
            first += len(group)
            lengths = np.array([state.length for state in group])
            seen = slice(max(0, int(lengths.min()) - self.size), int(lengths.max()))
            ages = lengths[:, None] - np.arange(seen.start, seen.stop)  # 1: the word just before
            if self.network:
                similarity = self._keys([state.base for state in group]) @ history.keys[seen].T
            else:
                similarity = (1 - ages).astype(np.float32)
            visible = (ages > 0) & (ages <= self.size)
            similarity = np.where(visible, similarity, np.float32(-np.inf))
            yield rows, history.ids[seen], {one: _softmax(similarity, visible, one) for one in sharpnesses}

    def _keys(self, bases: Sequence[Any]) -> Floats:
        """Return (B, H) outputs of the base model at these states, or (B, 0)."""
        return self.network.outputs(bases) if self.network else np.empty((len(bases), 0), np.float32)

    def _interpolate(self, log_probs: Floats, ids: Ids, probs: Floats) -> None:
        """Mix (B, n) probabilities of the words `ids` (n,) into (B, V) log-probabilities, in place."""
        if not probs.size or not self.weight:
            return
        order = np.argsort(ids, kind="stable")
        distinct, starts = np.unique(ids[order], return_index=True)  # (U,)
        sums = np.add.reduceat(probs[:, order], starts, axis=1)  # (B, U)
        log_probs += np.where(probs.any(axis=1), np.float32(np.log1p(-self.weight)), np.float32(0))[:, None]
        with np.errstate(divide="ignore"):  # log 0 is -inf, which adds nothing
            log_probs[:, distinct] = np.logaddexp(log_probs[:, distinct], np.log(np.float32(self.weight) * sums))


def _softmax(similarity: Floats, visible: NDArray[np.bool_], sharpness: float) -> Floats:
    """Return (B, n) softmax over the visible words of each row; 0 in a row without any."""
    if not similarity.size:
        return similarity
    highest = np.where(visible.any(axis=1), similarity.max(axis=1), 0)[:, None]
    with np.errstate(invalid="ignore"):  # 0 times infinity at hidden words
        probs: Floats = np.where(visible, np.exp(np.float32(sharpness) * (similarity - highest)), np.float32(0))
    probs /= np.maximum(probs.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return probs
