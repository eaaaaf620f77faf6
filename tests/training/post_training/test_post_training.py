"""Interpolation weights against exhaustive search, and the n-gram section that `train` adds."""

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from rnnwords.config import FittedInterpolation, HeldOutFigures, InterpolationConfig, TextConfig
from rnnwords.lm.describe import describe
from rnnwords.lm.interpolation import bin_count
from rnnwords.lm.loading import interpolated, network_model
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.parts import ngram_model
from rnnwords.model_file import Model
from rnnwords.prediction import scoring
from rnnwords.prediction.predictor import Predictor
from rnnwords.tensor_file import DeferredTensors
from rnnwords.text.tokens.tokenizer import EOS
from rnnwords.training.post_training import interpolation, interpolation_weights
from rnnwords.training.post_training.interpolation import ORDERS
from rnnwords.training.post_training.interpolation_weights import fit_weights
from rnnwords.training.post_training.run import PostTrainingConfig, add_post_training
from tests.models import log_probs_along, random_model, saved, vocabulary_of
from tests.processes import TINY, contents, here, rnnwords
from tests.texts import FABLE, FABLES
from tests.training.post_training.post_trained import post_train, texts_of

WORDS = " ".join(f"w{number}" for number in range(12))


def some_ids(length, seed):
    """Return token ids with frequent bigrams and recurring recent words."""
    random = np.random.default_rng(seed)
    ids = [0]
    while len(ids) < length:
        draw = random.random()
        if draw < 0.5:
            ids.append((ids[-1] * 5 + 3) % 12)
        else:
            ids.append(int(random.choice(ids[-8:])) if draw < 0.8 else int(random.integers(0, 12)))
    return np.array(ids)


@pytest.fixture(scope="module", params=["windows", "stateful"])
def world(request):
    """A model, an n-gram, a cache size, validation text."""
    vocabulary = vocabulary_of(WORDS, TextConfig("whitespace"))
    model = random_model(vocabulary, mode=request.param)
    return model, KneserNey.train(some_ids(2_000, 1), 12, 3), 6, some_ids(400, 2)


def loss(model, ngram, ids, interpolation, **weights):
    """Return the loss in nats per word from the tenth on, with these weights."""
    fitted = FittedInterpolation(ngram.order, ngram.size, 6, 1, **weights)
    model = dataclasses.replace(model, interpolation=fitted, ngram=DeferredTensors(0, ngram.to_tensors))
    log_probs = log_probs_along(interpolated(network_model(model), model, interpolation), ids)
    return -float(log_probs[np.arange(len(ids)), ids][10:].mean())


def test_fitted_weights_minimize_validation_loss(world):
    model, ngram, size, ids = world
    weights = fit_weights(network_model(model), ngram, size, ids, 10)
    by_default = weights.pop("cache_by_default")
    assert weights.keys() == {"with_ngram", "with_cache", "with_ngram_and_cache"}

    best = loss(model, ngram, ids, InterpolationConfig("fixed"), **weights)
    for weight in np.linspace(0, 1, 21).tolist():
        assert best <= loss(model, ngram, ids, InterpolationConfig(weight), **weights) + 1e-5
    assert loss(model, ngram, ids, InterpolationConfig("count"), **weights) < best

    cached = weights["with_cache"]
    best = loss(model, ngram, ids, InterpolationConfig("off", cache=size), **weights)
    for weight in np.linspace(0, 0.95, 20).tolist():
        other = InterpolationConfig("off", cache=size, cache_weight=weight, cache_sharpness=cached.sharpness)
        assert best <= loss(model, ngram, ids, other, **weights) + 1e-5
    for sharpness in (
        interpolation_weights.SHARPNESSES if model.network.stateful else interpolation_weights.DECAYS
    ):  # fmt: skip
        other = InterpolationConfig("off", cache=size, cache_weight=cached.cache, cache_sharpness=sharpness)
        assert best <= loss(model, ngram, ids, other, **weights) + 1e-3

    both = weights["with_ngram_and_cache"]
    best = loss(model, ngram, ids, InterpolationConfig("fixed", cache=size), **weights)
    for weight in np.linspace(0, 1, 11).tolist():
        for cache in (0.0, both.cache, 0.9):
            other = InterpolationConfig(weight, cache=size, cache_weight=cache, cache_sharpness=both.sharpness)
            assert best <= loss(model, ngram, ids, other, **weights) + 1e-5
    assert best <= loss(model, ngram, ids, InterpolationConfig("fixed"), **weights) + 1e-5
    gain = loss(model, ngram, ids, InterpolationConfig("count"), **weights) - loss(
        model, ngram, ids, InterpolationConfig("count", cache=size), **weights
    )
    assert by_default == (gain >= 0.01)
    assert gain > 0.02 or gain < 0.005  # so that rounding does not decide


