"""From a model file to the language model in it: the network, with n-gram and cache interpolated as configured."""

from dataclasses import replace
from typing import Any

from rnnwords.config import FittedInterpolation, InterpolationConfig
from rnnwords.errors import ModelError, UsageError
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.networks import StatefulNetwork, WindowedNetwork
from rnnwords.model_file import Model
from rnnwords.network.recurrent import Network


def interpolated(
    network: LanguageModel[Any], model: Model, config: InterpolationConfig | None = None
) -> LanguageModel[Any]:
    """Return the network of a model file with what `config` says interpolated; the network itself if that is nothing.

    With `adapt`, a network with weights of its own takes its place: see `lm.adaptive`.
    Raises UsageError if the model lacks what is configured, ModelError if its n-gram is damaged.
    """
    config = config or InterpolationConfig()
    if config.adapt:
        from rnnwords.lm.adaptive import adaptive_network  # takes 5 ms, which the trained weights do not need

        network = adaptive_network(model)
    ngram, cache = parts_used(model, config)
    config.check_cache(cache)
    if not ngram and not cache:
        return network
    from rnnwords.lm.parts import with_cache, with_ngram  # takes 5 ms, which the network alone does not need

    config = replace(config, cache=cache)
    lm = with_cache(network, model, config, cache) if cache else network
    try:
        return with_ngram(lm, model, config) if ngram else lm
    except ModelError as error:
        raise ModelError(f"{error}; set `interpolate` to off to use the network alone") from error


def parts_used(model: Model, config: InterpolationConfig) -> tuple[bool, int]:
    """Return whether predictions with this configuration use the n-gram, and how many words of a cache."""
    fitted = model.interpolation or FittedInterpolation()
    if config.interpolate != "auto":
        return config.interpolate != "off", config.cache or 0
    cache = fitted.cache_size if config.cache is None and fitted.cache_by_default else config.cache
    return bool(fitted.ngram_order) and fitted.with_ngram.network is not None, cache or 0


def is_network_alone(model: Model) -> bool:
    """Return whether predictions use nothing but the network by default."""
    return parts_used(model, InterpolationConfig()) == (False, 0)


def network_model(
    model: Model, context_size: int | None = None, *, low_memory: bool = False
) -> WindowedNetwork | StatefulNetwork:
    """Return the network of a model file alone.

    `context_size` lets a network with a window see fewer words; `low_memory` is that of `Network`. Raises UsageError
    for a numeric network, and for a `context_size` that the network cannot have.
    """
    if model.series is not None:
        raise UsageError(
            f"expected a model of words, found one of numbers (column {model.series.column}); use rnnwords forecast"
        )
    network = Network(model.network, model.weights, low_memory=low_memory)
    if context_size is None:
        kind = StatefulNetwork if model.network.stateful else WindowedNetwork
        return kind(network, model.vocabulary)
    if model.network.stateful:
        raise UsageError("`max_context` needs a network with a window; this one carries its state through the text")
    if not 1 <= context_size <= model.network.window:
        raise UsageError(f"`max_context`: expected 1 to {model.network.window}, its window, found {context_size}")
    return WindowedNetwork(network, model.vocabulary, context_size)
