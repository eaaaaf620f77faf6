"""Interpolation with a personal n-gram model: counts of what one user has written, also of words that the vocabulary of
the model lacks.

    p(w) = (1 - weight) * p_base(w) + weight * p_personal(w)

p_personal interpolates the counts after the last two words, after the last one and without context (Witten & Bell
1991): a context seen N times with T different followers leaves T / (N + T) to the shorter one. The weight grows with N:
see WEIGHTS. A part of p_base(<unk>) goes to the words outside the vocabulary, by their counts; a line end keeps its
probability.

Shapes: B states, V words of the vocabulary of the model, X other words, which have the ids after them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnwords.lm.interface import Floats, Ids, LanguageModel
from rnnwords.text.vocabulary import Vocabulary

ORDER = 3  # words of the longest n-gram
# By the words of the longest context that was seen, 0 to ORDER - 1: the highest weight of the personal model, and how
# often a context was seen when half of it is reached. Chosen by hand on parts of novels by three authors. The base was
# a network and a 4-gram trained on other novels.
WEIGHTS = ((0.1, 300.0), (0.25, 5.0), (0.4, 2.0))
UNKNOWN_HALF = 1_000.0  # words outside the vocabulary that were written when half of p_base(<unk>) goes to them


class Followers(NamedTuple):
    """The words after a context, with their counts."""

    ids: Ids  # (U,)
    counts: Floats  # (U,)
    total: float


class PersonalCounts:
    """Counts of n-grams of up to ORDER token ids."""

    def __init__(self, known: int) -> None:
        """`known` is V: higher ids are those of words outside the vocabulary."""
        self.known = known
        self._unknown: dict[int, int] = {}  # id of V or more -> count
        self._cached_unknown: Followers | None = None
        self._after: defaultdict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
        self._cached: dict[tuple[int, ...], Followers] = {}

    def add(self, ids: Sequence[int], count: int) -> None:
        """Count the last of these ids after each end of the others."""
        *before, word = ids
        for length in range(len(before) + 1):
            context = tuple(before[len(before) - length :])
            followers = self._after[context]
            followers[word] = followers.get(word, 0) + count
            self._cached.pop(context, None)
        if word >= self.known:
            self._unknown[word] = self._unknown.get(word, 0) + count
            self._cached_unknown = None

    @property
    def unknown(self) -> Followers | None:
        """The words outside the vocabulary, whatever came before; None if there are none."""
        if self._cached_unknown is None and self._unknown:
            self._cached_unknown = _followers(self._unknown)
        return self._cached_unknown

    def after(self, context: tuple[int, ...]) -> Followers | None:
        """Return the words after a context; None if it was not seen."""
        if context not in self._after:
            return None
        if context not in self._cached:
            self._cached[context] = _followers(self._after[context])
        return self._cached[context]


def _followers(counted: Mapping[int, int]) -> Followers:
    counts = np.fromiter(counted.values(), np.float32, len(counted))
    return Followers(np.fromiter(counted, np.int64, len(counted)), counts, float(sum(counted.values())))


class PersonalState(NamedTuple):
    """State of the base model, and the last ids."""

    base: Any
    context: tuple[int, ...]  # up to ORDER - 1


class PersonalModel(LanguageModel[PersonalState]):
    """A language model interpolated with personal counts, over a vocabulary extended by personal words."""

    def __init__(self, base: LanguageModel[Any], vocabulary: Vocabulary, counts: PersonalCounts) -> None:
        """`vocabulary` has the words of that of `base`, and then others; `counts` may grow."""
        self.base, self.vocabulary, self.counts = base, vocabulary, counts
        self.context_size = None if base.context_size is None else max(base.context_size, ORDER - 1)

    @property
    def prompt_size(self) -> int:
        """See LanguageModel."""
        return max(self.base.prompt_size, ORDER - 1)

    @property
    def state_size(self) -> int:
        """See LanguageModel."""
        return self.base.state_size

    def base_ids(self, ids: Iterable[int]) -> list[int]:
        """Return the ids that the base model reads: <unk> for a personal word or, if there is none, nothing."""
        known, unk = len(self.base.vocabulary), self.base.vocabulary.unk_id
        replaced = (one if one < known else unk for one in ids)
        return [one for one in replaced if one is not None]

    def state(self, base: Any, ids: Sequence[int]) -> PersonalState:
        """Return the state after these ids, given that of the base model after its own."""
        return PersonalState(base, tuple(ids[-(ORDER - 1) :]))

    def initial_state(self) -> PersonalState:
        """See LanguageModel."""
        return PersonalState(self.base.initial_state(), ())

    def advance(self, state: PersonalState, ids: Sequence[int]) -> PersonalState:
        """See LanguageModel."""
        base = self.base.advance(state.base, self.base_ids(ids)) if len(ids) else state.base
        return self.state(base, (*state.context, *ids))

    def advance_each(self, state: PersonalState, ids: Sequence[int]) -> list[PersonalState]:
        """See LanguageModel."""
        known = [len(self.base_ids([one])) for one in ids]  # 0 for a word that the base model does not read
        bases = [state.base, *self.base.advance_each(state.base, self.base_ids(ids))]
        text = (*state.context, *ids)
        first = len(state.context) + 1
        places = np.cumsum(known).tolist()
        return [self.state(bases[place], text[: first + at]) for at, place in enumerate(places)]

    def log_probs(self, states: Sequence[PersonalState]) -> Floats:
        """See LanguageModel."""
        base = self.base.log_probs([state.base for state in states])  # (B, V)
        probs = np.zeros((len(states), len(self.vocabulary)), np.float32)
        np.exp(base, out=probs[:, : base.shape[1]])
        self._share_unknown(probs)
        for row, state in zip(probs, states, strict=True):
            self._interpolate(row, state.context)
        np.maximum(probs, np.finfo(np.float32).tiny, out=probs)
        return np.log(probs, out=probs)

    def _share_unknown(self, probs: Floats) -> None:
        """Move a part of the probability of <unk> in (B, V + X) probabilities to personal words, by their counts."""
        unk, written = self.vocabulary.unk_id, self.counts.unknown
        if unk is None or written is None:
            return
        share = written.total / (written.total + UNKNOWN_HALF)
        moved = probs[:, unk] * np.float32(share / written.total)
        probs[:, written.ids] += moved[:, None] * written.counts
        probs[:, unk] *= np.float32(1 - share)

    def _interpolate(self, probs: Floats, context: tuple[int, ...]) -> None:
        """Add the counts after a context to (V + X,) probabilities, in place."""
        contexts = (context[start:] for start in range(len(context) + 1))  # longest first
        seen = [(len(one), found) for one in contexts if (found := self.counts.after(one))]
        if not seen:
            return
        highest, half = WEIGHTS[seen[0][0]]
        weight = highest * seen[0][1].total / (seen[0][1].total + half)
        eos = self.vocabulary.eos_id
        line_end = 0.0 if eos is None else float(probs[eos])
        probs *= np.float32(1 - weight)
        left = weight * (1 - line_end)
        for length, followers in seen:
            share = followers.total / (followers.total + len(followers.ids)) if length else 1.0
            probs[followers.ids] += followers.counts * np.float32(left * share / followers.total)
            left *= 1 - share
        if eos is not None:
            probs[eos] = line_end


def personal_counts(entries: Mapping[tuple[str, ...], int], vocabulary: Vocabulary, known: int) -> PersonalCounts:
    """Return the counts of n-grams of words, all of them in the vocabulary; `known` is V."""
    counts = PersonalCounts(known)
    for words, count in entries.items():
        counts.add([vocabulary.ids[word] for word in words], count)
    return counts
