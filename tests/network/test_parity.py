"""Parity of the Keras and numpy networks: equal probabilities for every cell, input, depth, tying and window.

The time steps of `network.keras_network` are also compared with Keras' own layers, and the layer table with Keras'
summary.
"""

import itertools
import re
from typing import Any

import numpy as np
import pytest

from rnnwords.network.config import INPUTS, MODES, RNN_CELLS, NetworkConfig
from rnnwords.network.recurrent import Network
from rnnwords.training.optimization.precision import bfloat16_crashes
from tests.models import small_weights

tf: Any = pytest.importorskip("tensorflow")
keras: Any = pytest.importorskip("keras")
from rnnwords.network.keras_network import KerasNetwork  # noqa: E402 -- loads TensorFlow

MAX_DIFFERENCE = 1e-5  # of probabilities
V, B, H = 30, 5, 16
WINDOWS = (1, 3, 7)
WIDTHS = {"wide": 16, "narrow": 12}  # E = H and E != H
KINDS = [(input, False, "narrow", "full") for input in INPUTS]
KINDS += [("embedding", True, width, "full") for width in WIDTHS]
KINDS += [("embedding", False, "narrow", "adaptive")]


def networks(cell: str, mode: str) -> list[NetworkConfig]:
    """Return networks of every input, depth and tying with these cells."""
    return [
        NetworkConfig(V, mode, 3, cell, layers, H, input, WIDTHS[width], tie, softmax)
        for layers, (input, tie, width, softmax) in itertools.product((1, 2, 3), KINDS)
    ]


def random_network(config: NetworkConfig, seed: int = 0) -> Any:
    """Return a Keras network in which every weight, biases too, changes the result."""
    network = KerasNetwork(config, seed)
    network.load({name: np.float32(0.6) * weight for name, weight in small_weights(config, seed).items()})
    return network


def drawn_ids(random: np.random.Generator, window: int) -> Any:
    return random.integers(0, V, (B, window)).astype(np.int32)


