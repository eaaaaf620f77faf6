"""Row 51: model files whose numbers are finite and so large that prediction could overflow.

numpy warns of an overflow, and a warning is an error in tests.
"""

import contextlib
import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnwords.config import InterpolationConfig, InterpolationWeights, SeriesConfig
from rnnwords.errors import CorpusError, ModelError
from rnnwords.forecasting.forecaster import Forecaster
from rnnwords.generation.writer import GenerationRequest
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.vocabulary import Vocabulary
from tests.lm.interpolated import deferred, with_ngram
from tests.models import plain_vocabulary, random_model, small_model, small_weights, vocabulary_of
from tests.processes import ask
from tests.texts import CATS, write

NETWORKS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "lstm", "layers": 2},
    "gru": {"cell": "gru", "layers": 2},
    "simple": {"cell": "simple", "input": "one-hot", "mode": "stateful"},
    "number of the word": {"cell": "gru", "input": "scalar"},
    "tied": {"cell": "lstm", "tie": True, "embedding": 8},
    "projected": {"cell": "lstm", "tie": True, "mode": "stateful"},
    "adaptive": {"cell": "gru", "softmax": "adaptive", "units": 16},
}

SIZES = [3e38, -3e38, 1e19, -1e15, 1e8, 1e-38]

SAMPLINGS: list[dict[str, Any]] = [
    {}, {"temperature": 0.001}, {"temperature": 100.0, "top_p": 0.001}, {"top_k": 3},
]  # fmt: skip

INTERPOLATIONS = [
    InterpolationConfig(*values)
    for values in (
        ("auto",), ("count",), ("fixed",), (0,), (1,), (1e-300,), (1 - 1e-16,), ("off", 5, 0.99, 100.0),
        ("off", 5, 0, 0), ("auto", 10_000, 0.99, 100.0), (0, 5, 1e-300, 0), (1, 5),
    )
]  # fmt: skip


def model_of(kind: str) -> Model:
    options = NETWORKS[kind]
    return random_model(plain_vocabulary(24, unk=True), **options) if kind == "adaptive" else small_model(**options)


def reloaded(model: Model, path: Path) -> Model:
    model.save(path)
    return Model.load(path)


def reloaded_unless_too_large(model: Model, path: Path) -> Model | None:
    """Return the model, read from a file; None if it is refused because its weights overflow."""
    try:
        return reloaded(model, path)
    except ModelError as error:
        if "these weights overflow" in str(error):
            return None
        raise


def check_numbers(predictor: Predictor) -> None:
    """Check every kind of prediction: all numbers finite, all probabilities of a distribution with a sum of 1."""
    words = [word for word in predictor.vocabulary.words if word != "<unk>"]
    text = " ".join(words * 3)
    for prompt in ("", words[0], text):
        answer = predictor.answer(prompt, k=len(words))
        check_distribution(predictor, prompt)
        assert all(0 <= prediction.probability <= 1 + 1e-6 for prediction in answer.predictions)
        assert 0 <= answer.entropy <= math.log(len(words) + 1) + 1e-3
        assert sum(one.probability for one in predictor.rank(prompt, len(words), prefix=words[0][:1])) < 1 + 1e-5
    predictor.answer_each([text, words[1], ""])
    assert all(math.isfinite(word.log_prob) for word in predictor.score(text))
    for options in SAMPLINGS:
        request = GenerationRequest(**options, words=8, seed=0, repetition_penalty=100.0, no_repeat_ngram=2)
        assert len(list(predictor.stream(words[0], request))) == 8
    assert all(math.isfinite(one.log_prob) for one in predictor.beams(words[0], GenerationRequest(words=4), 3))
    explanation = predictor.explain(" ".join(words[:4]))
    assert all(math.isfinite(one.divergence) and 0 <= one.probability <= 1 for one in explanation.omissions)
    for layer in explanation.layers:
        assert all(np.isfinite(values).all() for values in (*layer.gates.values(), *layer.states.values()))


def check_distribution(predictor: Predictor, prompt: str) -> None:
    log_probs = predictor.lm.log_probs([predictor.state(predictor.encode(prompt, "skip")[0])])[0]
    assert np.isfinite(log_probs).all()
    assert np.exp(log_probs.astype(np.float64)).sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("kind", NETWORKS)
def test_row_51_weights_that_overflow_are_refused_and_all_others_give_probabilities(kind, tmp_path):
    model = model_of(kind)
    refused = 0
    for name, size in itertools.product([None, *model.weights], SIZES):
        weights = {
            key: np.full_like(weight, size) if name in (None, key) else weight for key, weight in model.weights.items()
        }
        loaded = reloaded_unless_too_large(dataclasses.replace(model, weights=weights), tmp_path / "model")
        assert loaded or abs(size) > 1e8
        refused += loaded is None
        if loaded:
            check_numbers(Predictor(loaded))
    assert refused >= 2 * len(model.weights)  # whichever tensor holds 3e38


