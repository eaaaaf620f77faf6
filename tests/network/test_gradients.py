"""Gradients in numpy, against those of TensorFlow."""

import itertools
from typing import Any

import numpy as np
import pytest

from rnnwords.network.config import INPUTS, MODES, RNN_CELLS, NetworkConfig
from rnnwords.network.gradients import loss_gradients, record
from rnnwords.network.recurrent import Network
from tests.models import small_weights

tf: Any = pytest.importorskip("tensorflow")
from rnnwords.network.keras_network import KerasNetwork  # noqa: E402 -- loads TensorFlow

MAX_DIFFERENCE = 1e-4  # of a gradient, as a share of its largest value, or of 1
V, B, T, H = 30, 4, 5, 16
KINDS = [(input, False, 12, "full") for input in INPUTS]
KINDS += [("embedding", True, 16, "full"), ("embedding", True, 12, "full"), ("embedding", False, 12, "adaptive")]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cell", RNN_CELLS)
def test_gradients_equal_those_of_tensorflow(cell, mode):
    random = np.random.default_rng(1)
    for layers, (input, tie, width, softmax) in itertools.product((1, 2), KINDS):
        config = NetworkConfig(V, mode, T, cell, layers, H, input, width, tie, softmax)
        theirs = KerasNetwork(config, 0)
        theirs.load({name: np.float32(0.6) * weight for name, weight in small_weights(config, 0).items()})
        ours = Network(config, theirs.export())
        ids = random.integers(0, V, (B, T)).astype(np.int32)
        targets = random.integers(0, V, (B, T) if config.stateful else B).astype(np.int32)
        for state in (None, drawn_state(config, random)) if config.stateful else (None,):
            tape = record(ours, ids, state)
            log_probs, gradients = loss_gradients(ours, tape, targets)
            with tf.GradientTape() as keras_tape:
                keras_state = None if state is None else [tuple(map(tf.constant, layer)) for layer in state]
                losses, _, _, after = theirs.losses(tf.constant(ids), tf.constant(targets), keras_state)
                loss = tf.reduce_sum(losses)
            expected = keras_tape.gradient(loss, [variable.value for variable in theirs.trainable])
            np.testing.assert_allclose(log_probs, -losses.numpy().reshape(-1), atol=1e-5)
            assert set(gradients) == set(theirs.variables)
            for name, gradient in zip(theirs.variables, expected, strict=True):
                gradient = tf.convert_to_tensor(gradient).numpy()
                ours_dense = gradients[name].dense(gradient.shape)
                difference = np.abs(gradient - ours_dense).max() / max(1, np.abs(gradient).max())
                assert difference <= MAX_DIFFERENCE, (config, name, state is None)
            for layer, keras_layer in zip(tape.states()[-1], after, strict=False) if config.stateful else ():
                for part, keras_part in zip(layer, keras_layer, strict=True):
                    np.testing.assert_allclose(part, keras_part.numpy(), atol=1e-5)


def drawn_state(config, random):
    """Return a random state."""
    parts = 2 if config.cell == "lstm" else 1
    layers = random.normal(0, 0.5, (config.layers, parts, B, config.units)).astype(np.float32)
    return tuple(tuple(layer) for layer in layers)
