"""Dynamic evaluation: weights that adapt to the text as it is read."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

from rnnwords.config import AdaptationConfig, InterpolationConfig, TextConfig
from rnnwords.errors import ModelError, UsageError
from rnnwords.lm import adaptive
from rnnwords.lm.adaptive import adaptive_network, reading_network
from rnnwords.lm.describe import describe, summary
from rnnwords.lm.loading import interpolated, network_model
from rnnwords.lm.weight_updates import DECAY_SEGMENTS, MIN_FACTOR, SquareSums, WeightUpdates
from rnnwords.model_file import Model
from rnnwords.network.gradients import loss_gradients, record
from rnnwords.network.recurrent import Network
from tests.lm.adapted import SEGMENT, with_adaptation
from tests.lm.interpolated import deferred, with_ngram
from tests.models import random_model, vocabulary_of

PLAIN, EOS_TEXT = TextConfig("whitespace"), TextConfig("whitespace", eos=True)
WORDS = " ".join(f"w{number}" for number in range(12))
REPEATED = "w1 w2 w3 w1 w2 w4 w5 w1 w2 w3\n" * 3
KINDS: dict[str, dict[str, Any]] = {
    "windows": {}, "windows, adaptive softmax": {"softmax": "adaptive", "units": 16},
    "stateful": {"mode": "stateful"}, "stateful, two layers of gru, tied": {"mode": "stateful", "cell": "gru",
    "layers": 2, "tie": True}, "stateful, one-hot": {"mode": "stateful", "input": "one-hot"},
}  # fmt: skip


def model_of(kind="stateful", text=PLAIN, **settings):
    words = " ".join(f"w{number}" for number in range(24)) if "softmax" in KINDS[kind] else WORDS
    return with_adaptation(random_model(vocabulary_of(words, text), **KINDS[kind]), **settings)


@pytest.fixture(params=KINDS)
def model(request):
    return model_of(request.param)


def ids_of(length, seed=0, size=12):
    return np.random.default_rng(seed).integers(0, size, length)


def read(lm, ids, pieces=(10_000,)):
    """Return the log-probabilities (N + 1, V) before and after each of N ids, read in pieces of these sizes."""
    states, at = [lm.initial_state()], 0
    for size in itertools.cycle(pieces):
        states += lm.advance_each(states[-1], [int(one) for one in ids[at : at + size]])
        at += size
        if at >= len(ids):
            break
    return lm.log_probs(states)


ALONE = {"interpolate": "off"}
CASES = [(kind, PLAIN, ALONE) for kind in KINDS] + [
    (kind, text, parts)
    for kind, text in itertools.product(("windows", "stateful"), (PLAIN, EOS_TEXT))
    for parts in (ALONE, {"cache": 7, "interpolate": "off"}, {"cache": 7, "interpolate": "count"})
]


@pytest.mark.parametrize(("kind", "text", "parts"), CASES)
def test_probability_of_a_word_does_not_depend_on_the_words_after_it(kind, text, parts):
    model = with_ngram(model_of(kind, text), text=REPEATED)
    ids, other = ids_of(40), ids_of(40, seed=1)
    config = InterpolationConfig(**parts, adapt=True)
    before = read(interpolated(network_model(model), model, config), ids)
    for place in range(0, len(ids), 3):  # at each place in a segment of four
        changed = np.concatenate([ids[:place], other[place:]])
        after = read(interpolated(network_model(model), model, config), changed)
        np.testing.assert_array_equal(before[: place + 1], after[: place + 1])


def test_text_that_repeats_becomes_more_probable(model):
    ids = np.tile(ids_of(17), 20)
    log_probs, trained = read(adaptive_network(model), ids), read(network_model(model), ids)
    rows = np.arange(len(ids))
    assert log_probs[rows, ids].mean() > trained[rows, ids].mean() + 0.1


def test_two_runs_are_bit_equal_and_leave_the_weights_of_the_model(model):
    weights = {name: weight.copy() for name, weight in model.weights.items()}
    first = read(adaptive_network(model), ids_of(60))
    np.testing.assert_array_equal(first, read(adaptive_network(model), ids_of(60)))
    for name, weight in weights.items():
        np.testing.assert_array_equal(weight, model.weights[name])


def test_initial_state_returns_to_the_trained_weights(model):
    lm = adaptive_network(model)
    first = read(lm, ids_of(60))
    np.testing.assert_array_equal(first, read(lm, ids_of(60)))


def test_first_segment_has_the_predictions_of_the_trained_network(model):
    ids = ids_of(SEGMENT)
    np.testing.assert_allclose(read(adaptive_network(model), ids), read(network_model(model), ids), atol=1e-5)


def test_rate_of_zero_gives_the_trained_network(model):
    config = dataclasses.replace(model.adaptation_config, rate=0.0, decay=0.0)
    lm = adaptive_network(dataclasses.replace(model, adaptation_config=config))
    np.testing.assert_allclose(read(lm, ids_of(60)), read(network_model(model), ids_of(60)), atol=1e-5)
    assert "do not adapt" in summary(describe(lm))


@pytest.mark.parametrize("pieces", [(1,), (3, 1, 6), (SEGMENT,)])
def test_pieces_of_any_size_give_equal_predictions(model, pieces):
    ids = ids_of(60)
    np.testing.assert_allclose(
        read(adaptive_network(model), ids, pieces), read(adaptive_network(model), ids), atol=1e-4
    )


def test_advance_gives_the_last_state_of_advance_each(model):
    lm, ids = adaptive_network(model), ids_of(30).tolist()
    expected = read(lm, ids)
    state = lm.initial_state()
    assert lm.advance(state, ()) is state
    np.testing.assert_array_equal(lm.log_probs([lm.advance(state, ids)]), expected[-1:])


def test_interpolated_probabilities_add_up_to_one(model):
    model = with_ngram(model, text=REPEATED)
    lm = interpolated(network_model(model), model, InterpolationConfig("count", cache=5, adapt=True))
    probs = np.exp(read(lm, ids_of(50)))
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert set(describe(lm)) == {"ngram", "cache", "adaptation"}


def test_state_of_another_place_begins_a_segment_with_the_weights_of_now(model):
    lm, ids = adaptive_network(model), ids_of(30).tolist()
    states = lm.advance_each(lm.initial_state(), ids)
    again = lm.advance_each(states[9], ids[10:])
    assert np.isfinite(lm.log_probs(again)).all()


@pytest.mark.parametrize("kind", ["stateful", "windows"])
def test_update_is_the_gradient_over_its_scale_and_decay_goes_to_the_trained_weights(kind, monkeypatch):
    monkeypatch.setattr(adaptive, "MIN_GRADIENT", 0.0)
    model = model_of(kind)
    scales = {name.removeprefix("adaptation/"): scale for name, scale in model.adaptation.read().items()}
    updates, rate = WeightUpdates(model.weights, scales, 0.02, 0.0), 0.02
    lm, ids = reading_network(model, updates, SEGMENT), ids_of(SEGMENT + 3).tolist()
    lm.advance_each(lm.initial_state(), ids[: SEGMENT + 1])
    network = Network(model.network, model.weights)
    if model.network.stateful:
        tape, targets = record(network, np.array([ids[:SEGMENT]])), np.array([ids[1 : SEGMENT + 1]])
    else:
        starts = range(SEGMENT - model.network.window + 1)
        tape = record(network, np.array([ids[start : start + model.network.window] for start in starts]))
        targets = np.array([ids[start + model.network.window] for start in starts])
    _, gradients = loss_gradients(network, tape, targets)
    for name, weight in model.weights.items():
        if name in scales:
            scale = floored(scales[name])
        else:
            scale = floored(scales[f"{name}/rows"])[:, None] * floored(scales[f"{name}/columns"])
        step = rate * gradients[name].dense(weight.shape) / targets.size / scale
        np.testing.assert_allclose(updates.weights[name], weight - step, atol=1e-5)


def floored(scale):
    return np.maximum(scale, MIN_FACTOR * np.sqrt(np.mean(scale.astype(np.float64) ** 2)))


def test_weights_decay_towards_the_trained_ones():
    model = model_of()
    scales = {name.removeprefix("adaptation/"): scale for name, scale in model.adaptation.read().items()}
    distances = []
    for decay in (0.0, 0.1, 1.0):
        updates = WeightUpdates(model.weights, scales, 0.02, decay)
        lm = reading_network(model, updates, SEGMENT)
        lm.advance_each(lm.initial_state(), ids_of(SEGMENT * DECAY_SEGMENTS + 1).tolist())
        distances.append(sum(np.abs(updates.weights[name] - one).sum() for name, one in model.weights.items()))
    assert distances[0] > distances[1] > distances[2] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("kind", ["stateful", "windows"])
def test_scales_are_root_mean_squares_of_the_gradients_of_segments(kind, monkeypatch):
    monkeypatch.setattr(adaptive, "MIN_GRADIENT", 0.0)
    model, ids, collected = model_of(kind), ids_of(41).tolist(), []
    sums = SquareSums(model.network, model.weights)

    class Collected(SquareSums):
        def apply(self, gradients, words):
            shapes = model.network.shapes()
            collected.append({name: one.dense(shapes[name]) / words for name, one in gradients.items()})
            yield from super().apply(gradients, words)

    sums = Collected(model.network, model.weights)
    lm = reading_network(model, sums, SEGMENT)
    lm.advance_each(lm.initial_state(), ids)
    assert len(collected) == 10 or kind == "windows"
    scales = sums.scales()
    for name in model.weights:
        squares = np.mean([one[name] ** 2 for one in collected], axis=0)
        if name in scales:
            np.testing.assert_allclose(scales[name], np.sqrt(squares), rtol=1e-3, atol=1e-7)
        else:
            expected = np.sqrt(squares.mean(axis=1)[:, None] * squares.mean(axis=0) / squares.mean())
            found = scales[f"{name}/rows"][:, None] * scales[f"{name}/columns"]
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)


def test_weights_that_diverge_return_to_the_trained_ones(model):
    config = dataclasses.replace(model.adaptation_config, rate=100.0)
    log_probs = read(adaptive_network(dataclasses.replace(model, adaptation_config=config)), ids_of(200))
    assert np.isfinite(log_probs).all()


def test_model_without_adaptation_is_named_with_what_to_do():
    model = random_model(vocabulary_of(WORDS))
    with pytest.raises(UsageError, match="`adapt` needs settings that training fits"):
        interpolated(network_model(model), model, InterpolationConfig(adapt=True))


@pytest.mark.parametrize("damage", ["missing", "shape", "type", "nan", "negative"])
def test_damaged_adaptation_is_a_model_error(damage):
    model = model_of()
    scales = dict(model.adaptation.read())
    name = next(iter(scales))
    if damage == "missing":
        del scales[name]
    elif damage == "shape":
        scales[name] = scales[name][:-1]
    elif damage == "type":
        scales[name] = scales[name].astype(np.int64)
    else:
        scales[name] = np.full_like(scales[name], np.nan if damage == "nan" else -1)
    with pytest.raises(ModelError, match="adaptation section"):
        adaptive_network(dataclasses.replace(model, adaptation=deferred(scales)))


def test_adaptation_survives_the_model_file(tmp_path):
    model = model_of()
    model.save(tmp_path / "model.safetensors")
    loaded = Model.load(tmp_path / "model.safetensors")
    assert loaded.adaptation_config == AdaptationConfig(0.03, 0.01, SEGMENT, 900)
    np.testing.assert_array_equal(read(adaptive_network(model), ids_of(60)), read(adaptive_network(loaded), ids_of(60)))
