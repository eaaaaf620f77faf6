"""How sure a network is, set right on held-out text by one number: temperature scaling.

After Guo et al. 2017 ("On calibration of modern neural networks", section 4.2). A network that has begun to learn its
text by heart is too sure of itself. All logits are multiplied by the number that makes held-out text, which the network
has not learned from, the most probable: which word is the likeliest stays as it is. The number goes into the weights,
so that whatever reads these needs to know nothing of it.

Shapes: B words at a time, V vocabulary.
"""

from collections.abc import Mapping

import numpy as np

from rnnwords.config import NetworkConfig
from rnnwords.network.recurrent import Floats, Ids
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import at_a_time

ROUNDS = 20
CLOSE = 1e-4  # a step that is smaller is the last
LEAST, MOST = 0.1, 10.0


def best_scale(predictor: Predictor, ids: Ids, skip: int) -> float:
    """The number by which to multiply the logits of a network of words with a full softmax.

    `ids` (N,) is held-out text, of which the first `skip` words are not judged. By Newton's method, and by halves where
    that would leave the range in which the number must be: the loss, as a function of it, is convex.
    """
    scale, low, high = 1.0, LEAST, MOST
    for _ in range(ROUNDS):
        slope, curve = _slope_and_curve(predictor, ids, skip, scale)
        low, high = (low, scale) if slope > 0 else (scale, high)
        newton = scale - slope / max(curve, 1e-9)
        before, scale = scale, newton if low <= newton <= high else (low + high) / 2
        if abs(scale - before) < CLOSE:
            break
    return round(scale, 4)


def _slope_and_curve(predictor: Predictor, ids: Ids, skip: int, scale: float) -> tuple[float, float]:
    """First and second derivative of the loss, a sum over words, by the scale: how far the expected log-probability of
    a word, as the network gives it, is above that of the text's own, and the variance of the former."""
    reader, size = predictor.reader(), at_a_time(len(predictor.vocabulary))
    slope = curve = 0.0
    for start in range(0, len(ids), size):
        words = ids[start : start + size]
        scores = reader.predict(words)()  # (B, V) log-probabilities: logits, but for a number a row
        judged = slice(max(0, skip - start), None)
        scores, own = scores[judged], scores[np.arange(len(words)), words][judged]
        chances = np.exp(np.float32(scale) * scores)
        whole = chances.sum(axis=1)
        mean = np.einsum("bv,bv->b", chances, scores) / whole
        scores -= mean[:, None]
        slope += float((mean - own).sum(dtype=np.float64))
        curve += float((np.einsum("bv,bv,bv->b", chances, scores, scores) / whole).sum(dtype=np.float64))
    return slope, curve


def with_scale(config: NetworkConfig, weights: Mapping[str, Floats], scale: float) -> dict[str, Floats]:
    """Weights of the same network whose logits are `scale` times as large.

    Where the output layer uses the embedding itself, that grows, and the first layer, which reads it, makes up for it.
    """
    factors = {"output/bias": scale, "output/kernel": scale}
    if config.projects:
        factors["projection/kernel"] = scale
    elif config.tie:
        factors |= {"embedding/embeddings": scale, f"{config.cell}_1/kernel": 1 / scale}
    return {name: weight * np.float32(factors[name]) if name in factors else weight for name, weight in weights.items()}