@pytest.mark.parametrize("kind", NETWORKS)
def test_row_51_the_largest_weights_that_load_give_probabilities(kind, tmp_path):
    model = model_of(kind)
    largest = None
    for exponent in range(38):
        weights = {name: np.sign(weight) * np.float32(10.0**exponent) for name, weight in model.weights.items()}
        loaded = reloaded_unless_too_large(dataclasses.replace(model, weights=weights), tmp_path / "model")
        if loaded is None:
            break
        largest = loaded
    assert largest is not None
    assert exponent >= 8
    check_numbers(Predictor(largest))


@pytest.mark.parametrize("config", INTERPOLATIONS, ids=str)
def test_row_51_ngram_counts_at_the_limit_and_extreme_weights_give_probabilities(config, tmp_path):
    """Both kinds of probabilities are so small that they underflow: those of the n-gram and those of the network."""
    model = random_model(vocabulary_of(CATS), mode="stateful")
    weights = {name: 1e4 * weight if name.startswith("output") else weight for name, weight in model.weights.items()}
    made = with_ngram(dataclasses.replace(model, weights=weights), order=10)
    tensors = dict(made.ngram.read())
    for name, tensor in tensors.items():
        if name.endswith(".counts"):
            tensors[name] = np.full(len(tensor), 2**32 - 1, np.uint32)
    counts = (1.0, 0.0, 1.0, 0.5) * 27 + (1.0, 0.0)
    both = InterpolationWeights(1.0, counts, 0.99, 100.0)
    fitted = dataclasses.replace(made.interpolation, with_ngram=both, with_ngram_and_cache=both, with_cache=both)
    made = dataclasses.replace(made, ngram=deferred(tensors), interpolation=fitted)
    check_numbers(Predictor(reloaded(made, tmp_path / "model"), config))


def test_row_51_word_counts_at_the_limit_give_probabilities(tmp_path):
    model = small_model()
    counts = [2**63 - 1] * len(model.vocabulary)
    model = dataclasses.replace(model, vocabulary=Vocabulary(model.vocabulary.words, counts, model.vocabulary.text))
    predictor = Predictor(reloaded(model, tmp_path / "model"))
    check_numbers(predictor)
    assert predictor.draw_word(1) in predictor.vocabulary.words
    assert predictor.vocabulary.report()["words"] == sum(counts)


def series_model(scaling: tuple[float, float], size: float | None) -> Model:
    network = NetworkConfig(1, window=3, layers=2, units=4, input="number", output="linear", embedding=1)
    weights = small_weights(network)
    if size is not None:
        weights = {name: np.full_like(weight, size) for name, weight in weights.items()}
    words = Vocabulary(["Open"], [9], small_model().vocabulary.text)
    return Model(network, words, weights, {}, SeriesConfig("Open", *scaling))


@pytest.mark.parametrize("scaling", [(-1e15, 1e15), (0.0, 1e-300), (0.0, 5e-324), (1e15 - 2e6, 1e15), (-5e-324, 0.0)])
@pytest.mark.parametrize("size", [None, 3e38, 1e15, 1e14, -1e14])
def test_row_51_forecasts_are_numbers_or_one_error(scaling, size, tmp_path):
    model = reloaded_unless_too_large(series_model(scaling, size), tmp_path / "model")
    if model is None:
        assert size in (3e38, 1e15)
        return
    for values in ([0.0, 1e-300, 1.0, 2.0], [1e15, -1e15, 1e15, 0.0], [scaling[0], scaling[1]] * 3):
        with contextlib.suppress(CorpusError):  # values too far outside the scaling
            assert np.isfinite(Forecaster(model).forecast(np.array(values))).all()


def test_row_51_every_command_refuses_weights_that_overflow_with_one_line(tmp_path, capsys, monkeypatch):
    model = small_model()
    weights = {name: np.full_like(weight, 3e38) for name, weight in model.weights.items()}
    path, text = tmp_path / "model.safetensors", write(tmp_path / "text.txt", CATS)
    dataclasses.replace(model, weights=weights).save(path)
    for words in (
        ["predict", "the"],
        ["info"],
        ["generate", "the"],
        ["eval", text],
        ["score", "the"],
        ["explain", "the"],
    ):
        status, out, err = ask(capsys, monkeypatch, *words, "--model", path)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert "these weights overflow" in err
