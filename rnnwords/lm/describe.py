"""What an interpolated language model consists of, as JSON values for reports and as a line for people."""

from collections.abc import Mapping
from typing import Any

from rnnwords.config import FittedInterpolation
from rnnwords.lm.cache import CacheModel
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.interpolation import InterpolatedModel
from rnnwords.lm.networks import NetworkModel
from rnnwords.lm.ngram.model import NgramModel
from rnnwords.lm.parts import FITTED


def parts_of(lm: LanguageModel[Any]) -> tuple[LanguageModel[Any], NgramModel | None, CacheModel | None]:
    """Return the network, n-gram and cache of which a language model from `lm.loading` consists."""
    models = lm.models if isinstance(lm, InterpolatedModel) else [lm]
    ngram = next((model for model in models if isinstance(model, NgramModel)), None)
    cache = next((model for model in models if isinstance(model, CacheModel)), None)
    return cache.base if cache else models[0], ngram, cache


def describe(lm: LanguageModel[Any]) -> dict[str, Any]:
    """Return n-gram, cache and adaptation of a network, with their settings and where these come from.

    {} for the network alone. The report of `evaluation.report` has this as "interpolation".
    """
    network, ngram, cache = parts_of(lm)
    parts: dict[str, Any] = {}
    if ngram and isinstance(lm, InterpolatedModel):
        parts["ngram"] = {"order": ngram.order, "source": lm.weights.source, **lm.weights.to_json()}
    if cache:
        parts["cache"] = {"similarity": "outputs" if cache.network else "age", "words": cache.size,
                          "weight": cache.weight, "sharpness": cache.sharpness, "source": cache.source}  # fmt: skip
    if isinstance(network, NetworkModel) and (config := network.adaptation):
        source = f"{FITTED} {config.words:,} words of validation text"
        parts["adaptation"] = {"rate": config.rate, "decay": config.decay, "segment": config.segment, "source": source}
    return parts


def fitted_on(parts: Mapping[str, Any], fitted: FittedInterpolation | None, digest: str) -> bool:
    """Whether weights in use were fitted on the text with this SHA-256, so that its figures are too good.

    `parts` is what `describe` returns. A validation split of a training text has no digest, so it is not recognised.
    """
    if fitted is None or digest != fitted.validation_digest:
        return False
    return any(part["source"].startswith(FITTED) for part in parts.values())


def summary(parts: Mapping[str, Any]) -> str:
    """Return what `describe` returns as a line for people."""
    lines = []
    if ngram := parts.get("ngram"):
        weights = f"weight {ngram['network']:.3g} of the network" if "network" in ngram else "weights by count"
        lines.append(f"network and {ngram['order']}-gram, {weights} ({ngram['source']})")
    if cache := parts.get("cache"):
        lines.append(
            f"cache of {cache['words']:,} words, weight {cache['weight']:.3g}, sharpness {cache['sharpness']:.3g} "
            f"({cache['source']})"
        )
    if adaptation := parts.get("adaptation"):
        if adaptation["rate"]:
            settings = (
                f"rate {adaptation['rate']:g}, decay {adaptation['decay']:g}, every {adaptation['segment']} words"
            )
            lines.append(f"weights that adapt, {settings} ({adaptation['source']})")
        else:
            lines.append(f"weights that do not adapt, since no rate lowered the loss ({adaptation['source']})")
    return "; ".join(lines)
