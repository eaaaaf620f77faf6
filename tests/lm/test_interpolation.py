"""Interpolation with n-gram and cache, held to slow implementations by the definition, and every use to every other."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest

from rnnwords.config import FittedInterpolation, InterpolationConfig, InterpolationWeights, TextConfig
from rnnwords.errors import ModelError, UsageError
from rnnwords.evaluation.report import evaluate
from rnnwords.generation.writer import GenerationRequest
from rnnwords.lm.cache import CacheModel
from rnnwords.lm.describe import describe, summary
from rnnwords.lm.interpolation import COUNT_BORDERS, CountWeights, bin_count, context_bins
from rnnwords.lm.networks import StatefulNetwork, WindowedNetwork
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.ngram.model import NgramModel
from rnnwords.lm.parts import UNFITTED_WEIGHT
from rnnwords.lm.unigram import UnigramModel
from rnnwords.model_file import Model
from rnnwords.prediction import scoring
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import Scorer
from tests.lm.interpolated import BY_COUNT, OTHER, TUNED, deferred, with_ngram
from tests.models import log_probs_after, log_probs_along, plain_vocabulary, random_model, saved, vocabulary_of
from tests.texts import CATS

MODELS = {
    "windows": lambda: random_model(vocabulary_of(CATS)),
    "unk": lambda: random_model(vocabulary_of(CATS, max_size=9), window=1),
    "stateful": lambda: random_model(vocabulary_of(CATS, max_size=9), mode="stateful", cell="gru"),
    "eos": lambda: random_model(vocabulary_of(CATS, TextConfig(eos=True), max_size=11), window=2),
    "stateful eos": lambda: random_model(vocabulary_of(CATS, TextConfig(eos=True)), mode="stateful"),
    "adaptive": lambda: random_model(vocabulary_of(CATS + " b c d e f g h i j ."), softmax="adaptive", units=16),
}
CONFIGS = {
    "fixed": InterpolationConfig("fixed"),
    "count": InterpolationConfig("count"),
    "weight": InterpolationConfig(0.25),
    "cache": InterpolationConfig("off", cache=4),
    "long cache": InterpolationConfig("off", cache=100, cache_weight=0.5, cache_sharpness=1.5),
    "flat cache": InterpolationConfig("off", cache=5, cache_sharpness=0.0),
    "default": InterpolationConfig(),
    "both": InterpolationConfig(cache=6),
}


@pytest.fixture(params=MODELS)
def network(request):
    """A predictor by the network alone."""
    return Predictor(with_ngram(MODELS[request.param]()), InterpolationConfig("off"))


@pytest.fixture(params=["count", "long cache", "both"])
def config(request):
    return CONFIGS[request.param]


def interpolated(network, config):
    return Predictor(network.model, config)


def slow_probs(network, config, ids):
    """(N + 1, V) distributions after each beginning of the text, by the definition."""
    model = network.model
    ngram = KneserNey.from_tensors(model.ngram.read(), len(network.vocabulary))
    eos = ngram.boundary
    both = config.interpolate != "off" and bool(config.cache)
    rows = []
    for at in range(len(ids) + 1):
        before = [*([] if eos is None else [eos]), *ids[:at]]
        probs = np.exp(log_probs_after(network.lm, ids[:at]).astype(np.float64))
        if config.cache:
            weights: Any = TUNED["with_ngram_and_cache" if both else "with_cache"]
            share = weights.cache if config.cache_weight is None else config.cache_weight
            sharpness = weights.sharpness if config.cache_sharpness is None else config.cache_sharpness
            cached: dict[int, float] = {}  # word -> sum
            for one in range(max(0, at - config.cache), at):
                if network.context_size is None:
                    similarity = output(network, ids[:one]) @ output(network, ids[:at])
                else:
                    similarity = one - at + 1
                cached[ids[one]] = cached.get(ids[one], 0.0) + math.exp(sharpness * similarity)
            if cached:
                probs *= 1 - share
                for word, mass in cached.items():
                    probs[word] += share * mass / sum(cached.values())
        if config.interpolate != "off":
            weights = TUNED["with_ngram_and_cache" if both else "with_ngram"]
            if config.interpolate in ("count", "auto"):
                context = np.array([[-1, -1, *before][-2:]])
                length, times = (int(one[0]) for one in ngram.seen(context))
                own = weights.by_count[length * 11 + sum(times >= border for border in COUNT_BORDERS)]
            else:
                own = weights.network if config.interpolate == "fixed" else config.interpolate
            probs = own * probs + (1 - own) * ngram.probabilities([before[-2:]])[0]
        rows.append(probs)
    return np.array(rows)


def output(network, ids):
    lm = network.lm
    return lm.outputs([lm.advance(lm.initial_state(), ids)])[0].astype(np.float64)


def known_ids(predictor, text=OTHER):
    ids = map(predictor.vocabulary.ids.get, predictor.vocabulary.tokenize(text))
    return [token for token in ids if token is not None]


@pytest.mark.parametrize("config", [InterpolationConfig(0.3), InterpolationConfig(0.0), InterpolationConfig(cache=6)])
def test_max_context_refuses_interpolation(tmp_path, config):
    model = saved(with_ngram(MODELS["windows"]()), tmp_path)
    with pytest.raises(UsageError, match="for the network alone"):
        evaluate(model, tmp_path / "text", interpolation=config, max_context=1)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("batch", [1, 5])
def test_scores_equal_the_definition_and_single_predictions(network, config, monkeypatch, batch):
    monkeypatch.setattr(scoring, "MAX_BATCH", batch)
    ids = known_ids(network)
    expected = np.log(slow_probs(network, config, ids))
    lm = interpolated(network, config).lm
    state, parts = lm.initial_state(), []
    for first in range(0, len(ids), batch):
        states = [state, *lm.advance_each(state, ids[first : first + batch])]
        state = states.pop()
        parts.append(lm.log_probs(states))
    np.testing.assert_allclose(np.concatenate(parts), expected[:-1], atol=1e-5)
    words = [network.vocabulary.words[token] for token in ids]
    scores = [one for batch in Scorer(lm, 2).score(words) for one in batch.log_probs.tolist()]
    np.testing.assert_allclose(scores, expected[np.arange(len(ids)), ids], atol=1e-5)
    if batch == 1:
        whole = [log_probs_after(lm, ids[:at]) for at in range(len(ids) + 1)]
        np.testing.assert_allclose(whole, expected, atol=1e-5)
        state, stepwise = lm.initial_state(), []
        for word in ids:
            stepwise.append(lm.log_probs([state])[0])
            state = lm.advance(state, [word])
        np.testing.assert_allclose(stepwise, expected[:-1], atol=1e-5)


def test_every_distribution_sums_to_one(network, config):
    ids = known_ids(network)
    lm = interpolated(network, config).lm
    log_probs = log_probs_along(lm, ids)
    assert log_probs.dtype == np.float32
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=1), 1, atol=1e-5)
    assert np.exp(log_probs_after(lm, ids)).sum() == pytest.approx(1, abs=1e-5)


def test_answer_each_equals_answer(network, config):
    predictor = interpolated(network, config)
    prompts = [
        "the cat sat",
        "",
        "the cat",
        "a dog saw the cat and the cat",
        "the cat sat",
        "zebra",
        "sat on the mat ,",
    ]
    for answer, prompt in zip(predictor.answer_each(prompts, 4, threads=2), prompts, strict=True):
        one = predictor.answer(prompt, 4)
        assert answer.entropy == pytest.approx(one.entropy, abs=1e-4)
        assert [p.probability for p in answer.predictions] == pytest.approx(
            [p.probability for p in one.predictions], abs=1e-5
        )


def test_states_of_several_beams_predict_as_each_alone(network, config):
    predictor = interpolated(network, config)
    lm = predictor.lm
    start = predictor.state(known_ids(network)[:4])
    alone = [lm.log_probs([lm.advance(start, [word])])[0] for word in (1, 2, 0)]
    together = lm.log_probs([lm.advance(start, [word]) for word in (1, 2, 0)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    lm.log_probs([start])  # reads it, so that one id of each beam is pending
    np.testing.assert_allclose(lm.log_probs([lm.advance(start, [word]) for word in (1, 2, 0)]), alone, atol=1e-5)
    best = predictor.beams("the cat", GenerationRequest(words=3), 2)[0]
    scores = predictor.score("the cat" + best.text)
    assert sum(word.log_prob for word in scores[-best.words :]) == pytest.approx(best.log_prob, abs=1e-4)


def test_generated_words_are_the_most_probable_of_the_interpolation(network):
    predictor = interpolated(network, InterpolationConfig(0.3, cache=6))
    ids = known_ids(network, "the cat sat")
    for word in list(predictor.generate("the cat sat", n=5, unk=True, tokens=True)):
        best = int(log_probs_after(predictor.lm, ids).argmax())
        assert word == network.vocabulary.words[best]
        ids.append(best)


def test_a_prediction_does_not_depend_on_later_words(network, config):
    lm = interpolated(network, config).lm
    ids = known_ids(network)
    other = [*ids[:5], *ids[5:][::-1]]
    one, two = (log_probs_along(lm, words) for words in (ids, other))
    np.testing.assert_allclose(one[:6], two[:6], atol=1e-6)


def test_weights_of_0_and_1_leave_one_part(network):
    ids = known_ids(network)
    own = log_probs_along(network.lm, ids)
    np.testing.assert_array_equal(log_probs_along(interpolated(network, InterpolationConfig(1.0)).lm, ids), own)
    ngram = KneserNey.from_tensors(network.model.ngram.read(), len(network.vocabulary))
    history = [] if ngram.boundary is None else [ngram.boundary]
    log_probs = log_probs_along(interpolated(network, InterpolationConfig(0.0)).lm, ids)
    np.testing.assert_allclose(log_probs[np.arange(len(ids)), ids], ngram.score(ids, history), atol=1e-5)
    weightless = interpolated(network, InterpolationConfig("off", cache=5, cache_weight=0.0))
    np.testing.assert_array_equal(log_probs_along(weightless.lm, ids), own)


@pytest.mark.parametrize("config", [InterpolationConfig("off"), InterpolationConfig("off", cache=0)])
def test_without_interpolation_the_language_model_is_the_network(network, config):
    predictor = Predictor(network.model, config)
    assert predictor.lm is predictor.network
    assert type(predictor.lm) in (WindowedNetwork, StatefulNetwork)
    assert describe(predictor.lm) == {}


def test_all_that_was_fitted_is_used_by_default(network):
    for config in (None, InterpolationConfig(), InterpolationConfig(cache=0)):
        parts = describe(Predictor(network.model, config).lm)
        assert parts["ngram"]["weights"] == "count"
        assert "cache" not in parts
    fitted = dataclasses.replace(network.model.interpolation, cache_by_default=True)
    model = dataclasses.replace(network.model, interpolation=fitted)
    parts = describe(Predictor(model).lm)
    assert (parts["cache"]["words"], parts["cache"]["weight"]) == (7, 0.3)
    assert parts["ngram"]["network_by_count"] == list(BY_COUNT[::-1])
    assert describe(Predictor(model, InterpolationConfig(cache=3)).lm)["cache"]["words"] == 3
    assert "cache" not in describe(Predictor(model, InterpolationConfig(cache=0)).lm)
    assert "cache" not in describe(Predictor(model, InterpolationConfig("count")).lm)
    assert describe(Predictor(model, InterpolationConfig("off")).lm) == {}


def test_default_of_a_model_without_fitted_weights_is_the_network(network):
    nothing = InterpolationWeights()
    unfitted = FittedInterpolation(3, network.model.interpolation.ngram_count)
    for model in (
        dataclasses.replace(network.model, interpolation=None, ngram=None),
        dataclasses.replace(network.model, interpolation=unfitted),
        dataclasses.replace(network.model, interpolation=dataclasses.replace(unfitted, with_cache=nothing)),
    ):
        for config in (None, InterpolationConfig("auto")):
            assert describe(Predictor(model, config).lm) == {}


def test_a_cache_holds_only_the_last_words():
    uniform = UnigramModel(plain_vocabulary(5), np.log(np.full(5, 0.2, np.float32)))
    lm = CacheModel(uniform, size=3, weight=0.5, sharpness=0.0)
    probs = np.exp(log_probs_after(lm, [1, 4, 4, 2]))
    np.testing.assert_allclose(probs, [0.1, 0.1, 0.1 + 0.5 / 3, 0.1, 0.1 + 1 / 3], rtol=1e-5)


def test_a_cache_keeps_every_probability_above_0():
    model = UnigramModel(plain_vocabulary(3), np.array([0.0, -200.0, -200.0], np.float32))
    assert np.isfinite(log_probs_after(CacheModel(model, size=5, weight=0.3, sharpness=9.0), [0, 1])).all()


def test_context_bins_rise_with_length_and_count():
    kneser_ney = KneserNey.train([0, 1, 2, 0, 1, 2, 0, 1, 3], 5, 3)
    contexts = np.array([[0, 1], [3, 1], [4, 4], [-1, -1]])
    lengths, times = kneser_ney.seen(contexts)
    assert lengths.tolist() == [2, 1, 0, 0]
    assert times[0] == 3  # the context 0 1 has three continuations
    assert times[2] == times[3]
    bins = context_bins(NgramModel(kneser_ney, plain_vocabulary(5)), [tuple(row) for row in contexts.tolist()])
    assert bins[2] == bins[3] < bins[1] < bins[0] < bin_count(3)


@pytest.mark.parametrize("boundary", [None, 3])
@pytest.mark.parametrize("order", [1, 2, 4, 30])
def test_the_weights_of_predictions_are_those_of_the_bins(order, boundary):
    """Predictions look up one context at a time; weights are fitted on all contexts of a text at once."""
    random = np.random.default_rng(order)
    ngram = NgramModel(KneserNey.train(random.integers(0, 4, 300), 6, order, boundary), plain_vocabulary(6))
    states = ngram.advance_each(ngram.initial_state(), random.integers(0, 6, 200).tolist())
    by_count = tuple(random.uniform(size=bin_count(order)))
    weights = CountWeights(ngram, by_count)([[None] * len(states), states])
    assert (weights[:, 0] == np.array(by_count)[context_bins(ngram, states)]).all()
    assert order == 1 or len(set(weights[:, 0])) > 1


# --- configuration, and what the model has ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"interpolate": "best"}, "auto, off, fixed, count or a number between 0 and 1, found 'best'"),
        ({"interpolate": 1.5}, "a number between 0 and 1, found 1.5"),
        ({"interpolate": math.nan}, "a number between 0 and 1"),
        ({"interpolate": True}, "a number between 0 and 1|expected"),
        ({"cache": -1}, "`cache`: expected a whole number between 0 and 10,000, found -1"),
        ({"cache": 5, "cache_weight": 1.0}, "`cache_weight`: expected a number between"),
        ({"cache": 5, "cache_sharpness": math.inf}, "`cache_sharpness`: expected a number between"),
        ({"interpolate": "off", "cache_sharpness": 1.0}, "set `cache` to a number of words"),
        ({"cache": 0, "cache_weight": 0.1}, "set `cache` to a number of words"),
    ],
)
def test_a_bad_interpolation_is_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        InterpolationConfig(**settings)


def test_weight_of_a_cache_needs_one_unless_the_model_uses_one_by_default():
    model = with_ngram(random_model(vocabulary_of(CATS)))
    config = InterpolationConfig(cache_weight=0.25)
    with pytest.raises(UsageError, match="expected a cache, found none; set `cache` to a number of words"):
        Predictor(model, config)
    fitted = dataclasses.replace(model.interpolation, cache_by_default=True)
    parts = describe(Predictor(dataclasses.replace(model, interpolation=fitted), config).lm)
    assert (parts["cache"]["words"], parts["cache"]["weight"]) == (7, 0.25)


def test_a_model_without_an_ngram_says_how_to_train_one():
    model = random_model(vocabulary_of(CATS))
    with pytest.raises(UsageError, match=r"expected a model with an n-gram, .*; train it with one: set `ngram`"):
        Predictor(model, InterpolationConfig("fixed"))
    lm = Predictor(model, InterpolationConfig("off", cache=5)).lm
    assert describe(lm)["cache"]["source"] == "default, not fitted"


def test_weights_that_were_not_fitted_are_one_half():
    nothing = InterpolationWeights()
    unfitted = {"validation_words": 0, "cache_size": None, "with_ngram": nothing, "with_cache": nothing,
                "with_ngram_and_cache": nothing}  # fmt: skip
    model = with_ngram(random_model(vocabulary_of(CATS)), **unfitted)
    parts = describe(Predictor(model, InterpolationConfig("fixed")).lm)
    assert parts["ngram"]["network"] == UNFITTED_WEIGHT
    assert "not fitted: there was no validation text" in summary(parts)
    with pytest.raises(UsageError, match="set `interpolate` to fixed"):
        Predictor(model, InterpolationConfig("count"))


def test_the_weights_are_those_fitted_for_the_same_parts():
    model = with_ngram(random_model(vocabulary_of(CATS)))

    def parts(*interpolate, **cache):
        return describe(Predictor(model, InterpolationConfig(*interpolate, **cache)).lm)

    both = parts("fixed", cache=5)
    assert (both["ngram"]["network"], both["cache"]["weight"], both["cache"]["sharpness"]) == (0.6, 0.3, 0.25)
    assert parts("fixed")["ngram"]["network"] == 0.7
    assert parts("off", cache=5)["cache"]["weight"] == 0.2
    given = parts(0.9, cache=5, cache_weight=0.4)
    assert (given["ngram"]["source"], given["cache"]["sharpness"]) == ("given", 0.25)
    assert given["cache"]["source"].startswith("fitted on 900 words of validation text")  # the sharpness is
    assert given["cache"]["source"].endswith("; weight given")
    assert parts("off", cache=5, cache_weight=0.4, cache_sharpness=1.0)["cache"]["source"] == "given"
    assert "fitted on 900 words of validation text" in summary(parts("auto"))


# --- in the model file -----------------------------------------------------------------------------------------------


def same(one, other):
    return one.keys() == other.keys() and all(
        (one[n] == other[n]).all() and one[n].dtype == other[n].dtype for n in one
    )


def test_an_ngram_is_saved_and_read_only_on_demand(tmp_path):
    made = with_ngram(random_model(vocabulary_of(CATS, TextConfig(eos=True))))
    path = saved(made, tmp_path)
    content = path.read_bytes()
    loaded = Model.load(path)
    assert loaded.interpolation == made.interpolation
    assert loaded.ngram is not None
    assert loaded.ngram.size == made.ngram.size
    assert same(loaded.ngram.read(), made.ngram.read())
    saved(loaded, tmp_path)
    assert path.read_bytes() == content
    assert saved(dataclasses.replace(made, interpolation=None, ngram=None), tmp_path).stat().st_size < len(content)


def test_a_damaged_ngram_is_refused_when_it_is_read(tmp_path):
    made = with_ngram(random_model(vocabulary_of(CATS)))
    path = saved(made, tmp_path)
    content = path.read_bytes()
    loaded = Model.load(path)
    assert loaded.ngram is not None
    for place in (len(content) - made.ngram.size, len(content) - 1):
        damaged = bytearray(content)
        damaged[place] ^= 16
        path.write_bytes(damaged)
        assert Model.load(path).interpolation == made.interpolation  # which does not read it
        with pytest.raises(ModelError, match=r"is damaged, or was overwritten after.*; set `interpolate` to off to"):
            Predictor(Model.load(path))
        Predictor(Model.load(path), InterpolationConfig("off"))
    for cut in range(1, made.ngram.size, 7):
        path.write_bytes(content[:-cut])
        with pytest.raises(ModelError, match="is damaged"):
            Model.load(path)
    saved(random_model(vocabulary_of(OTHER)), tmp_path)
    with pytest.raises(ModelError, match="was overwritten after"):
        loaded.ngram.read()


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(ngram_order=4),
        lambda c: c.update(ngram_order=None, ngram_count=None),
        lambda c: c.update(ngram_order=0),
        lambda c: c.update(ngram_count=None),
        lambda c: c.update(ngram_count=7),
        lambda c: c.update(validation_words=-1),
        lambda c: c.update(validation_digest=7),
        lambda c: c.update(with_ngram=7),
        lambda c: c.update(with_ngram={"network": 2}),
        lambda c: c.update(with_ngram={"by_count": 0.5}),
        lambda c: c.update(with_ngram={"by_count": []}),
        lambda c: c.update(with_ngram={"by_count": [0.5, "1"]}),
        lambda c: c.update(with_ngram={"by_count": [0.5] * 7}),
        lambda c: c.update(with_ngram={"surprise": 1}),
        lambda c: c.update(with_cache={"cache": 1.0}),
        lambda c: c.update(surprise=1),
        lambda c: c.update(order=3),
    ],
)
def test_contradictory_interpolation_metadata_is_refused(tmp_path, monkeypatch, change):
    made = with_ngram(random_model(vocabulary_of(CATS)))
    values = made.interpolation.to_json()
    change(values)
    monkeypatch.setattr(FittedInterpolation, "to_json", lambda self: values)
    path = saved(made, tmp_path)
    with pytest.raises(ModelError):
        Predictor(Model.load(path), InterpolationConfig("count"))


def test_every_damaged_tensor_of_an_ngram_is_refused():
    made = with_ngram(random_model(vocabulary_of(CATS)))
    tensors = made.ngram.read()
    for name, cut in itertools.product(tensors, (True, False)):
        damaged = {other: tensor for other, tensor in tensors.items() if other != name}
        if cut:
            damaged[name] = tensors[name][:-1]
        model = dataclasses.replace(made, ngram=deferred(damaged))
        with pytest.raises(ModelError):
            Predictor(model)
