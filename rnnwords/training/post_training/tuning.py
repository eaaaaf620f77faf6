"""Calibration, an n-gram model and weights of mixtures: made for a network when its training is done, kept in its file.

The weights are those under which held-out text, which neither network nor n-gram learned from, is the most probable:
expectation-maximization (Dempster, Laird & Rubin 1977; for such mixtures Jelinek & Mercer 1980), on the probability
that each part gives to each word. theta of a cache is the best of a few. The weight of a bin of contexts leans towards
the weight of all, as if BELIEF words more had been seen that agree with it.

Shapes: N words, K parts, T values of theta.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.lm.cache import Cache
from rnnwords.lm.interpolation import Mixture, bins, bins_of
from rnnwords.lm.kneser_ney import NOTHING, KneserNey
from rnnwords.model_file import Model
from rnnwords.network.mixture import MixtureConfig, Weights
from rnnwords.network.recurrent import Ids
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import at_a_time
from rnnwords.tensor_file import Apart
from rnnwords.text.corpus import Text
from rnnwords.training.post_training.temperature_scaling import best_scale, with_scale

MOST = 20_000  # held-out words that are looked at: more move the weights by less than a hundredth
THETAS = (0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 3.0, 5.0)  # for likeness of outputs
DECAYS = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)  # for ages
BELIEF = 50
CALIBRATED = "calibrated"  # in the record of a model: by what, on how many words
ROUNDS = 500

Chances = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to stand beside a network."""

    order: int | None  # of the n-gram; None: what there is stays
    cache: int | None  # words of the cache that weights are tuned for; None: so, too
    skip: int  # words at the beginning of the held-out text that are read, but not judged
    digest: str | None  # of the held-out text, where that is a file of its own
    calibrate: bool = False  # the network itself, first


def complete(
    path: Path, train: Text, held_out: Text | None, wanted: Wanted, tell: Callable[[str], None] = lambda line: None
) -> MixtureConfig:
    """Give the model file what is wanted, unless it has it: calibration, an n-gram of the training text, and weights.

    The same model and texts give the same bytes. `tell` hears what is being done. Raises ModelError, SaveError.
    """
    model = Model.load(path)
    judged = None
    if held_out is not None and len(held_out) > wanted.skip:
        judged = np.asarray(held_out[0 : wanted.skip + MOST]).astype(np.int64)
    calibrate = wanted.calibrate and CALIBRATED not in model.training
    if calibrate and judged is not None:
        model = calibrated(model, judged, wanted.skip)
        tell("calibrated on {words:,} held-out words: logits times {scale:g}".format(**model.training[CALIBRATED]))
    elif calibrate:
        tell("nothing was held out to calibrate on")
        calibrate = False
    if found := model.mixture:
        wanted = dataclasses.replace(wanted, order=wanted.order or found.order, cache=wanted.cache or found.cache)
        if (found.order, found.cache) == (wanted.order, wanted.cache) and not calibrate:
            return found
    if not wanted.order and not wanted.cache:
        if calibrate:
            model.save(path)
        return MixtureConfig()
    ngram = None
    if wanted.order:
        tell(f"counting the {wanted.order}-grams of {len(train):,} words")
        ids, vocabulary = np.asarray(train[0 : len(train)]), model.vocabulary
        ngram = KneserNey.train(ids, len(vocabulary), wanted.order, vocabulary.line_end)
    mixture = MixtureConfig(order=wanted.order, ngrams=ngram.size if ngram else None, cache=wanted.cache)
    if judged is not None:
        tell(f"tuning on {len(judged) - wanted.skip:,} held-out words")
        weights = tuned(Predictor(model), ngram, wanted.cache, judged, wanted.skip)
        mixture = dataclasses.replace(mixture, words=len(judged) - wanted.skip, digest=wanted.digest, **weights)
    tensors = ngram.to_tensors() if ngram else {}
    apart = Apart(sum(tensor.nbytes for tensor in tensors.values()), lambda: tensors) if ngram else None
    dataclasses.replace(model, mixture=mixture, ngram=apart).save(path)
    return mixture


def calibrated(model: Model, ids: Ids, skip: int) -> Model:
    """The model, as sure of itself as held-out text (N,) allows, of which the first `skip` words are not judged."""
    scale = best_scale(Predictor(model), ids, skip)
    record = {**model.training, CALIBRATED: {"scale": scale, "words": len(ids) - skip}}
    return dataclasses.replace(model, weights=with_scale(model.network, model.weights, scale), training=record)


