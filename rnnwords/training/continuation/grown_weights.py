"""The weights of a network whose vocabulary changes: rows of tokens that stay are moved, new tokens get new rows.

A new token starts as <unk>, for which the network before has read and predicted such words, with a little noise. Its
output bias is higher or lower by the logarithm of its frequency in the new text against that of <unk> in the text
before, so P(word | context) starts as P(<unk> | context) times that ratio. Where <unk> was never read in training, the
rarest tokens take its place: their mean.
Shapes: V tokens before, W tokens now.
"""

from collections.abc import Mapping

import numpy as np

from rnnwords.network.config import NetworkConfig
from rnnwords.network.recurrent import Floats, Ids
from rnnwords.text.vocabulary import Vocabulary

NOISE = 0.05  # of the standard deviation of the weights


def grown_weights(
    network: NetworkConfig, weights: Mapping[str, Floats], before: Vocabulary, now: Vocabulary, words: int, seed: int
) -> dict[str, Floats]:
    """Return the weights of a network, made for the vocabulary `before`, for the vocabulary `now`.

    `words` are those of the new text, whose counts `now` has in addition. Equal seeds give equal weights. The network
    has a full softmax, and reads embeddings or one-hot vectors.
    """
    places = np.array([before.ids.get(word, -1) for word in now.words])  # (W,) ids before; -1 for a new token
    sources = source_ids(before)
    grown = {}
    for number, (name, weight) in enumerate(weights.items()):
        axis = _token_axis(network, name)
        if axis is None:
            grown[name] = weight
            continue
        rows = np.moveaxis(weight, axis, 0)  # (V, ...)
        taken = rows[places]  # (W, ...)
        new = np.broadcast_to(rows[sources].mean(axis=0), taken[places < 0].shape)
        if name == "output/bias":
            new = new + _log_ratios(before, now, words, sources)[places < 0]
        else:
            generator = np.random.default_rng([seed, number])
            new = new + NOISE * weight.std() * generator.standard_normal(new.shape)
        taken[places < 0] = new.astype(weight.dtype)
        grown[name] = np.ascontiguousarray(np.moveaxis(taken, 0, axis))
    return grown


def source_ids(vocabulary: Vocabulary) -> Ids:
    """Return the ids whose rows new tokens get: <unk> if the training text had it, else the rarest tokens of it."""
    unk, counts = vocabulary.unk_id, np.array(vocabulary.counts)
    if unk is not None and counts[unk] > 0:
        return np.array([unk])
    rarest = counts == min(counts[counts > 0], default=0)
    if unk is not None and len(counts) > 1:
        rarest[unk] = False
    return np.flatnonzero(rarest)


def _token_axis(network: NetworkConfig, name: str) -> int | None:
    """Return the axis of a weight that has a row per token; None if it has none."""
    axes = {"embedding/embeddings": 0, "output/kernel": 1, "output/bias": 0}
    if network.input == "one-hot":
        axes[f"{network.cell}_1/kernel"] = 0
    return axes.get(name)


def _log_ratios(before: Vocabulary, now: Vocabulary, words: int, sources: Ids) -> Floats:
    """Return (W,) logarithms of the frequency of each token in the new text against that of the sources before.

    The values of tokens that are not new have no use.
    """
    known = dict(zip(before.words, before.counts, strict=True))
    counts = [count - known.get(word, 0) for word, count in zip(now.words, now.counts, strict=True)]
    frequency = np.maximum(counts, 0.5) / max(1, words)  # <unk> can be new and not in the text
    source = max(0.5, float(np.array(before.counts)[sources].mean())) / max(1, sum(before.counts))
    ratios: Floats = np.log(frequency / source)
    return ratios