def test_ngram_and_cache_are_also_fitted_alone(world):
    model, ngram, size, ids = world
    network = network_model(model)
    whole = fit_weights(network, ngram, size, ids, 10)
    assert fit_weights(network, ngram, None, ids, 10) == {"with_ngram": whole["with_ngram"]}
    alone = fit_weights(network, None, size, ids, 10)
    assert alone == {"with_cache": whole["with_cache"], "cache_by_default": True}
    assert len(whole["with_ngram"].by_count) == bin_count(3)


def test_fitted_weights_do_not_depend_on_batch_size(world, monkeypatch):
    model, ngram, size, ids = world
    whole = fit_weights(network_model(model), ngram, size, ids, 10)
    monkeypatch.setattr(scoring, "MAX_BATCH", 7)
    assert fit_weights(network_model(model), ngram, size, ids, 10) == whole


def test_cache_is_used_by_default_only_if_it_lowers_the_perplexity_by_one_percent():
    random = np.random.default_rng(1)
    without = random.uniform(0.1, 0.2, 500)
    assert interpolation_weights._gains(without, without * 1.0102)
    assert not interpolation_weights._gains(without, without * 1.0099)
    assert not interpolation_weights._gains(without, without * 0.9)


def test_rare_bins_get_the_common_weight():
    network, ngram = np.array([0.9] * 300 + [0.1] * 201), np.array([0.1] * 300 + [0.9] * 201)
    fitted: Any = interpolation_weights._fit_by_count(network, ngram, np.array([0] * 500 + [1]), 3)
    assert fitted.by_count[2] == fitted.network
    assert fitted.network - 0.02 < fitted.by_count[1] < fitted.network


# --- in a model file -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eos", [False, True])
def test_post_training_writes_ngram_and_weights_once(tmp_path, eos):
    vocabulary = vocabulary_of(f"{WORDS}\n" * 3, TextConfig("whitespace", eos=eos))
    path = saved(random_model(vocabulary), tmp_path)
    plain = path.read_bytes()
    texts = texts_of(some_ids(500, 3), some_ids(100, 4), digest="d" * 64)
    model, notes = post_train(path, texts, order=3, cache=5)
    content, fitted = path.read_bytes(), model.interpolation
    assert notes == ["counting the 3-grams of 500 words", "fitting interpolation weights on 97 validation words"]
    assert (fitted.ngram_order, fitted.cache_size) == (3, 5)
    assert (fitted.validation_words, fitted.validation_digest) == (97, "d" * 64)
    assert model.ngram is not None
    boundary = vocabulary.ids[EOS] if eos else None
    expected = KneserNey.train(texts.train, len(vocabulary), 3, boundary).to_tensors()
    assert all((expected[name] == tensor).all() for name, tensor in model.ngram.read().items())
    lm = Predictor(model, InterpolationConfig("auto", cache=5)).lm
    assert describe(lm)["ngram"]["weights"] == "count"

    assert post_train(path, texts, order=3, cache=5)[1] == []
    assert path.read_bytes() == content
    path.write_bytes(plain)
    post_train(path, texts, order=3, cache=5)
    assert path.read_bytes() == content


def test_post_training_without_validation_text_fits_nothing(tmp_path):
    path = saved(random_model(vocabulary_of(WORDS)), tmp_path)
    fitted = post_train(path, texts_of(some_ids(300, 3), None), order=2, cache=5)[0].interpolation
    assert (fitted.validation_words, fitted.with_ngram.network, fitted.with_cache.cache) == (0, None, None)
    assert describe(Predictor.load(path).lm) == {}
    assert describe(Predictor.load(path, InterpolationConfig("fixed")).lm)["ngram"]["network"] == 0.5


def test_nothing_is_added_by_default_that_held_out_text_cannot_check(tmp_path):
    path = saved(random_model(vocabulary_of(WORDS)), tmp_path)
    plain = path.read_bytes()
    for choosing in (None, some_ids(100, 4)):
        assert post_train(path, texts_of(some_ids(300, 3), choosing))[1] == []
        assert path.read_bytes() == plain


@pytest.mark.parametrize("half", ["choosing", "held_out"])
def test_half_of_unknown_words_only_gives_finite_figures(tmp_path, half):
    vocabulary = vocabulary_of(WORDS, TextConfig("whitespace"), max_size=11)
    path = saved(random_model(vocabulary), tmp_path)
    halves = {"choosing": some_ids(300, 4) % 11, "held_out": some_ids(203, 5) % 11}
    halves[half] = np.full(203, vocabulary.unk_id)
    model, _ = post_train(path, texts_of(some_ids(2_000, 3) % 11, **halves))
    figures = model.training["held_out"]
    assert all(math.isfinite(figures[name]) for name in ("network", "predictor", "ngram"))
    assert np.isfinite(Predictor.load(path).lm.log_probs([Predictor.load(path).state([1, 2])])).all()


