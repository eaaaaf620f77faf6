"""Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2).

A network that overfits is overconfident. All logits are multiplied by the factor that makes validation text most
probable; the ranking of the words stays. The factor is multiplied into the weights, so prediction needs no setting.
Shapes: B words at a time, V vocabulary.
"""

from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from rnnwords.lm.interface import Floats, Ids, LanguageModel
from rnnwords.lm.loading import network_model
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.training.events import Note
from rnnwords.training.post_training.text_loss import log_probs_along
from rnnwords.training.post_training.texts import PostTrainingTexts, unfitted

SCALING = "temperature_scaling"  # key of the training record; "calibrated" up to format 1.2
MAX_WORDS = 5_000  # of the half that chooses: the factor of so many differs from that of all by less than 1 %
MAX_ROUNDS = 20
TOLERANCE = 1e-4  # a smaller step of the factor is the last
MIN_SCALE, MAX_SCALE = 0.1, 10.0


def scale_temperature(model: Model, texts: PostTrainingTexts, requested: bool | None) -> Generator[Note, None, Model]:
    """Return the model with temperature scaling. What was fitted for the weights before is no longer fitted.

    `requested`: None applies it where the factor can be fitted and checked.
    """
    skipped = requested is False or (requested is None and texts.held_out is None)
    if skipped or {SCALING, "calibrated"} & set(model.training):
        return model
    if texts.choosing is None:
        yield Note("no temperature scaling: there is no validation text to fit it on")
        return model
    if model.network.clusters:
        yield Note("no temperature scaling: the adaptive softmax has none")
        return model
    ids = texts.choosing[: texts.skip + MAX_WORDS]
    words = len(ids) - texts.skip
    scale = best_scale(network_model(model), ids, texts.skip)
    yield Note(f"temperature scaling: logits times {scale:g}, fitted on {words:,} validation words")
    record = {**model.training, SCALING: {"scale": scale, "words": words}}
    return unfitted(model, weights=with_scale(model.network, model.weights, scale), training=record)


def best_scale(lm: LanguageModel[Any], ids: Ids, skip: int) -> float:
    """Return the best factor for the logits of a network with a full softmax.

    `ids` (N,) is validation text, of which the first `skip` words are context only. Newton's method, with bisection
    where a step would leave the interval that holds the minimum: the loss is convex in the factor.
    """
    scale, low, high = 1.0, MIN_SCALE, MAX_SCALE
    for _ in range(MAX_ROUNDS):
        slope, curvature = _derivatives(lm, ids, skip, scale)
        low, high = (low, scale) if slope > 0 else (scale, high)
        newton = scale - slope / max(curvature, 1e-9)
        before, scale = scale, newton if low <= newton <= high else (low + high) / 2
        if abs(scale - before) < TOLERANCE:
            break
    return round(scale, 4)


def _derivatives(lm: LanguageModel[Any], ids: Ids, skip: int, scale: float) -> tuple[float, float]:
    """Return first and second derivative of the summed loss by the scale.

    They are the expected log-probability minus that of the word itself, and the variance of the log-probability, both
    under the scaled distribution.
    """
    slope = curvature = 0.0
    start = 0
    for words, log_probs in log_probs_along(lm, ids):  # logits up to a constant per row
        own = log_probs[np.arange(len(words)), words]
        log_probs, own = log_probs[max(0, skip - start) :], own[max(0, skip - start) :]
        start += len(words)
        powers = np.exp(np.float32(scale) * log_probs)
        total = powers.sum(axis=1)
        mean = np.einsum("bv,bv->b", powers, log_probs) / total
        log_probs -= mean[:, None]
        slope += float((mean - own).sum(dtype=np.float64))
        curvature += float((np.einsum("bv,bv,bv->b", powers, log_probs, log_probs) / total).sum(dtype=np.float64))
    return slope, curvature


def with_scale(config: NetworkConfig, weights: Mapping[str, Floats], scale: float) -> dict[str, Floats]:
    """Return weights of the same network with logits `scale` times as large.

    If the output layer is tied to the embedding, that grows, and the kernel of the first layer shrinks to compensate.
    """
    factors = {"output/bias": scale, "output/kernel": scale}
    if config.projects:
        factors["projection/kernel"] = scale
    elif config.tie:
        factors |= {"embedding/embeddings": scale, f"{config.cell}_1/kernel": 1 / scale}
    return {name: weight * np.float32(factors[name]) if name in factors else weight for name, weight in weights.items()}
