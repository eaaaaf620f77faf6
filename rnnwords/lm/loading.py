"""A predictor with something mixed into it: all questions of `Predictor`, answered by the mixture.

>>> from rnnwords import Predictor
>>> from rnnwords.lm.loading import Mixing, mixed
>>> predictor = mixed(Predictor.load("models/novel"), Mixing(blend="auto", cache=500))
>>> predictor.rank("had a general", k=1)
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnwords.config import Config, shown, within
from rnnwords.errors import ModelError, UsageError
from rnnwords.lm.cache import Cache
from rnnwords.lm.context import Context, Memory
from rnnwords.lm.interpolation import Blend, MixedContext, MixedReader, Mixture, bins
from rnnwords.lm.kneser_ney import KneserNey
from rnnwords.model_file import Model
from rnnwords.network.mixture import MixtureConfig, Weights
from rnnwords.network.recurrent import Floats
from rnnwords.prediction.choices import BLENDS
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import OutputReader

TUNED = "tuned on"  # how the source of such weights begins
FIXED = 0.5  # the network's share, where there was no held-out text to find a better one
# Where nothing was tuned: share of the cache; theta for outputs (Grave et al. 2017 found about 0.3 for a network of
# 1,024 units) and for ages, where the weight of a word halves in 140 words.
CACHE_WEIGHT, CACHE_THETA, CACHE_DECAY = 0.1, 0.3, 0.005


@dataclass(frozen=True)
class Mixing(Config):
    """What is asked to be mixed in; None and 0 words are off. Values outside their range are refused with that range.

    `blend` is the network's weight beside the n-gram; or `fixed` or `count`, the weights that were tuned in training,
    the same everywhere or by how often the n-gram has seen the context; or `auto`: the best of those that there is.
    """

    blend: float | str | None = None
    cache: int | None = within(0, 10_000, default=None)  # words
    cache_weight: float | None = within(0.0, 0.99, default=None)
    cache_theta: float | None = within(0.0, 100.0, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        number = isinstance(self.blend, int | float) and 0 <= self.blend <= 1
        if not (self.blend is None or number or self.blend in BLENDS):
            raise UsageError(f"blend must be {', '.join(BLENDS)} or a number between 0 and 1; got {shown(self.blend)}")
        if not self.cache and (self.cache_weight is not None or self.cache_theta is not None):
            raise UsageError("cache-weight and cache-theta are for a cache; say how many words it has with --cache N")


def mixed(predictor: Predictor, asked: Mixing) -> Predictor:
    """The predictor with what is asked mixed in: itself, if that is nothing.

    Raises UsageError if the model lacks what is asked, ModelError if its n-gram is damaged.
    """
    blend, about_blend = _blend(predictor.model, asked)
    cache, about_cache = _cache(predictor.model, asked)
    if not (blend or cache):
        return predictor
    return MixedPredictor(predictor, Mixture(blend, cache), {**about_blend, **about_cache})


def ngram_of(model: Model) -> KneserNey:
    """The n-gram model of a model file. Raises UsageError if it has none, ModelError if that is damaged."""
    if model.ngram is None or model.mixture is None:
        raise UsageError("this model has no n-gram to blend with; train one that has: rnnwords train TEXT --ngram 4")
    found = KneserNey.from_tensors(model.ngram.read(), len(model.vocabulary))
    said = (model.mixture.order, model.mixture.ngrams, model.vocabulary.line_end)
    if (found.order, found.size, found.boundary) != said:
        raise ModelError("the n-gram of the model file is another one than it says; train the model again")
    return found


def _blend(model: Model, asked: Mixing) -> tuple[Blend | None, dict[str, Any]]:
    """The n-gram with its weights, and what a report says of it."""
    if asked.blend is None:
        return None, {}
    ngram, config = ngram_of(model), model.mixture or MixtureConfig()
    tuned = config.both if asked.cache and config.both.network is not None else config.blend
    kind, source = asked.blend, _source(config)
    if kind == "auto":
        kind = "count" if tuned.by_count else "fixed"
    if kind == "count":
        if not tuned.by_count:
            raise UsageError("the weights of this model were not tuned, for want of held-out text; use --blend fixed")
        network = tuned.by_count
        if len(network) != bins(ngram.order):
            raise ModelError(f"expected {bins(ngram.order)} weights by count, found {len(network)}; train it again")
    elif kind == "fixed":
        network = (FIXED,) if tuned.network is None else (tuned.network,)
        source = source if tuned.network is not None else "not tuned, for want of held-out text"
    else:
        network, source = (float(kind),), "given"
        kind = "given"
    about = {"kind": kind, "order": ngram.order, "source": source}
    about |= {"network": network[0]} if len(network) == 1 else {"network_by_count": list(network)}
    return Blend(ngram, np.array(network)), {"blend": about}


def _cache(model: Model, asked: Mixing) -> tuple[Cache | None, dict[str, Any]]:
    """The cache, and what a report says of it."""
    if not asked.cache:
        return None, {}
    config = model.mixture or MixtureConfig()
    tuned = config.both if asked.blend is not None and config.both.cache is not None else config.memory
    states = model.network.stateful
    default = Weights(cache=CACHE_WEIGHT, theta=CACHE_THETA if states else CACHE_DECAY)
    found = default if tuned.cache is None else tuned
    weight = asked.cache_weight if asked.cache_weight is not None else found.cache
    theta = asked.cache_theta if asked.cache_theta is not None else found.theta
    source = "default, not tuned" if tuned.cache is None else f"{_source(config)}, a cache of {config.cache:,} words"
    given = [name for name in ("weight", "theta") if getattr(asked, f"cache_{name}") is not None]
    if given:
        source = "given" if len(given) == 2 else f"{source}; {given[0]} given"
    cache = Cache(asked.cache, float(weight or 0), float(theta or 0), states)
    kind = "states" if states else "words"
    return cache, {"cache": {"kind": kind, "words": cache.size, "weight": cache.weight, "theta": cache.theta,
                             "source": source}}  # fmt: skip


def _source(config: MixtureConfig) -> str:
    return f"{TUNED} {config.words:,} held-out words in training"


class MixedPredictor(Predictor):
    """A predictor whose every prediction is a mixture. Of a prompt as many words count as the mixture looks back on."""

    def __init__(self, base: Predictor, mixture: Mixture, terms: dict[str, Any]) -> None:
        self.model, self.vocabulary, self.network = base.model, base.vocabulary, base.network
        self.base, self.mixture = base, mixture
        self.terms = terms  # what is mixed, by which weights, and where these come from: plain JSON

    @property
    def reach(self) -> int:
        return max(self.base.reach, self.mixture.reach)

    def context(self, ids: Sequence[int] = ()) -> Context:
        return self._start.read(ids) if self.window else self._memory.context(ids)

    def reader(self) -> OutputReader:
        return MixedReader(self.base.reader(), self.mixture, self._lead, self.model.network.units)

    def led_in(self, ids: Sequence[int]) -> tuple[int, ...]:
        return (*self._lead, *ids)

    def scores_each(self, contexts: Sequence[tuple[int, ...]]) -> Iterator[tuple[Sequence[tuple[int, ...]], Floats]]:
        ends = [self._start.read(context[len(self._lead) :]) for context in contexts]
        size = 1 if self.mixture.states else 64
        for start in range(0, len(contexts), size):
            part = slice(start, start + size)
            yield contexts[part], self._start.together(ends[part])

    @functools.cached_property
    def _lead(self) -> tuple[int, ...]:
        """The line end that stands in front of a text, where those are symbols."""
        return self.base.led_in(())

    @functools.cached_property
    def _start(self) -> MixedContext:
        network = Context(self.network, self.frequencies).read(self._lead)
        return MixedContext(self.mixture, network, self.mixture.start(self._lead, self.model.network.units))

    @functools.cached_property
    def _memory(self) -> Memory:
        return Memory(self._start)


def tuned_on(predictor: Predictor, digest: str) -> bool:
    """Whether weights of its mixture were tuned on the text of this SHA-256, so that it cannot judge them.

    The end of a training text that was held out is not known again.
    """
    config, parts = predictor.model.mixture, predictor.terms.values()
    return config is not None and digest == config.digest and any(p["source"].startswith(TUNED) for p in parts)


def described(terms: Mapping[str, Any]) -> str:
    """The `terms` of a mixed predictor in a line for people."""
    parts = []
    if blend := terms.get("blend"):
        share = f"weight {blend['network']:.3g}" if "network" in blend else "weights by count"
        parts.append(f"network and {blend['order']}-gram, {share} of the network ({blend['source']})")
    if cache := terms.get("cache"):
        parts.append(
            f"cache of {cache['words']:,} words, weight {cache['weight']:.3g}, theta {cache['theta']:.3g} "
            f"({cache['source']})"
        )
    return "; ".join(parts)
