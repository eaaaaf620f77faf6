"""Interpolation weights against exhaustive search, and the n-gram section that `train` adds."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from rnnwords.config import FittedInterpolation, InterpolationConfig, TextConfig
from rnnwords.lm.describe import describe
from rnnwords.lm.interpolation import bin_count
from rnnwords.lm.kneser_ney import KneserNey
from rnnwords.lm.loading import interpolated, network_model
from rnnwords.model_file import Model
from rnnwords.prediction import scoring
from rnnwords.prediction.predictor import Predictor
from rnnwords.tensor_file import DeferredTensors
from rnnwords.text.tokens.tokenizer import EOS
from rnnwords.training.post_training import interpolation_weights
from rnnwords.training.post_training.interpolation_weights import fit_weights
from rnnwords.training.post_training.run import PostTrainingConfig, add_post_training
from tests.models import log_probs_along, random_model, saved, vocabulary_of
from tests.processes import contents, here, rnnwords
from tests.texts import FABLES

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
    assert weights.keys() == {"with_ngram", "with_cache", "with_ngram_and_cache"}

    best = loss(model, ngram, ids, InterpolationConfig("fixed"), **weights)
    for weight in np.linspace(0, 1, 21).tolist():
        assert best <= loss(model, ngram, ids, InterpolationConfig(weight), **weights) + 1e-5
    assert loss(model, ngram, ids, InterpolationConfig("count"), **weights) < best

    cached = weights["with_cache"]
    best = loss(model, ngram, ids, InterpolationConfig(cache=size), **weights)
    for weight in np.linspace(0, 0.95, 20).tolist():
        other = InterpolationConfig(cache=size, cache_weight=weight, cache_sharpness=cached.sharpness)
        assert best <= loss(model, ngram, ids, other, **weights) + 1e-5
    for sharpness in (
        interpolation_weights.SHARPNESSES if model.network.stateful else interpolation_weights.DECAYS
    ):  # fmt: skip
        other = InterpolationConfig(cache=size, cache_weight=cached.cache, cache_sharpness=sharpness)
        assert best <= loss(model, ngram, ids, other, **weights) + 1e-3

    both = weights["with_ngram_and_cache"]
    best = loss(model, ngram, ids, InterpolationConfig("fixed", cache=size), **weights)
    for weight in np.linspace(0, 1, 11).tolist():
        for cache in (0.0, both.cache, 0.9):
            other = InterpolationConfig(weight, cache=size, cache_weight=cache, cache_sharpness=both.sharpness)
            assert best <= loss(model, ngram, ids, other, **weights) + 1e-5
    assert best <= loss(model, ngram, ids, InterpolationConfig("fixed"), **weights) + 1e-5


def test_ngram_and_cache_are_also_fitted_alone(world):
    model, ngram, size, ids = world
    network = network_model(model)
    whole = fit_weights(network, ngram, size, ids, 10)
    assert fit_weights(network, ngram, None, ids, 10) == {"with_ngram": whole["with_ngram"]}
    assert fit_weights(network, None, size, ids, 10) == {"with_cache": whole["with_cache"]}
    assert len(whole["with_ngram"].by_count) == bin_count(3)


def test_fitted_weights_do_not_depend_on_batch_size(world, monkeypatch):
    model, ngram, size, ids = world
    whole = fit_weights(network_model(model), ngram, size, ids, 10)
    monkeypatch.setattr(scoring, "MAX_BATCH", 7)
    assert fit_weights(network_model(model), ngram, size, ids, 10) == whole


def test_rare_bins_get_the_common_weight():
    network, ngram = np.array([0.9] * 300 + [0.1] * 201), np.array([0.1] * 300 + [0.9] * 201)
    fitted: Any = interpolation_weights._fit_by_count(network, ngram, np.array([0] * 500 + [1]), 3)
    assert fitted.by_count[2] == fitted.network
    assert fitted.network - 0.02 < fitted.by_count[1] < fitted.network


# --- in a model file -------------------------------------------------------------------------------------------------


def post_trained(path, train, validation, config):
    """Run post-training, and return what the model file has then, and the notes."""
    notes, steps = [], add_post_training(path, train, validation, config)
    while True:
        try:
            notes.append(next(steps).message)
        except StopIteration as end:
            return end.value, notes


@pytest.mark.parametrize("eos", [False, True])
def test_post_training_writes_ngram_and_weights_once(tmp_path, eos):
    vocabulary = vocabulary_of(f"{WORDS}\n" * 3, TextConfig("whitespace", eos=eos))
    path = saved(random_model(vocabulary), tmp_path)
    plain = path.read_bytes()
    config = PostTrainingConfig(3, 5, 3, "d" * 64)
    train, validation = some_ids(500, 3), some_ids(100, 4)
    fitted, notes = post_trained(path, train, validation, config)
    content = path.read_bytes()
    assert notes == ["counting the 3-grams of 500 words", "fitting interpolation weights on 97 validation words"]
    assert (fitted.ngram_order, fitted.cache_size) == (3, 5)
    assert (fitted.validation_words, fitted.validation_digest) == (97, "d" * 64)
    model = Model.load(path)
    assert model.interpolation == fitted
    assert model.ngram is not None
    boundary = vocabulary.ids[EOS] if eos else None
    expected = KneserNey.train(train, len(vocabulary), 3, boundary).to_tensors()
    assert all((expected[name] == tensor).all() for name, tensor in model.ngram.read().items())
    lm = Predictor(model, InterpolationConfig("auto", cache=5)).lm
    assert describe(lm)["ngram"]["weights"] == "count"

    assert post_trained(path, train, validation, config) == (fitted, [])
    assert path.read_bytes() == content
    path.write_bytes(plain)
    post_trained(path, train, validation, config)
    assert path.read_bytes() == content


def test_post_training_without_validation_text_fits_nothing(tmp_path):
    path = saved(random_model(vocabulary_of(WORDS)), tmp_path)
    for validation in (None, some_ids(3, 1)):
        fitted, _ = post_trained(path, some_ids(300, 3), validation, PostTrainingConfig(2, 5, 3, None))
        assert (fitted.validation_words, fitted.with_ngram.network, fitted.with_cache.cache) == (0, None, None)
    assert describe(Predictor.load(path, InterpolationConfig("auto")).lm)["ngram"]["network"] == 0.5


TRAIN = ("train", FABLES, "--units", "8", "--layers", "1", "--embedding", "6", "--epochs", "1", "--seed", "3",
         "--validation-split", "0.2", "--precision", "float32", "--model", "run")  # fmt: skip


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
    dataclasses.replace(model, interpolation=None, ngram=None).save(path)  # as a run that requested neither leaves it
    capsys.readouterr()
    assert here(*TRAIN, "--cache", "50", cwd=tmp_path) == 0
    assert "-gram" not in capsys.readouterr().err
    assert here(*TRAIN, "--ngram", "3", cwd=tmp_path) == 0
    assert path.read_bytes() == content
    assert here(*TRAIN, "--ngram", "2", cwd=tmp_path) == 0
    fitted = Model.load(path).interpolation
    assert fitted is not None
    assert (fitted.ngram_order, fitted.cache_size) == (2, 50)
    assert here(*command, cwd=tmp_path) == 0
    assert path.read_bytes() == content
    done = rnnwords(
        "predict", "the mouse", "--interpolate", "auto", "--cache", "20", "--json", "--model", "run", cwd=tmp_path
    )
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["predictions"]) == 5
    assert "fitted on " in done.stderr
