"""Interpolation weights of network, n-gram and cache, fitted on validation text.

Expectation-maximization (Dempster, Laird & Rubin 1977; for interpolation Jelinek & Mercer 1980) maximizes the
probability of the text, from the probability of each word by each part. The sharpness of the cache is the best of a
fixed list. The weight of a bin of n-gram contexts is smoothed towards the weight of all contexts, as if the bin had
PRIOR_WORDS further words with that weight.

Shapes: N words, K parts.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import InterpolationWeights
from rnnwords.lm.cache import CacheModel
from rnnwords.lm.interface import Ids
from rnnwords.lm.interpolation import bin_count, context_bins
from rnnwords.lm.networks import StatefulNetwork, WindowedNetwork
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.ngram.model import NgramModel
from rnnwords.prediction.scoring import batch_size

SHARPNESSES = (0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 3.0, 5.0)  # for similarity of outputs
DECAYS = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)  # for similarity by age
PRIOR_WORDS = 50
LEAST_GAIN = 0.01  # by which a cache must lower the perplexity to be used by default
MAX_ROUNDS = 500
TOLERANCE = 1e-6

Probs = NDArray[np.float64]
NetworkModel = WindowedNetwork | StatefulNetwork


def fit_weights(
    network: NetworkModel, ngram: KneserNey | None, cache: int | None, ids: Ids, skip: int
) -> dict[str, Any]:
    """Return the weights of every interpolation of the network with n-gram and cache, by FittedInterpolation's names.

    `ids` (N,) is validation text, of which the first `skip` words are context only; `cache` is a number of words. It is
    used by default if it lowers the perplexity of this text by LEAST_GAIN, with the n-gram if there is one.
    """
    stateful = isinstance(network, StatefulNetwork)
    sharpnesses = (SHARPNESSES if stateful else DECAYS) if cache else ()
    network_probs, cache_probs = _probs(network, cache or 1, sharpnesses, ids)
    network_probs, cache_probs = network_probs[skip:], [probs[skip:] for probs in cache_probs]
    fitted: dict[str, Any] = {}
    if cache:
        at, weights = _best_cache([np.stack([network_probs, probs]) for probs in cache_probs])
        fitted["with_cache"] = InterpolationWeights(cache=_rounded(weights[1], 0.99), sharpness=sharpnesses[at])
        mixed = weights @ np.stack([network_probs, cache_probs[at]])
        fitted["cache_by_default"] = _gains(network_probs, mixed)
    if ngram:
        model = NgramModel(ngram, network.vocabulary)
        start = model.initial_state()
        contexts = [start, *model.advance_each(start, ids.tolist())][skip:-1]
        bins, count = context_bins(model, contexts), bin_count(ngram.order)
        ngram_probs = np.exp(ngram.log_probability(model.contexts(contexts), ids[skip:]))
        fitted["with_ngram"] = _fit_by_count(network_probs, ngram_probs, bins, count)
        if cache:
            at, weights = _best_cache([np.stack([network_probs, probs, ngram_probs]) for probs in cache_probs])
            share = _rounded(weights[1] / max(weights[0] + weights[1], 1e-9), 0.99)
            inner = (1 - share) * network_probs + share * cache_probs[at]
            by_count = _fit_by_count(inner, ngram_probs, bins, count)
            fitted["with_ngram_and_cache"] = replace(by_count, cache=share, sharpness=sharpnesses[at])
            without = _by_count(fitted["with_ngram"], network_probs, ngram_probs, bins)
            fitted["cache_by_default"] = _gains(without, _by_count(by_count, inner, ngram_probs, bins))
    return fitted


def _by_count(weights: InterpolationWeights, network: Probs, ngram: Probs, bins: Ids) -> Probs:
    """Return the probabilities (N,) of an interpolation by count."""
    own = np.asarray(weights.by_count)[bins]
    return own * network + (1 - own) * ngram


def _gains(without: Probs, with_cache: Probs) -> bool:
    """Return whether a cache lowers the perplexity enough, by the probabilities (N,) of the words."""
    return float(np.log(with_cache).mean() - np.log(without).mean()) >= -math.log1p(-LEAST_GAIN)


def _probs(network: NetworkModel, size: int, sharpnesses: Sequence[float], ids: Ids) -> tuple[Probs, list[Probs]]:
    """Return the probability (N,) of each id by the network, and by a cache of each sharpness.

    With an empty cache its probability is that of the network.
    """
    cache = CacheModel(network, size, 1.0, 0.0)
    state, step = cache.initial_state(), batch_size(len(network.vocabulary))
    own: list[Probs] = []
    cached: list[list[Probs]] = [[] for _ in sharpnesses]
    for start in range(0, len(ids), step):
        words = ids[start : start + step]
        states = [state, *cache.advance_each(state, words.tolist())]
        state = states.pop()
        log_probs = network.log_probs([one.base for one in states])
        own.append(np.exp(log_probs[np.arange(len(words)), words].astype(np.float64)))
        if not sharpnesses:
            continue
        for rows, seen, by_sharpness in cache.attention(states, sharpnesses):
            same = seen == words[rows, None]  # (B, n)
            for parts, probs in zip(cached, by_sharpness.values(), strict=True):
                parts.append(np.where(probs.any(axis=1), (probs * same).sum(axis=1), own[-1][rows]))
    return np.concatenate(own), [np.concatenate(parts) for parts in cached]


def _best_weights(parts: Probs) -> tuple[Probs, float]:
    """Return the best weights (K,) of K parts by their probabilities (K, N) of N words, and the mean log-likelihood."""
    weights = np.full(len(parts), 1 / len(parts))
    for _ in range(MAX_ROUNDS):
        shares = weights[:, None] * parts
        updated = (shares / shares.sum(axis=0)).mean(axis=1)
        change, weights = float(np.abs(updated - weights).max()), updated
        if change < TOLERANCE:
            break
    return weights, float(np.log(weights @ parts).mean())


def _best_cache(candidates: Sequence[Probs]) -> tuple[int, Probs]:
    """Return the index of the candidate (K, N) with the highest likelihood, one per sharpness, and its weights (K,)."""
    weights, likelihoods = zip(*map(_best_weights, candidates), strict=True)
    at = int(np.argmax(likelihoods))
    return at, weights[at]


def _fit_by_count(network: Probs, ngram: Probs, bins: Ids, count: int) -> InterpolationWeights:
    """Return constant weights and weights by bin from the probabilities of N words by network and n-gram."""
    constant = _best_weights(np.stack([network, ngram]))[0][0]
    by_count, words = np.full(count, constant), np.bincount(bins, minlength=count)
    for _ in range(MAX_ROUNDS):
        own = by_count[bins] * network
        shares = np.bincount(bins, own / (own + (1 - by_count[bins]) * ngram), count)
        updated = (shares + PRIOR_WORDS * constant) / (words + PRIOR_WORDS)
        change, by_count = float(np.abs(updated - by_count).max()), updated
        if change < TOLERANCE:
            break
    return InterpolationWeights(_rounded(constant), tuple(max(0.001, _rounded(one, 0.999)) for one in by_count))


def _rounded(value: Any, highest: float = 1.0) -> float:
    """Round to four digits, which do not depend on the order in which a processor adds."""
    return min(highest, round(float(value), 4))
