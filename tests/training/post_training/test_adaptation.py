"""Settings of dynamic evaluation, fitted on validation text."""

import dataclasses

import numpy as np
import pytest

from rnnwords.config import InterpolationConfig, TextConfig
from rnnwords.lm.adaptive import adaptive_network
from rnnwords.lm.loading import interpolated, network_model
from rnnwords.model_file import Model
from rnnwords.training.post_training import adaptation
from rnnwords.training.post_training.adaptation import add_adaptation
from tests.models import log_probs_along, random_model, saved, vocabulary_of
from tests.training.post_training.post_trained import SKIP, texts_of

WORDS = " ".join(f"w{number}" for number in range(12))
REPEATED = np.tile(np.random.default_rng(3).integers(0, 12, 23), 14)
RANDOM = np.random.default_rng(4).integers(0, 12, 320)


@pytest.fixture(params=["windows", "stateful"])
def model(request):
    return random_model(vocabulary_of(WORDS, TextConfig("whitespace")), mode=request.param)


def fitted(model, texts):
    """Return the model after the step, and its notes."""
    step, notes = add_adaptation(model, texts), []
    while True:
        try:
            notes.append(next(step).message)
        except StopIteration as end:
            return end.value, notes


def loss(model, ids, **config):
    lm = interpolated(network_model(model), model, InterpolationConfig("off", **config))
    return -float(log_probs_along(lm, ids)[np.arange(len(ids)), ids][SKIP:].mean())


def test_text_that_repeats_gets_a_rate_that_lowers_its_loss(model, tmp_path):
    result, notes = fitted(model, texts_of(REPEATED, REPEATED, REPEATED))
    assert result.adaptation_config.rate > 0
    assert result.adaptation_config.words == len(REPEATED) - SKIP
    assert loss(result, REPEATED, adapt=True) < loss(result, REPEATED) - 0.1
    assert "adaptation lowers the perplexity there" in notes[-1]
    again, _ = fitted(model, texts_of(REPEATED, REPEATED, REPEATED))
    loaded = Model.load(saved(result, tmp_path))
    assert adaptive_network(loaded).adaptation == result.adaptation_config
    assert loaded.adaptation
    for name, scale in loaded.adaptation.read().items():
        np.testing.assert_array_equal(scale, again.adaptation.read()[name])


def test_no_rate_that_lowers_the_loss_gives_zero(model, monkeypatch):
    monkeypatch.setattr(adaptation, "FIRST_RATE", 50.0)
    monkeypatch.setattr(adaptation, "MAX_RATES", 2)
    result, notes = fitted(model, texts_of(RANDOM, RANDOM, RANDOM))
    assert (result.adaptation_config.rate, result.adaptation_config.decay) == (0, 0)
    assert "adaptation does not lower the perplexity there" in notes[-1]


def test_text_that_cannot_decide_leaves_the_model(model):
    short = RANDOM[: adaptation.MIN_WORDS + SKIP - 1]
    for texts in (texts_of(RANDOM, None), texts_of(RANDOM, RANDOM, None), texts_of(RANDOM, short, short)):
        assert fitted(model, texts) == (model, [])


def test_fitted_model_is_not_fitted_again(model):
    result, _ = fitted(model, texts_of(RANDOM, RANDOM, RANDOM))
    assert fitted(result, texts_of(REPEATED, REPEATED, REPEATED)) == (result, [])


def test_words_of_a_pass_are_limited_by_the_size_of_the_network(model, monkeypatch):
    monkeypatch.setattr(adaptation, "MAX_WORK", 250 * model.network.weight_count)
    result, _ = fitted(model, texts_of(RANDOM, RANDOM, RANDOM))
    assert result.adaptation_config.words == 250
    monkeypatch.setattr(adaptation, "MAX_WORDS", 220)
    assert fitted(dataclasses.replace(model), texts_of(RANDOM, RANDOM, RANDOM))[0].adaptation_config.words == 220
