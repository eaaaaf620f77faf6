"""Calibration by one number: that it is the best one, that weights take it up, and how `train` does it."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.model_file import Model
from rnnwords.prediction import scoring
from rnnwords.prediction.predictor import Predictor
from rnnwords.training.post_training.temperature_scaling import best_scale, with_scale
from rnnwords.training.post_training.tuning import Wanted, complete
from tests.asking import random_model, saved, vocabulary_of
from tests.helpers import FABLES
from tests.processes import here, only_error, rnnwords

WORDS = " ".join(f"w{rank}" for rank in range(12))
SKIP = 3
KINDS: dict[str, dict[str, Any]] = {
    "untied": {},
    "tied": {"tie": True, "embedding": 6},
    "tied, two layers": {"tie": True, "embedding": 6, "layers": 2},
    "tied, projected": {"tie": True, "embedding": 5},
    "one-hot": {"input": "one-hot"},
    "gru": {"tie": True, "embedding": 6, "cell": "gru"},
    "stateful": {"tie": True, "embedding": 6, "reading": "stateful"},
}


def model_of(kind: str) -> Model:
    found: Model = random_model(vocabulary_of(WORDS, TextConfig("whitespace")), **{"units": 6, **KINDS[kind]})
    return found


def some_ids(length: int, seed: int) -> Any:
    """Some words are commoner than others."""
    return np.random.default_rng(seed).integers(0, 12, (length, 2)).min(axis=1)


def said_by(model: Model, length: int, seed: int) -> Any:
    """A text that the model itself makes up, so that it is about as sure as it may be."""
    random, context, ids = np.random.default_rng(seed), Predictor(model).context(), []
    for _ in range(length):
        chances = np.exp(context.log_probabilities().astype(np.float64))
        ids.append(int(random.choice(len(chances), p=chances / chances.sum())))
        context = context.read(ids[-1:])
    return np.array(ids)


def scores_of(model: Model, ids: Any) -> Any:
    """(N, V) natural log-probabilities."""
    return Predictor(model).reader().predict(ids)()


def loss(scores: Any, ids: Any, scale: float) -> float:
    """Nats a word of those that are judged, with all logits times `scale`."""
    scaled = scale * scores.astype(np.float64)
    scaled -= np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return -float(scaled[np.arange(len(ids)), ids][SKIP:].mean())


@pytest.mark.parametrize("kind", KINDS)
def test_weights_take_up_the_number(kind):
    model, ids = model_of(kind), some_ids(40, 1)
    expected = 0.7 * scores_of(model, ids).astype(np.float64)
    expected -= np.log(np.exp(expected).sum(axis=1, keepdims=True))
    found = dataclasses.replace(model, weights=with_scale(model.network, model.weights, 0.7))
    assert found.weights.keys() == model.weights.keys()
    assert all(weight.dtype == np.float32 for weight in found.weights.values())
    np.testing.assert_allclose(scores_of(found, ids), expected, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_number_is_better(kind):
    model = model_of(kind)
    ids = said_by(model, 300, 2)
    model = dataclasses.replace(model, weights=with_scale(model.network, model.weights, 0.5))
    scores = scores_of(model, ids)
    found = best_scale(Predictor(model), ids, SKIP)
    assert found == pytest.approx(2, rel=0.4)  # what undoes the half
    at_best = loss(scores, ids, found)
    for other in (1.0, found - 0.02, found + 0.02, 0.5 * found, 1.5 * found):
        assert at_best < loss(scores, ids, other)


def test_half_as_large_logits_want_twice_the_number():
    model = model_of("tied")
    ids = said_by(model, 100, 2)
    half = dataclasses.replace(model, weights=with_scale(model.network, model.weights, 0.5))
    assert best_scale(Predictor(half), ids, 0) == pytest.approx(2 * best_scale(Predictor(model), ids, 0), rel=2e-3)


def test_the_first_words_are_read_and_not_judged(monkeypatch):
    model = model_of("stateful")
    ids = said_by(model, 60, 3)
    whole = best_scale(Predictor(model), ids, SKIP)
    monkeypatch.setattr(scoring, "BATCH", 7)
    assert best_scale(Predictor(model), ids, SKIP) == pytest.approx(whole, abs=2e-4)
    monkeypatch.setattr(scoring, "BATCH", 2)  # the first batches have nothing to judge
    assert best_scale(Predictor(model), ids, SKIP) == pytest.approx(whole, abs=2e-4)
    assert best_scale(Predictor(model), ids, 0) != pytest.approx(whole, abs=2e-4)


def test_a_network_that_is_always_right_may_be_as_sure_as_is_allowed():
    model = model_of("untied")
    bias = np.zeros(12, np.float32)
    bias[3] = 4
    weights = {**{name: np.zeros_like(weight) for name, weight in model.weights.items()}, "output/bias": bias}
    assert best_scale(Predictor(dataclasses.replace(model, weights=weights)), np.full(50, 3), 0) > 2
    assert best_scale(Predictor(dataclasses.replace(model, weights=weights)), np.full(50, 4), 0) == pytest.approx(
        0.1, abs=1e-3
    )


def test_a_model_file_is_calibrated_once_and_before_all_else(tmp_path):
    path = saved(model_of("tied"), tmp_path)
    plain = path.read_bytes()
    train, held_out = some_ids(500, 3), some_ids(100, 4)
    told: list[str] = []
    alone = Wanted(None, None, SKIP, None, calibrate=True)
    complete(path, train, held_out, alone, told.append)
    scale = best_scale(Predictor(model_of("tied")), held_out, SKIP)
    assert told == [f"calibrated on 97 held-out words: logits times {scale:g}"]
    model = Model.load(path)
    assert (model.mixture, model.training["calibrated"]) == (None, {"scale": scale, "words": 97})
    calibrated = path.read_bytes()
    complete(path, train, held_out, alone, told.append)
    assert (path.read_bytes(), len(told)) == (calibrated, 1)

    both = Wanted(2, 5, SKIP, None, calibrate=True)
    complete(path, train, held_out, both)
    content = path.read_bytes()
    path.write_bytes(plain)
    complete(path, train, held_out, both)
    assert path.read_bytes() == content  # all at once
    path.write_bytes(plain)
    complete(path, train, held_out, Wanted(2, 5, SKIP, None))
    assert path.read_bytes() != content
    complete(path, train, held_out, alone)
    assert path.read_bytes() == content  # the weights of the mixture are tuned again
    complete(path, train, held_out, Wanted(2, 5, SKIP, None))
    assert path.read_bytes() == content  # what is not asked for again stays


@pytest.mark.parametrize("held_out", [None, some_ids(SKIP, 1)])
def test_without_held_out_text_nothing_changes(held_out, tmp_path):
    path = saved(model_of("tied"), tmp_path)
    plain = path.read_bytes()
    told: list[str] = []
    complete(path, some_ids(50, 3), held_out, Wanted(None, None, SKIP, None, calibrate=True), told.append)
    assert (path.read_bytes(), told) == (plain, ["nothing was held out to calibrate on"])


TRAIN = ("train", FABLES, "--units", "8", "--layers", "1", "--embedding", "6", "--epochs", "1", "--seed", "3",
         "--holdout", "0.2", "--precision", "float32", "--model", "run")  # fmt: skip


def test_train_calibrates_at_once_or_later(tmp_path, capsys):
    path = tmp_path / "run" / "model.safetensors"
    assert here(*TRAIN, "--calibrate", "--ngram", "2", cwd=tmp_path) == 0
    assert "calibrated on " in capsys.readouterr().err
    content = path.read_bytes()
    assert here(*TRAIN, "--restart", cwd=tmp_path) == 0
    assert path.read_bytes() != content
    assert here(*TRAIN, "--calibrate", cwd=tmp_path) == 0
    assert here(*TRAIN, "--ngram", "2", cwd=tmp_path) == 0
    assert path.read_bytes() == content


def test_an_adaptive_softmax_is_not_calibrated(tmp_path):
    done = rnnwords(*TRAIN, "--units", "16", "--no-tie", "--softmax", "adaptive", "--calibrate", cwd=tmp_path)
    only_error(done, 2, "an adaptive softmax .* leave --calibrate out")