def drawn_state(config: NetworkConfig, random: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return a random state."""
    parts = 2 if config.cell == "lstm" else 1
    layers = random.normal(0, 0.5, (config.layers, parts, B, config.units)).astype(np.float32)
    return [tuple(layer) for layer in layers]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cell", RNN_CELLS)
def test_keras_and_numpy_give_equal_probabilities(cell, mode):
    random = np.random.default_rng(1)
    cases = networks(cell, mode)
    assert len(cases) == 3 * 6
    for config, window in itertools.product(cases, WINDOWS):
        if window == WINDOWS[0]:
            ours = random_network(config)
            in_numpy = Network(config, ours.export())
        keras_state: Any = None
        numpy_state: Any = None
        for _ in range(3 if config.stateful else 1):  # from a zero state, then from the last one
            ids = drawn_ids(random, window)
            logits, keras_state = ours.logits(tf.constant(ids), keras_state)
            outputs, numpy_state = in_numpy.forward_sequence(ids, numpy_state)
            outputs = outputs if config.stateful else outputs[:, -1]
            assert (
                np.abs(tf.nn.softmax(logits).numpy() - np.exp(in_numpy.log_probs(outputs))).max() <= MAX_DIFFERENCE
            ), config


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("cell", RNN_CELLS)
def test_scalar_inputs_are_exact_in_every_precision(cell, precision):
    """The networks give different outputs for neighbouring ids above 256 and for neighbouring values."""
    if precision == "bfloat16" and (reason := bfloat16_crashes()):
        pytest.skip(reason)
    random = np.random.default_rng(7)
    words = NetworkConfig(1_000, "windows", 3, cell, 2, H, "scalar")
    numbers = NetworkConfig(1, "windows", 3, cell, 2, H, "number", output="linear")
    ids = random.integers(760, 776, (B, 3)).astype(np.int32)
    values = (0.75 + ids % 16 / 4096).astype(np.float32)
    for config, inputs, slope in ((words, ids, 0.2), (numbers, values, 819.2)):
        weights = {name: np.float32(0.6) * weight for name, weight in small_weights(config).items()}
        kernel = weights[f"{cell}_1/kernel"]
        kernel *= np.float32(slope)
        bias = weights[f"{cell}_1/bias"]  # of the GRU the first of two
        (bias[0] if cell == "gru" else bias)[:] = -inputs.mean() * kernel[0]
        ours = KerasNetwork(config, precision=precision)
        ours.load(weights)
        computed = ours.logits(tf.constant(inputs))[0].numpy()
        in_numpy = Network(config, weights)
        outputs = in_numpy.forward(inputs)[0]
        expected = in_numpy.values(outputs)[:, None] if config.numeric else in_numpy.log_probs(outputs)
        if not config.numeric:
            computed = tf.nn.log_softmax(computed).numpy()
        assert np.abs(computed - expected).max() <= (0.03 if precision == "bfloat16" else 1e-4)


@pytest.mark.parametrize("cell", RNN_CELLS)
def test_sequence_equals_its_single_steps(cell):
    random = np.random.default_rng(3)
    for config, window in itertools.product(networks(cell, "stateful"), WINDOWS):
        network = Network(config, small_weights(config))
        ids = drawn_ids(random, window)
        whole, after = network.forward_sequence(ids)
        state = None
        for t in range(window):
            output, state = network.forward(ids[:, t : t + 1], state)
            assert np.abs(output - whole[:, t]).max() <= MAX_DIFFERENCE, config
        assert state is not None
        for a, b in zip(itertools.chain(*after), itertools.chain(*state), strict=True):
            assert np.abs(a - b).max() <= MAX_DIFFERENCE, config


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cell", RNN_CELLS)
def test_time_steps_equal_keras_own_layers(cell, mode):
    random = np.random.default_rng(4)
    for config in networks(cell, mode):
        if config.tie or config.softmax == "adaptive":
            continue  # Keras has no layer for these outputs
        ours = random_network(config)
        for window in WINDOWS:
            ids = drawn_ids(random, window)
            state = drawn_state(config, random) if config.stateful else None
            given = None if state is None else [tuple(map(tf.constant, layer)) for layer in state]
            logits, _ = ours.logits(tf.constant(ids), given)
            expected = by_standard_layers(config, ours.export(), ids, state)[0].numpy()
            assert np.abs(tf.nn.softmax(logits).numpy() - expected).max() <= MAX_DIFFERENCE, (config, window)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cell", RNN_CELLS)
def test_gradients_equal_those_of_keras_own_layers(cell, mode):
    random = np.random.default_rng(6)
    for layers, window in itertools.product((1, 2), WINDOWS):
        config = NetworkConfig(V, mode, 3, cell, layers, H, "embedding", WIDTHS["narrow"])
        ours = random_network(config)
        ids = drawn_ids(random, window)
        targets = tf.constant(drawn_ids(random, window) if config.stateful else drawn_ids(random, 1)[:, 0])
        state = drawn_state(config, random) if config.stateful else None
        given = None if state is None else [tuple(map(tf.constant, layer)) for layer in state]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(ours.losses(tf.constant(ids), targets, given)[0])
        gradients = dict(zip(ours.variables, slopes(tape, loss, [v.value for v in ours.trainable]), strict=True))
        with tf.GradientTape() as tape:
            expected, variables = by_standard_layers(config, ours.export(), ids, state)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(targets, expected))
        for name, gradient in zip(variables, slopes(tape, loss, list(variables.values())), strict=True):
            assert np.abs(gradients[name] - gradient).max() <= MAX_DIFFERENCE, name
            assert np.abs(gradient).max() > MAX_DIFFERENCE or (name.endswith("recurrent_kernel") and window == 1), name


def slopes(tape: Any, loss: Any, variables: list[Any]) -> list[Any]:
    """Return the gradient of each variable as an array, 0 where the loss does not depend on it."""
    gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
    return [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def by_standard_layers(
    config: NetworkConfig, weights: dict[str, Any], ids: Any, state: list[tuple[Any, ...]] | None
) -> tuple[Any, dict[str, Any]]:
    """Return the probabilities of keras.layers with these weights, and the variables."""
    variables: dict[str, Any] = {}

    def loaded(layer: Any, x: Any, name: str, **options: Any) -> Any:
        layer.build(x.shape)
        names = [full for full in weights if full.startswith(f"{name}/")]
        layer.set_weights([weights[full] for full in names])
        variables.update(zip(names, (weight.value for weight in layer.weights), strict=True))
        return layer(x, **{key: value for key, value in options.items() if value is not None})

    x: Any = {
        "scalar": lambda: ids[..., None].astype(np.float32),
        "one-hot": lambda: np.eye(V, dtype=np.float32)[ids],
        "embedding": lambda: loaded(keras.layers.Embedding(V, config.embedding), ids, "embedding"),
    }[config.input]()
    kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple": keras.layers.SimpleRNN}[cell := config.cell]
    for layer in range(config.layers):
        whole = layer < config.layers - 1 or config.stateful
        start = None if state is None else [tf.constant(part) for part in state[layer]]
        x = loaded(kind(config.units, return_sequences=whole), x, f"{cell}_{layer + 1}", initial_state=start)
    return loaded(keras.layers.Dense(V, activation="softmax"), x, "output"), variables


def standard_model(config: NetworkConfig) -> Any:
    """Return the model as in the guides of Keras."""
    words = None if config.stateful else config.window
    kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple": keras.layers.SimpleRNN}[config.cell]
    if config.input == "embedding":
        start = keras.Input((words,))
        x = keras.layers.Embedding(config.vocabulary_size, config.embedding)(start)
    else:
        start = x = keras.Input((words, config.input_width))
    for layer in range(config.layers):
        x = kind(config.units, return_sequences=layer < config.layers - 1 or config.stateful)(x)
    return keras.Model(start, keras.layers.Dense(config.vocabulary_size, activation="softmax")(x))


def summary_rows(model: Any) -> list[tuple[str, int]]:
    """Return (output shape, parameters) of each layer in the summary of Keras, without the input."""
    lines: list[str] = []
    model.summary(line_length=78, print_fn=lambda line, **_: lines.append(line))
    rows = re.findall(r"\((\w+)\)\s*[^\w(]*\s*(\([^)]*\))\s*\S\s*([\d,]+)", "\n".join(lines))
    return [(shape, int(count.replace(",", ""))) for kind, shape, count in rows if kind != "InputLayer"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("input", INPUTS)
@pytest.mark.parametrize("cell", RNN_CELLS)
def test_layer_table_equals_the_keras_summary(cell, input, mode):
    for layers in (1, 3):
        config = NetworkConfig(1_000, mode, 5, cell, layers, 128, input, 64)
        ours = [("(" + ", ".join(map(str, row["shape"])) + ")", row["parameters"]) for row in config.layer_table()]
        assert ours == summary_rows(standard_model(config))


def test_layer_table_of_a_known_network():
    table = NetworkConfig(1_000, window=5, layers=1, units=128, embedding=64).layer_table()
    assert [(row["layer"], row["shape"], row["parameters"]) for row in table] == [
        ("embedding", [None, 5, 64], 64_000),
        ("lstm_1", [None, 128], 98_816),
        ("output", [None, 1_000], 129_000),
    ]


def test_layer_table_of_a_tied_network_counts_the_embedding_once():
    table = NetworkConfig(1_000, layers=1, units=128, embedding=64, tie=True).layer_table()
    assert {row["layer"]: row["parameters"] for row in table} == {
        "embedding": 64_000, "lstm_1": 98_816, "projection": 128 * 64, "output": 1_000,
    }  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cell", RNN_CELLS)
def test_keras_and_numpy_forecast_equal_values(cell, mode):
    random = np.random.default_rng(5)
    for layers, window in itertools.product((1, 2, 3), WINDOWS):
        config = NetworkConfig(1, mode, 3, cell, layers, H, "number", output="linear")
        ours = random_network(config)
        in_numpy = Network(config, ours.export())
        values = random.uniform(-0.5, 1.5, (B, window)).astype(np.float32)
        forecasts, _ = ours.logits(tf.constant(values))
        outputs, _ = in_numpy.forward_sequence(values)
        outputs = outputs if config.stateful else outputs[:, -1]
        assert forecasts.shape == (*outputs.shape[:-1], 1)
        assert np.abs(forecasts.numpy() - in_numpy.values(outputs)[..., None]).max() <= MAX_DIFFERENCE, config
        targets = values if config.stateful else values[:, -1]
        losses, hits, *_ = ours.losses(tf.constant(values), tf.constant(targets))
        assert np.abs(losses.numpy() - (in_numpy.values(outputs) - targets) ** 2).max() <= MAX_DIFFERENCE
        assert not hits.numpy().any()
