"""Temperature scaling: the optimum, its place in the weights, and `train`."""

import dataclasses
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.loading import network_model
from rnnwords.model_file import Model
from rnnwords.prediction import scoring
from rnnwords.training.post_training.temperature_scaling import best_scale, with_scale
from tests.models import log_probs_along, plain_vocabulary, random_model, saved, vocabulary_of
from tests.processes import here, only_error, rnnwords
from tests.texts import FABLES
from tests.training.post_training.post_trained import SKIP, post_train, texts_of

WORDS = " ".join(f"w{number}" for number in range(12))
KINDS: dict[str, dict[str, Any]] = {
    "untied": {},
    "tied": {"tie": True, "embedding": 6},
    "tied, two layers": {"tie": True, "embedding": 6, "layers": 2},
    "tied, projected": {"tie": True, "embedding": 5},
    "one-hot": {"input": "one-hot"},
    "gru": {"tie": True, "embedding": 6, "cell": "gru"},
    "stateful": {"tie": True, "embedding": 6, "mode": "stateful"},
}


def model_of(kind: str) -> Model:
    model: Model = random_model(vocabulary_of(WORDS, TextConfig("whitespace")), **{"units": 6, **KINDS[kind]})
    return model


def some_ids(length: int, seed: int) -> Any:
    """Return a text in which some words are more frequent than others."""
    return np.random.default_rng(seed).integers(0, 12, (length, 2)).min(axis=1)


def sampled_from(model: Model, length: int, seed: int) -> Any:
    """Return a text sampled from the model, on which it is about calibrated."""
    lm: LanguageModel[Any] = network_model(model)
    random, ids = np.random.default_rng(seed), list[int]()
    state: Any = lm.initial_state()
    for _ in range(length):
        probs = np.exp(lm.log_probs([state])[0].astype(np.float64))
        ids.append(int(random.choice(len(probs), p=probs / probs.sum())))
        state = lm.advance(state, ids[-1:])
    return np.array(ids)


def log_probs_of(model: Model, ids: Any) -> Any:
    """Return (N, V) natural log-probabilities before each of N ids."""
    return log_probs_along(network_model(model), ids)


def fitted_scale(model: Model, ids: Any, skip: int = SKIP) -> float:
    return best_scale(network_model(model), ids, skip)


def loss(log_probs: Any, ids: Any, scale: float) -> float:
    """Return the loss in nats per scored word, with all logits times `scale`."""
    scaled = scale * log_probs.astype(np.float64)
    scaled -= np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return -float(scaled[np.arange(len(ids)), ids][SKIP:].mean())


