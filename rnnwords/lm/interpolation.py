"""Linear interpolation of language models (Jelinek & Mercer 1980, "Interpolated estimation of Markov source parameters
from sparse data"):

    p(w | context) = sum over models k of weight_k(context) * p_k(w | context)

The weights are constant, or depend on how often the n-gram model has seen the context: its estimates are best where it
has seen much.
Shapes: B states, K models, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.lm.interface import Floats, Ids, LanguageModel
from rnnwords.lm.ngram.model import Context, NgramModel

# Lower borders of the bins of counts; a bin per length of the longest seen suffix of the context and bin of counts.
COUNT_BORDERS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True)
class ConstantWeights:
    """The same weights in every context."""

    weights: tuple[float, ...]  # (K,)
    source: str = "given"  # where the weights come from, for reports

    def __call__(self, states: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
        """Return (B, K) weights; `states` has the B states of each of K models."""
        return np.tile(self.weights, (len(states[0]), 1))

    def to_json(self) -> dict[str, Any]:
        """Return the weights of the first model as plain JSON values."""
        return {"weights": "fixed", "network": self.weights[0]}


@dataclass(frozen=True)
class CountWeights:
    """Weights of two models, the second an n-gram model, by how often that has seen the context."""

    ngram: NgramModel
    first: tuple[float, ...]  # weight of the first model, one per bin
    source: str = "given"

    def __call__(self, states: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
        """See ConstantWeights."""
        paths = [self.ngram.path(state) for state in states[1]]
        times = [self.ngram.kneser_ney.count(path) for path in paths]
        first = np.asarray(self.first)[_bins(np.array([len(path) for path in paths], np.int64), np.array(times))]
        return np.stack([first, 1 - first], axis=1)

    def to_json(self) -> dict[str, Any]:
        """See ConstantWeights."""
        return {"weights": "count", "network_by_count": list(self.first)}


class InterpolatedModel(LanguageModel[tuple[Any, ...]]):
    """A weighted sum of language models over one vocabulary. Its state is the states of its models."""

    def __init__(self, models: Sequence[LanguageModel[Any]], weights: ConstantWeights | CountWeights) -> None:
        self.models, self.weights = models, weights
        self.vocabulary = models[0].vocabulary
        sizes = [model.context_size for model in models]
        self.context_size = None if None in sizes else max(size or 0 for size in sizes)

    @property
    def prompt_size(self) -> int:
        """See LanguageModel."""
        return max(model.prompt_size for model in self.models)

    @property
    def state_size(self) -> int:
        """See LanguageModel."""
        return max(model.state_size for model in self.models)

    def initial_state(self) -> tuple[Any, ...]:
        """See LanguageModel."""
        return tuple(model.initial_state() for model in self.models)

    def advance(self, state: tuple[Any, ...], ids: Sequence[int]) -> tuple[Any, ...]:
        """See LanguageModel."""
        return tuple(model.advance(one, ids) for model, one in zip(self.models, state, strict=True))

    def advance_each(self, state: tuple[Any, ...], ids: Sequence[int]) -> list[tuple[Any, ...]]:
        """See LanguageModel."""
        paths = [model.advance_each(one, ids) for model, one in zip(self.models, state, strict=True)]
        return list(zip(*paths, strict=True))

    def log_probs(self, states: Sequence[tuple[Any, ...]]) -> Floats:
        """See LanguageModel."""
        by_model = list(zip(*states, strict=True))
        weights = self.weights(by_model)
        probs = self.models[0].log_probs(by_model[0])
        if (weights[:, 0] == 1).all():
            return probs
        np.exp(probs, out=probs)
        probs *= weights[:, 0].astype(np.float32)[:, None]
        for number, model in enumerate(self.models[1:], start=1):
            model.add_probs(by_model[number], weights[:, number], probs)
        np.maximum(probs, np.finfo(np.float32).tiny, out=probs)  # where all underflow, log 0 would give NaN further on
        return np.log(probs, out=probs)


def context_bins(ngram: NgramModel, states: Sequence[Context]) -> Ids:
    """Return (B,) the bin of each n-gram context: length of its longest seen suffix, and how often that was seen."""
    return _bins(*ngram.kneser_ney.seen(ngram.contexts(states)))


def _bins(lengths: Ids, times: Ids) -> Ids:
    return lengths * (len(COUNT_BORDERS) + 1) + np.searchsorted(COUNT_BORDERS, times, side="right")


def bin_count(order: int) -> int:
    """Return how many bins `context_bins` has for an n-gram of this order."""
    return order * (len(COUNT_BORDERS) + 1)
