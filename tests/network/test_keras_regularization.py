"""What training adds to a pass: which numbers are dropped, and that nothing else changes."""

from typing import Any

import numpy as np
import pytest

from rnnwords.config import NetworkConfig
from tests.helpers import small_weights

tf: Any = pytest.importorskip("tensorflow")
from rnnwords.network.keras_network import KerasNetwork  # noqa: E402 -- loads TensorFlow
from rnnwords.network.keras_regularization import Noise  # noqa: E402

V, B, T, H, RATE = 30, 4, 6, 16, 0.4
SEEDS = range(200)


def network(units: int = H, **options: Any) -> KerasNetwork:
    config = NetworkConfig(V, "stateful", T, layers=1, units=units, embedding=units, **options)
    found = KerasNetwork(config)
    found.load({name: np.float32(0.6) * weight for name, weight in small_weights(config).items()})
    return found


def outputs(network: KerasNetwork, ids: Any, seed: int | None, **noise: Any) -> Any:
    """(B, T) -> (B, T, H)"""
    added = None if seed is None else Noise(tf.constant([seed, 0]), **noise)
    return network.hidden(tf.constant(ids), None, added)[0].numpy()


def test_a_recurrent_weight_is_dropped_or_grows_to_make_up():
    one = network(units=1, cell="simple")
    ids = np.array([[3, 5]], np.int32)
    kernel = float(one.variables["simple_1/recurrent_kernel"].numpy()[0, 0])
    first, second = np.arctanh(outputs(one, ids, None)[0, :, 0].astype(np.float64))
    share = second - kernel * np.tanh(first)  # of the input, in what the second word gives
    factors = []
    for seed in SEEDS:
        found = np.arctanh(outputs(one, ids, seed, weight_dropout=RATE)[0, :, 0].astype(np.float64))
        assert found[0] == pytest.approx(first, rel=1e-5)  # from a clean state no recurrent weight counts
        factors.append((found[1] - share) / (kernel * np.tanh(first)))
    dropped = np.isclose(factors, 0, atol=1e-3)
    assert np.isclose(np.array(factors)[~dropped], 1 / (1 - RATE), rtol=1e-3).all()
    assert dropped.mean() == pytest.approx(RATE, abs=0.1)


def test_the_same_weights_are_dropped_for_all_words_of_a_step_and_others_in_the_next():
    ids = np.tile(np.random.default_rng(1).integers(0, V, (1, T)), (B, 1)).astype(np.int32)
    drawn = [outputs(network(), ids, seed, weight_dropout=RATE) for seed in (1, 1, 2)]
    assert np.ptp(drawn[0], axis=0).max() < 1e-6  # equal streams stay equal
    assert np.array_equal(drawn[0], drawn[1])
    assert np.abs(drawn[0] - drawn[2])[:, 1:].max() > 0.01


@pytest.mark.parametrize("variational", [True, False])
def test_variational_dropout_drops_the_same_outputs_at_every_word(variational):
    ids = np.zeros((B, T), np.int32)
    dropped = outputs(network(), ids, 1, dropout=RATE, variational=variational) == 0
    assert (dropped == dropped[:, :1]).all() == variational
    assert 0.2 < dropped.mean() < 0.6
    assert (dropped[0] != dropped[1]).any()


@pytest.mark.parametrize("input", ["scalar", "one-hot"])
def test_a_rank_is_never_dropped_nor_made_another(input):
    """What is left of the outputs is as without dropout, but larger to make up for the others."""
    one = network(input=input)
    ids = np.random.default_rng(2).integers(0, V, (B, T)).astype(np.int32)
    found = outputs(one, ids, 1, dropout=RATE)
    kept = found != 0
    assert 0.4 < kept.mean() < 0.8
    assert found[kept] == pytest.approx((outputs(one, ids, None) / (1 - RATE))[kept], rel=1e-5)


@pytest.mark.parametrize("reading", ["stateful", "windows"])
@pytest.mark.parametrize("variational", [True, False])
def test_variational_dropout_drops_the_same_inputs_at_every_word(reading, variational):
    config = NetworkConfig(V, reading, T, layers=1, units=64, embedding=64)  # enough to be near RATE
    one = KerasNetwork(config)
    with tf.GradientTape() as tape:
        found = one.hidden(tf.range(T)[None], None, Noise(tf.constant([1, 0]), RATE, variational))[0]
        total = tf.reduce_sum(found)
    rows = tape.gradient(total, one.variables["embedding/embeddings"].value)
    dropped = tf.convert_to_tensor(rows).numpy()[:T] == 0  # (T, E): what no loss can reach
    assert 0.2 < dropped.mean() < 0.6
    assert (dropped == dropped[0]).all() == variational