@pytest.mark.parametrize("kind", KINDS)
def test_scaled_weights_equal_scaled_logits(kind):
    model, ids = model_of(kind), some_ids(40, 1)
    expected = 0.7 * log_probs_of(model, ids).astype(np.float64)
    expected -= np.log(np.exp(expected).sum(axis=1, keepdims=True))
    scaled = dataclasses.replace(model, weights=with_scale(model.network, model.weights, 0.7))
    assert scaled.weights.keys() == model.weights.keys()
    assert all(weight.dtype == np.float32 for weight in scaled.weights.values())
    np.testing.assert_allclose(log_probs_of(scaled, ids), expected, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_fitted_scale_minimizes_validation_loss(kind):
    model = model_of(kind)
    ids = sampled_from(model, 300, 2)
    model = dataclasses.replace(model, weights=with_scale(model.network, model.weights, 0.5))
    log_probs = log_probs_of(model, ids)
    scale = fitted_scale(model, ids)
    assert scale == pytest.approx(2, rel=0.4)  # undoes the half
    at_best = loss(log_probs, ids, scale)
    for other in (1.0, scale - 0.02, scale + 0.02, 0.5 * scale, 1.5 * scale):
        assert at_best < loss(log_probs, ids, other)


def test_halved_logits_get_twice_the_scale():
    model = model_of("tied")
    ids = sampled_from(model, 100, 2)
    half = dataclasses.replace(model, weights=with_scale(model.network, model.weights, 0.5))
    assert fitted_scale(half, ids, 0) == pytest.approx(2 * fitted_scale(model, ids, 0), rel=2e-3)


def test_first_words_are_read_but_not_scored(monkeypatch):
    model = model_of("stateful")
    ids = sampled_from(model, 60, 3)
    whole = fitted_scale(model, ids)
    monkeypatch.setattr(scoring, "MAX_BATCH", 7)
    assert fitted_scale(model, ids) == pytest.approx(whole, abs=2e-4)
    monkeypatch.setattr(scoring, "MAX_BATCH", 2)  # the first batches have no word to score
    assert fitted_scale(model, ids) == pytest.approx(whole, abs=2e-4)
    assert fitted_scale(model, ids, 0) != pytest.approx(whole, abs=2e-4)


def test_scale_of_always_right_and_always_wrong_networks_is_bounded():
    model = model_of("untied")
    bias = np.zeros(12, np.float32)
    bias[3] = 4
    weights = {**{name: np.zeros_like(weight) for name, weight in model.weights.items()}, "output/bias": bias}
    sure = dataclasses.replace(model, weights=weights)
    assert fitted_scale(sure, np.full(50, 3), 0) > 2
    assert fitted_scale(sure, np.full(50, 4), 0) == pytest.approx(0.1, abs=1e-3)


def test_temperature_scaling_runs_once_and_before_interpolation(tmp_path):
    path = saved(model_of("tied"), tmp_path)
    plain = path.read_bytes()
    texts = texts_of(some_ids(500, 3), some_ids(100, 4))
    model, notes = post_train(path, texts, calibrate=True)
    scale = fitted_scale(model_of("tied"), texts.choosing)
    assert notes == [f"temperature scaling: logits times {scale:g}, fitted on 97 validation words"]
    assert model.interpolation is None
    assert model.training["temperature_scaling"] == {"scale": scale, "words": 97}
    scaled = path.read_bytes()
    assert post_train(path, texts, calibrate=True)[1] == []
    assert path.read_bytes() == scaled

    both = {"order": 2, "cache": 5, "calibrate": True}
    post_train(path, texts, **both)
    content = path.read_bytes()
    path.write_bytes(plain)
    post_train(path, texts, **both)
    assert path.read_bytes() == content  # all at once
    path.write_bytes(plain)
    post_train(path, texts, order=2, cache=5)
    assert path.read_bytes() != content
    post_train(path, texts, calibrate=True)
    assert path.read_bytes() == content  # the interpolation weights are fitted again
    post_train(path, texts, order=2, cache=5)
    assert path.read_bytes() == content  # parts that are not requested remain


def test_temperature_scaling_recorded_by_an_earlier_version_is_not_repeated(tmp_path):
    model = model_of("tied")
    path = saved(dataclasses.replace(model, training={"calibrated": {"scale": 0.5, "words": 9}}), tmp_path)
    content = path.read_bytes()
    assert post_train(path, texts_of(some_ids(50, 3), some_ids(100, 4)), calibrate=True)[1] == []
    assert path.read_bytes() == content


def test_temperature_scaling_without_validation_text_changes_nothing(tmp_path):
    path = saved(model_of("tied"), tmp_path)
    plain = path.read_bytes()
    _, notes = post_train(path, texts_of(some_ids(50, 3), None), calibrate=True)
    assert notes == ["no temperature scaling: there is no validation text to fit it on"]
    assert path.read_bytes() == plain


def test_temperature_is_fitted_by_default_only_where_held_out_text_can_check_it(tmp_path):
    path = saved(model_of("tied"), tmp_path)
    plain = path.read_bytes()
    train, choosing, held_out = some_ids(500, 3), some_ids(100, 4), some_ids(100, 5)
    assert post_train(path, texts_of(train, choosing), order=0) == (ANY, [])
    assert path.read_bytes() == plain
    assert (
        "temperature_scaling"
        not in post_train(path, texts_of(train, choosing, held_out), order=0, calibrate=False)[0].training
    )
    assert "temperature_scaling" in post_train(path, texts_of(train, choosing, held_out), order=0)[0].training


def test_adaptive_softmax_is_left_as_it_is_by_default(tmp_path):
    path = saved(random_model(plain_vocabulary(30), softmax="adaptive", units=16), tmp_path)
    texts = texts_of(some_ids(500, 3), some_ids(100, 4), some_ids(100, 5))
    model, notes = post_train(path, texts)
    assert notes[0] == "no temperature scaling: the adaptive softmax has none"
    assert "temperature_scaling" not in model.training
    assert model.interpolation is not None


TRAIN = ("train", FABLES, "--units", "8", "--layers", "1", "--embedding", "6", "--epochs", "1", "--seed", "3",
         "--validation-split", "0.2", "--precision", "float32", "--model", "run")  # fmt: skip


def test_train_applies_temperature_scaling_during_or_after_training(tmp_path, capsys):
    path = tmp_path / "run" / "model.safetensors"
    assert here(*TRAIN, "--ngram", "2", cwd=tmp_path) == 0
    assert "temperature scaling: logits times" in capsys.readouterr().err
    content = path.read_bytes()
    assert here(*TRAIN, "--restart", "--no-calibrate", "--no-ngram", cwd=tmp_path) == 0
    assert path.read_bytes() != content
    assert here(*TRAIN, "--calibrate", "--no-ngram", cwd=tmp_path) == 0
    assert path.read_bytes() != content
    assert here(*TRAIN, "--ngram", "2", cwd=tmp_path) == 0
    assert path.read_bytes() == content


def test_adaptive_softmax_refuses_temperature_scaling(tmp_path):
    done = rnnwords(*TRAIN, "--units", "16", "--no-tie", "--softmax", "adaptive", "--calibrate", cwd=tmp_path)
    only_error(done, 2, "an adaptive softmax; leave .*calibrate.? out")
