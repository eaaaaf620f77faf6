"""Dropout in training: which units, weights and inputs are dropped, and how the others are scaled."""

from typing import Any

import numpy as np
import pytest

from rnnwords.network.config import NetworkConfig
from tests.models import small_weights

tf: Any = pytest.importorskip("tensorflow")
from rnnwords.network.keras_network import KerasNetwork  # noqa: E402 -- loads TensorFlow
from rnnwords.network.keras_regularization import Regularization  # noqa: E402

V, B, T, H, RATE = 30, 4, 6, 16, 0.4
SEEDS = range(200)


def network(units: int = H, **options: Any) -> KerasNetwork:
    config = NetworkConfig(V, "stateful", T, layers=1, units=units, embedding=units, **options)
    built = KerasNetwork(config)
    built.load({name: np.float32(0.6) * weight for name, weight in small_weights(config).items()})
    return built


def outputs(network: KerasNetwork, ids: Any, seed: int | None, **settings: Any) -> Any:
    """(B, T) -> (B, T, H)"""
    added = None if seed is None else Regularization(tf.constant([seed, 0]), **settings)
    return network.hidden(tf.constant(ids), None, added)[0].numpy()


def test_recurrent_weights_are_dropped_or_scaled():
    one = network(units=1, cell="simple")
    ids = np.array([[3, 5]], np.int32)
    kernel = float(one.variables["simple_1/recurrent_kernel"].numpy()[0, 0])
    first, second = np.arctanh(outputs(one, ids, None)[0, :, 0].astype(np.float64))
    share = second - kernel * np.tanh(first)  # of the input in the second output
    factors = []
    for seed in SEEDS:
        activations = np.arctanh(outputs(one, ids, seed, weight_dropout=RATE)[0, :, 0].astype(np.float64))
        assert activations[0] == pytest.approx(first, rel=1e-5)  # from a zero state recurrent weights have no effect
        factors.append((activations[1] - share) / (kernel * np.tanh(first)))
    dropped = np.isclose(factors, 0, atol=1e-3)
    assert np.isclose(np.array(factors)[~dropped], 1 / (1 - RATE), rtol=1e-3).all()
    assert dropped.mean() == pytest.approx(RATE, abs=0.1)


def test_weight_dropout_uses_one_mask_per_step():
    ids = np.tile(np.random.default_rng(1).integers(0, V, (1, T)), (B, 1)).astype(np.int32)
    drawn = [outputs(network(), ids, seed, weight_dropout=RATE) for seed in (1, 1, 2)]
    assert np.ptp(drawn[0], axis=0).max() < 1e-6  # equal streams stay equal
    assert np.array_equal(drawn[0], drawn[1])
    assert np.abs(drawn[0] - drawn[2])[:, 1:].max() > 0.01


@pytest.mark.parametrize("variational", [True, False])
def test_variational_dropout_has_one_output_mask_for_all_time_steps(variational):
    ids = np.zeros((B, T), np.int32)
    dropped = outputs(network(), ids, 1, dropout=RATE, variational=variational) == 0
    assert (dropped == dropped[:, :1]).all() == variational
    assert 0.2 < dropped.mean() < 0.6
    assert (dropped[0] != dropped[1]).any()


@pytest.mark.parametrize("input", ["scalar", "one-hot"])
def test_scalar_and_one_hot_inputs_are_never_dropped(input):
    """The outputs that remain equal those without dropout, scaled."""
    one = network(input=input)
    ids = np.random.default_rng(2).integers(0, V, (B, T)).astype(np.int32)
    dropped_outputs = outputs(one, ids, 1, dropout=RATE)
    kept = dropped_outputs != 0
    assert 0.4 < kept.mean() < 0.8
    assert dropped_outputs[kept] == pytest.approx((outputs(one, ids, None) / (1 - RATE))[kept], rel=1e-5)


@pytest.mark.parametrize("mode", ["stateful", "windows"])
@pytest.mark.parametrize("variational", [True, False])
def test_variational_dropout_has_one_input_mask_for_all_time_steps(mode, variational):
    config = NetworkConfig(V, mode, T, layers=1, units=64, embedding=64)  # enough to be near RATE
    one = KerasNetwork(config)
    with tf.GradientTape() as tape:
        hidden = one.hidden(tf.range(T)[None], None, Regularization(tf.constant([1, 0]), RATE, variational))[0]
        total = tf.reduce_sum(hidden)
    rows = tape.gradient(total, one.variables["embedding/embeddings"].value)
    dropped = tf.convert_to_tensor(rows).numpy()[:T] == 0  # (T, E): inputs without influence on the loss
    assert 0.2 < dropped.mean() < 0.6
    assert (dropped == dropped[0]).all() == variational
