"""The parts that are interpolated with a network: n-gram and cache, with their weights from the model file."""

from typing import Any

from rnnwords.config import FittedInterpolation, InterpolationConfig, InterpolationWeights
from rnnwords.errors import ModelError, UsageError
from rnnwords.lm.cache import CacheModel
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.interpolation import ConstantWeights, CountWeights, InterpolatedModel, bin_count
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.ngram.model import NgramModel
from rnnwords.model_file import Model

FITTED = "fitted on"  # how the source of fitted weights begins
UNFITTED_WEIGHT = 0.5  # of the network, where no validation text was there to fit a better one
# Where nothing was fitted: weight of the cache; sharpness for outputs (Grave et al. 2017 found about 0.3 for a network
# of 1,024 units), and decay for ages, by which the weight of a word halves in 140 words.
CACHE_WEIGHT, CACHE_SHARPNESS, CACHE_DECAY = 0.1, 0.3, 0.005


def ngram_model(model: Model) -> NgramModel:
    """Return the n-gram model of a model file. Raises UsageError if it has none, ModelError if that is damaged."""
    fitted = model.interpolation
    if model.ngram is None or fitted is None:
        raise UsageError(
            "expected a model with an n-gram, found a network alone; train it with one: set `ngram`, for example 4"
        )
    tensors = model.ngram.read()
    try:
        kneser_ney = KneserNey.from_tensors(tensors, len(model.vocabulary))
    except ModelError as error:
        raise ModelError(f"the n-gram of the model file is damaged: {error}") from error
    expected = (fitted.ngram_order, fitted.ngram_count, model.vocabulary.eos_id)
    if (kneser_ney.order, kneser_ney.size, kneser_ney.boundary) != expected:
        raise ModelError("the n-gram section of the model file does not match its metadata; train the model again")
    return NgramModel(kneser_ney, model.vocabulary)


def with_ngram(lm: LanguageModel[Any], model: Model, config: InterpolationConfig) -> InterpolatedModel:
    """Return a language model interpolated with the n-gram of the model file. Raises UsageError, ModelError."""
    ngram, fitted = ngram_model(model), model.interpolation or FittedInterpolation()
    use_both = config.cache and fitted.with_ngram_and_cache.network is not None
    weights = fitted.with_ngram_and_cache if use_both else fitted.with_ngram
    kind, source = config.interpolate, _source(fitted)
    if kind == "count" or (kind == "auto" and weights.by_count):
        if not weights.by_count:
            raise UsageError(
                "the weights of this model are not fitted: there was no validation text; set `interpolate` to fixed"
            )
        if len(weights.by_count) != (expected := bin_count(ngram.order)):
            raise ModelError(f"expected {expected} weights by count, found {len(weights.by_count)}; train it again")
        return InterpolatedModel([lm, ngram], CountWeights(ngram, weights.by_count, source))
    if not isinstance(kind, str):
        network, source = float(kind), "given"
    elif weights.network is None:
        network, source = UNFITTED_WEIGHT, "not fitted: there was no validation text"
    else:
        network = weights.network
    return InterpolatedModel([lm, ngram], ConstantWeights((network, 1 - network), source))


def with_cache(lm: LanguageModel[Any], model: Model, config: InterpolationConfig, size: int) -> CacheModel:
    """Return a language model interpolated with a cache of `size` words, by the weights of the model file."""
    fitted = model.interpolation or FittedInterpolation()
    use_both = config.interpolate != "off" and fitted.with_ngram_and_cache.cache is not None
    weights = fitted.with_ngram_and_cache if use_both else fitted.with_cache
    source = f"{_source(fitted)}, a cache of {fitted.cache_size or 0:,} words"
    if weights.cache is None:
        sharpness = CACHE_SHARPNESS if model.network.stateful else CACHE_DECAY
        weights = InterpolationWeights(cache=CACHE_WEIGHT, sharpness=sharpness)
        source = "default, not fitted"
    given = [name for name in ("weight", "sharpness") if getattr(config, f"cache_{name}") is not None]
    if given:
        source = "given" if len(given) == 2 else f"{source}; {given[0]} given"
    weight = weights.cache if config.cache_weight is None else config.cache_weight
    sharpness = weights.sharpness or 0 if config.cache_sharpness is None else config.cache_sharpness
    return CacheModel(lm, size, float(weight or 0), float(sharpness), source)


def _source(fitted: FittedInterpolation) -> str:
    return f"{FITTED} {fitted.validation_words:,} words of validation text"
