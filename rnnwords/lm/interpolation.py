"""The predictions of a network, mixed with those of an n-gram model and of a cache of late words: the one place for it.

    p = w * ((1 - c) * network + c * cache) + (1 - w) * n-gram

Linear interpolation after Jelinek & Mercer 1980 ("Interpolated estimation of Markov source parameters from sparse
data"): w is one number, or depends on how often the n-gram has seen the context, since what it saw often it knows best.
A text that is scored (`MixedReader`) and a prompt that is asked (`MixedContext`) go through the same `Mixture.mixed`.

Shapes: B predictions, one behind the other, V vocabulary, H units, C words that the n-gram sees, n words of a cache.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnwords.lm.cache import Cache
from rnnwords.lm.context import Context, Standing, evaluate
from rnnwords.lm.kneser_ney import NOTHING, KneserNey
from rnnwords.network.recurrent import Floats, Ids
from rnnwords.prediction.scoring import OutputReader

COUNTS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)  # times seen, from which a bin reaches to the next
_NO_WORDS = np.empty(0, np.int64)


def bins_of(ngram: KneserNey, contexts: Ids) -> Ids:
    """(B, C) contexts -> (B,) the bin of each: by the length of the longest end that the n-gram has seen, and how often
    it was seen."""
    lengths, times = ngram.seen(contexts)
    return lengths * (len(COUNTS) + 1) + np.searchsorted(COUNTS, times, side="right")


def bins(order: int) -> int:
    """How many bins there are."""
    return order * (len(COUNTS) + 1)


@dataclass(frozen=True)
class Blend:
    """An n-gram model, and how much of a prediction is left to the network."""

    ngram: KneserNey
    network: Floats  # (1,), or one weight a bin

    def weights(self, contexts: Ids) -> Floats:
        """(B, C) contexts -> (B,) the share of the network."""
        if len(self.network) == 1:
            return np.repeat(self.network, len(contexts))
        return self.network[bins_of(self.ngram, contexts)]

    def mixed(self, scores: Floats, contexts: Ids) -> Floats:
        """(B, V) natural log-probabilities of the network after contexts (B, C) -> those of the mixture. Overwrites."""
        share = self.weights(contexts)
        if (share == 1).all():
            return scores
        chances = np.exp(scores, out=scores)
        chances *= share.astype(np.float32)[:, None]
        self.ngram.add_to(chances, contexts, 1 - share)
        return np.log(chances, out=chances)


class Past(NamedTuple):
    """What a mixture must know of the words before. Never changed."""

    context: Ids  # (C,) the last words; -1 where there are none
    words: Ids  # (n,) of the cache
    outputs: Floats  # (n, H) of the network before each of them; (n, 0) where the cache needs none


@dataclass(frozen=True)
class Mixture:
    """What is mixed into the predictions of a network, and how. Off is None."""

    blend: Blend | None = None
    cache: Cache | None = None

    @property
    def states(self) -> bool:
        """Whether it asks for the outputs of the network."""
        return self.cache is not None and self.cache.states

    @property
    def reach(self) -> int:
        """Words before a prediction that count for it."""
        return max(self.blend.ngram.order - 1 if self.blend else 0, self.cache.size if self.cache else 0)

    def start(self, lead: Sequence[int], units: int) -> Past:
        """At the beginning of a text, behind the line end that may stand in front of it: the cache is empty."""
        context = [NOTHING] * (self.blend.ngram.order - 1 if self.blend else 0)
        context = [*context, *lead][len(lead) :]
        return Past(np.array(context, np.int64), _NO_WORDS, np.empty((0, units if self.states else 0), np.float32))

    def after(self, past: Past, ids: Ids, outputs: Floats) -> Past:
        """The past when (B,) words more were read, with the (B, H) outputs before each of them."""
        ids = np.asarray(ids, np.int64)
        context = np.concatenate([past.context, ids])[len(ids) :]
        if not self.cache:
            return Past(context, past.words, past.outputs)
        late = slice(-self.cache.size, None)
        return Past(context, np.concatenate([past.words, ids])[late], np.concatenate([past.outputs, outputs])[late])

    def mixed(self, scores: Floats, past: Past, ids: Ids, outputs: Floats) -> Floats:
        """(B, V) natural log-probabilities of the network, (B, H) outputs they come from -> those of the mixture.

        Prediction b is made after the past and the first b of the words `ids`, B - 1 or more. `scores` is overwritten.
        """
        ids = np.asarray(ids[: len(scores) - 1], np.int64)
        if self.cache:
            self.cache.mix(scores, past.words, past.outputs, ids, outputs)
        if self.blend:
            text = np.concatenate([past.context, ids])
            width = len(past.context)
            scores = self.blend.mixed(scores, np.lib.stride_tricks.sliding_window_view(text, width)[: len(scores)])
        return scores


class MixedReader:
    """A network and what is mixed into it, reading a text."""

    def __init__(self, base: OutputReader, mixture: Mixture, lead: Sequence[int], units: int) -> None:
        self.base, self.mixture = base, mixture
        self.start = self.past = mixture.start(lead, units)

    @property
    def outputs(self) -> Floats:
        """See `OutputReader`."""
        return self.base.outputs

    def restart(self) -> None:
        """The cache is empty again."""
        self.base.restart()
        self.past = self.start

    def predict(self, ids: Ids) -> Callable[[], Floats]:
        """See `Reader`."""
        predictions, past = self.base.predict(ids), self.past
        outputs = self.base.outputs if self.mixture.states else np.empty((len(ids), 0), np.float32)
        self.past = self.mixture.after(past, ids, outputs)
        return lambda: self.mixture.mixed(predictions(), past, ids, outputs)


class _Place(NamedTuple):
    """Where a mixed context stands. Replaced as one, so that threads always see a whole."""

    base: Context
    past: Past
    waiting: tuple[int, ...]  # words to read


class MixedContext(Context):
    """A network that has read some words, and what is mixed into its predictions."""

    def __init__(self, mixture: Mixture, base: Context, past: Past, waiting: tuple[int, ...] = ()) -> None:
        super().__init__(base.network, base.frequencies, base.standing)
        self.mixture, self.place = mixture, _Place(base, past, waiting)

    @property
    def cells(self) -> int:
        """Numbers that it keeps."""
        return max(super().cells, self.mixture.reach * self.network.config.units if self.mixture.states else 0)

    def read(self, ids: Sequence[int]) -> "MixedContext":
        """The context after these words too."""
        base, past, waiting = self.place
        if not len(ids):
            return self
        if self.mixture.states:
            return MixedContext(self.mixture, base, past, (*waiting, *ids))
        past = self.mixture.after(past, np.array(ids), np.empty((len(ids), 0), np.float32))
        return MixedContext(self.mixture, base.read(ids), past)

    def _scored(self) -> Floats:
        base, past = self._settled()
        return self._mixed(base.log_probabilities()[None].copy(), base, past)

    def _mixed(self, scores: Floats, base: Context, past: Past) -> Floats:
        """(1, V) scores of the network -> (V,) of the mixture."""
        now = output_of(base) if self.mixture.states else np.empty((1, 0), np.float32)
        found: Floats = self.mixture.mixed(scores, past, _NO_WORDS, now)[0]
        return found

    def _settled(self) -> tuple[Context, Past]:
        """The network and the past after all words."""
        base, past, waiting = self.place
        if waiting:
            before, ids = output_of(base), np.array(waiting)
            outputs, state = base.network.read_all(ids[None], base.settled().state)
            past = self.mixture.after(past, ids, np.concatenate([before, outputs[0, :-1]]))
            base = Context(base.network, base.frequencies, Standing((), state, outputs[0, -1:]))
            self.place = _Place(base, past, ())
        return base, past

    def together(self, contexts: Sequence[Context]) -> Floats:
        """See `Context`. Those that need outputs are read one by one."""
        if self.mixture.states:
            return np.stack([context.log_probabilities() for context in contexts])
        places = [context.place for context in contexts if isinstance(context, MixedContext)]
        scores = evaluate([place.base for place in places])
        return np.stack(
            [self._mixed(row[None], place.base, place.past) for row, place in zip(scores, places, strict=True)]
        )


def output_of(base: Context) -> Floats:
    """(1, H) output of a network that carries its state on; zeros, as its state, before any word."""
    output = base.settled().output
    return np.zeros((1, base.network.config.units), np.float32) if output is None else output