def tuned(predictor: Predictor, ngram: KneserNey | None, cache: int | None, ids: Ids, skip: int) -> dict[str, Any]:
    """The Weights of every combination of the network with what there is, by the names of MixtureConfig.

    `ids` (N,) is held-out text, of which the first `skip` words are not judged.
    """
    lead = predictor.led_in(())
    thetas = THETAS if predictor.model.network.stateful else DECAYS
    network, caches = _chances(predictor, cache, thetas if cache else (), ids)
    late = [_best(np.stack([network[skip:], one[skip:]])) for one in caches]
    found = {}
    if ngram:
        text = np.concatenate([np.full(ngram.order - 1, NOTHING), lead, ids[:-1]])[len(lead) :].astype(np.int64)
        contexts = np.lib.stride_tricks.sliding_window_view(text, ngram.order - 1)[skip:]
        places, grams = bins_of(ngram, contexts), np.exp(ngram.score(ids, lead))[skip:]
        found["blend"] = _blended(network[skip:], grams, places, bins(ngram.order))
    if caches:
        at = int(np.argmax([likelihood for _, likelihood in late]))
        found["memory"] = Weights(cache=_rounded(late[at][0][1], 0.99), theta=thetas[at])
    if ngram and caches:
        three = [_best(np.stack([network[skip:], one[skip:], grams])) for one in caches]
        at = int(np.argmax([likelihood for _, likelihood in three]))
        weights = three[at][0]
        share = _rounded(weights[1] / max(weights[0] + weights[1], 1e-9), 0.99)
        inner = (1 - share) * network[skip:] + share * caches[at][skip:]
        both = _blended(inner, grams, places, bins(ngram.order))
        found["both"] = dataclasses.replace(both, cache=share, theta=thetas[at])
    return found


def _chances(
    predictor: Predictor, cache: int | None, thetas: tuple[float, ...], ids: Ids
) -> tuple[Chances, list[Chances]]:
    """(N,) ids -> the probability of each by the network (N,), and by a cache of each theta (N,).

    Where the cache is empty, its probability is the network's, whose word it takes.
    """
    caches = [Cache(cache or 1, 1.0, theta, predictor.window is None) for theta in thetas]
    mixture = Mixture(None, caches[0] if caches else None)
    reader, past = predictor.reader(), mixture.start((), predictor.model.network.units)
    own, late = [], []
    size = at_a_time(len(predictor.vocabulary))
    for start in range(0, len(ids), size):
        words = ids[start : start + size]
        scores = reader.predict(words)()
        own.append(np.exp(scores[np.arange(len(words)), words].astype(np.float64)))
        if caches:
            now = reader.outputs if mixture.states else np.empty((len(words), 0), np.float32)
            likeness = caches[0].likeness(past.words, past.outputs, words[:-1], now)
            same = np.concatenate([past.words, words[:-1]]) == words[:, None]  # (B, n + B - 1)
            seen = (likeness > -np.inf).any(axis=1)
            late.append([np.where(seen, (each.shares(likeness) * same).sum(axis=1), own[-1]) for each in caches])
            past = mixture.after(past, words, now)
    return np.concatenate(own), [np.concatenate(parts) for parts in zip(*late, strict=True)]


def _best(parts: Chances) -> tuple[Chances, float]:
    """(K, N) probabilities of N words by K parts -> the best weights of the parts (K,), and the mean log-likelihood."""
    weights = np.full(len(parts), 1 / len(parts))
    for _ in range(ROUNDS):
        shares = weights[:, None] * parts
        found = (shares / shares.sum(axis=0)).mean(axis=1)
        change, weights = float(np.abs(found - weights).max()), found
        if change < 1e-6:
            break
    return weights, float(np.log(weights @ parts).mean())


def _blended(network: Chances, grams: Chances, places: Ids, count: int) -> Weights:
    """Probabilities of N words by the network and by the n-gram, and the bins of their contexts -> the weights."""
    whole = _best(np.stack([network, grams]))[0][0]
    by_count, words = np.full(count, whole), np.bincount(places, minlength=count)
    for _ in range(ROUNDS):
        own = by_count[places] * network
        shares = np.bincount(places, own / (own + (1 - by_count[places]) * grams), count)
        found = (shares + BELIEF * whole) / (words + BELIEF)
        change, by_count = float(np.abs(found - by_count).max()), found
        if change < 1e-6:
            break
    return Weights(_rounded(whole), tuple(max(0.001, _rounded(one, 0.999)) for one in by_count.tolist()))


def _rounded(value: Any, most: float = 1.0) -> float:
    """To four digits: what is left does not hang on the order in which a machine adds."""
    return min(most, round(float(value), 4))