def test_cache_that_lowers_the_perplexity_is_used_by_default(tmp_path):
    path = saved(random_model(vocabulary_of(WORDS)), tmp_path)
    recent = np.repeat(np.arange(60) % 12, 40)  # long runs of one word, and the network is random
    model, _ = post_train(path, texts_of(some_ids(300, 3), recent[:1_200], recent[1_200:]), order=0)
    assert (model.interpolation.cache_size, model.interpolation.cache_by_default) == (500, True)
    assert describe(Predictor(model).lm)["cache"]["source"].startswith("fitted on 1,197 words")
    figures = model.training["held_out"]
    assert figures["predictor"] < 0.9 * figures["network"]
    assert (
        post_train(path, texts_of(some_ids(300, 3), recent[:1_200], recent[1_200:]), order=0, cache=0)[0].interpolation
        is None
    )


def test_default_post_training_is_all_that_predictions_use(tmp_path):
    path = saved(random_model(vocabulary_of(WORDS)), tmp_path)
    texts = texts_of(some_ids(2_000, 3), some_ids(300, 4), some_ids(203, 5))
    model, notes = post_train(path, texts)
    assert [note.split(" ")[0] for note in notes[:3]] == ["temperature", "counting", "fitting"]
    assert notes[-1] == "computing the perplexity of 200 held-out words"
    assert model.interpolation.ngram_order == ORDERS[0][1]
    assert describe(Predictor.load(path).lm)["ngram"]["source"] == "fitted on 297 words of validation text"

    figures = HeldOutFigures.from_json(model.training["held_out"])
    assert (figures.words, figures.ngram_order) == (200, 5)
    for name, lm in (
        ("network", network_model(model)), ("predictor", Predictor(model).lm), ("ngram", ngram_model(model)),
    ):  # fmt: skip
        log_probs = log_probs_along(lm, texts.held_out)[np.arange(203), texts.held_out]
        assert getattr(figures, name) == pytest.approx(math.exp(-log_probs[3:].mean(dtype=np.float64)), rel=1e-5)
    assert model.training["held_out"]["predictor"] < model.training["held_out"]["network"]


def test_figures_on_held_out_text_are_computed_again_after_a_change(tmp_path):
    path = saved(random_model(vocabulary_of(WORDS)), tmp_path)
    texts = texts_of(some_ids(2_000, 3), some_ids(300, 4), some_ids(203, 5))
    whole = post_train(path, texts)[0].training["held_out"]
    assert post_train(path, texts)[1] == []
    model, notes = post_train(path, texts, order=0, cache=0)
    assert notes == ["computing the perplexity of 200 held-out words"]
    figures = model.training["held_out"]
    assert (model.interpolation, model.ngram) == (None, None)
    assert figures["predictor"] == figures["network"] == whole["network"]
    assert figures["ngram"] is None


def test_interrupted_post_training_goes_on_with_the_next_step(tmp_path):
    path = saved(random_model(vocabulary_of(WORDS)), tmp_path)
    plain = path.read_bytes()
    texts = texts_of(some_ids(2_000, 3), some_ids(300, 4), some_ids(203, 5))
    notes = post_train(path, texts)[1]
    expected = path.read_bytes()
    for stopped in range(len(notes)):  # after this note
        path.write_bytes(plain)
        steps = add_post_training(path, texts, PostTrainingConfig())
        for _ in range(stopped + 1):
            next(steps)
        steps.close()
        left = post_train(path, texts)[1]
        assert left == notes[-len(left) :]
        assert len(left) == len(notes) if stopped == 0 else len(left) < len(notes)
        assert path.read_bytes() == expected


def test_only_the_end_of_a_very_long_text_is_counted_by_default(tmp_path, monkeypatch):
    monkeypatch.setattr(interpolation, "MAX_COUNTED", 600)
    path = saved(random_model(vocabulary_of(WORDS)), tmp_path)
    train, choosing, held_out = some_ids(1_000, 3), some_ids(300, 4), some_ids(203, 5)
    model, notes = post_train(path, texts_of(train, choosing, held_out))
    assert "counting the 5-grams of the last 600 of 1,000 words" in notes
    assert ngram_model(model).kneser_ney.size == KneserNey.train(train[400:], len(model.vocabulary), 5).size
    _, notes = post_train(path, texts_of(train, choosing, held_out), order=4)
    assert "counting the 4-grams of 1,000 words" in notes


