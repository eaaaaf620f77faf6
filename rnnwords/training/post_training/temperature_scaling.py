"""Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2).

A network that overfits is overconfident. All logits are multiplied by the factor that makes validation text most
probable; the ranking of the words stays. The factor is multiplied into the weights, so prediction needs no setting.
Shapes: B words at a time, V vocabulary.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnwords.lm.interface import Floats, Ids, LanguageModel
from rnnwords.network.config import NetworkConfig
from rnnwords.prediction.scoring import batch_size

MAX_ROUNDS = 20
TOLERANCE = 1e-4  # a smaller step of the factor is the last
MIN_SCALE, MAX_SCALE = 0.1, 10.0


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
    state, size = lm.initial_state(), batch_size(len(lm.vocabulary))
    slope = curvature = 0.0
    for start in range(0, len(ids), size):
        words = ids[start : start + size]
        states = [state, *lm.advance_each(state, words.tolist())]
        state = states.pop()
        log_probs = lm.log_probs(states)  # (B, V) logits up to a constant per row
        scored = slice(max(0, skip - start), None)
        log_probs, own = log_probs[scored], log_probs[np.arange(len(words)), words][scored]
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
