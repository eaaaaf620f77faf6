"""From a model file to the language model in it: the network, with n-gram and cache interpolated as configured."""

from typing import Any

from rnnwords.config import InterpolationConfig
from rnnwords.errors import UsageError
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.networks import StatefulNetwork, WindowedNetwork
from rnnwords.model_file import Model
from rnnwords.network.recurrent import Network


def interpolated(
    network: LanguageModel[Any], model: Model, config: InterpolationConfig | None = None
) -> LanguageModel[Any]:
    """Return the network of a model file with what `config` says interpolated; the network itself if that is nothing.

    Raises UsageError if the model lacks what is configured, ModelError if its n-gram is damaged.
    """
    config = config or InterpolationConfig()
    if not config.cache and config.interpolate == "off":
        return network
    from rnnwords.lm.parts import with_cache, with_ngram  # takes 5 ms, which the network alone does not need

    lm = with_cache(network, model, config, config.cache) if config.cache else network
    return lm if config.interpolate == "off" else with_ngram(lm, model, config)


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