def test_default_order_falls_with_the_length_of_the_text():
    orders = [interpolation.default_order(words) for words in (10_000, 999_999, 1_000_000, 2_000_000, 10**9)]
    assert orders == [5, 5, 4, 3, 3]


TRAIN = ("train", FABLES, "--units", "8", "--layers", "1", "--embedding", "6", "--epochs", "1", "--seed", "3",
         "--validation-split", "0.2", "--precision", "float32", "--model", "run")  # fmt: skip


def test_train_adds_all_that_predictions_use(tmp_path, capsys):
    assert here(*TRAIN, "--json", cwd=tmp_path) == 0
    printed = capsys.readouterr()
    path = tmp_path / "run" / "model.safetensors"
    content, before = path.read_bytes(), contents(tmp_path / "run")
    model = Model.load(path)
    figures = json.loads(printed.out)["held_out"]
    assert figures == model.training["held_out"]
    assert (figures["words"], figures["ngram_order"]) == (1_364, 5)
    assert here(*TRAIN, cwd=tmp_path) == 0
    assert (
        f"\nheld-out text (1,364 words): perplexity of the network {figures['network']:.1f}, of the whole predictor "
        f"{figures['predictor']:.1f}, of the Kneser-Ney 5-gram {figures['ngram']:.1f}\n"
    ) in capsys.readouterr().err
    assert contents(tmp_path / "run") == before

    # As after a kill between the last step and post-training.
    assert here(*TRAIN, "--restart", "--no-ngram", "--no-cache", "--no-calibrate", cwd=tmp_path) == 0
    alone = Model.load(path)
    assert (alone.interpolation, alone.ngram) == (None, None)
    assert "temperature_scaling" not in alone.training
    stopped = {**alone.training}
    del stopped["held_out"]
    dataclasses.replace(alone, training=stopped, spelling=None, adaptation=None, adaptation_config=None).save(path)
    assert here(*TRAIN, cwd=tmp_path) == 0
    assert path.read_bytes() == content


def test_train_adds_nothing_without_validation_text(tmp_path, capsys):
    assert here("train", FABLE, *TINY, "--json", "--model", "run", cwd=tmp_path) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["held_out"] is None
    assert "-gram" not in printed.err
    model = Model.load(tmp_path / "run" / "model.safetensors")
    assert (model.interpolation, model.ngram) == (None, None)
    assert not {"temperature_scaling", "held_out"} & model.training.keys()


def test_requested_ngram_without_validation_text_is_not_used_by_default(tmp_path, capsys):
    assert here("train", FABLE, *TINY, "--ngram", "3", "--model", "run", cwd=tmp_path) == 0
    assert "only with --interpolate, since there is no validation text" in capsys.readouterr().err
    path = tmp_path / "run" / "model.safetensors"
    assert describe(Predictor.load(path).lm) == {}
    assert describe(Predictor.load(path, InterpolationConfig("fixed")).lm)["ngram"]["order"] == 3


def test_train_adds_an_ngram_to_the_model_file(tmp_path, capsys):
    command = (*TRAIN, "--ngram", "3", "--cache", "50")
    assert here(*command, cwd=tmp_path) == 0
    assert "\n3-gram model of " in capsys.readouterr().err
    path = tmp_path / "run" / "model.safetensors"
    content, before = path.read_bytes(), contents(tmp_path / "run")
    assert here(*command, cwd=tmp_path) == 0
    assert contents(tmp_path / "run") == before

    model = Model.load(path)  # as after a kill between the last step and the n-gram
    dataclasses.replace(model, interpolation=None, ngram=None).save(path)
    assert here(*command, cwd=tmp_path) == 0
    assert path.read_bytes() == content

    (tmp_path / "other").mkdir()
    assert here(*command, cwd=tmp_path / "other") == 0
    assert (tmp_path / "other" / "run" / "model.safetensors").read_bytes() == content

    assert here(*TRAIN, cwd=tmp_path) == 0  # parts that are not requested remain
    assert path.read_bytes() == content
    capsys.readouterr()
    assert here(*TRAIN, "--cache", "50", "--no-ngram", cwd=tmp_path) == 0
    assert "-gram" not in capsys.readouterr().err
    assert here(*TRAIN, "--ngram", "3", cwd=tmp_path) == 0
    assert path.read_bytes() == content
    assert here(*TRAIN, "--ngram", "2", cwd=tmp_path) == 0
    fitted = Model.load(path).interpolation
    assert fitted is not None
    assert (fitted.ngram_order, fitted.cache_size) == (2, 50)
    assert here(*command, cwd=tmp_path) == 0
    assert path.read_bytes() == content
    done = rnnwords("predict", "the mouse", "--cache", "20", "--json", "--model", "run", cwd=tmp_path)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["predictions"]) == 5
    assert "fitted on " in done.stderr
