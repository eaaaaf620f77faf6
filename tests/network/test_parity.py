"""Keras and numpy are two pictures of one network: equal probabilities, for every kind of network there is.

The steps that `network.keras` writes out are held against Keras' own layers, the layer table against Keras' summary.
"""

import itertools
import re
from typing import Any

import numpy as np
import pytest

from rnnwords.config import CELLS, INPUTS, READINGS, NetworkConfig
from rnnwords.network.recurrent import Network
from tests.helpers import small_weights

tf: Any = pytest.importorskip("tensorflow")
keras: Any = pytest.importorskip("keras")
from rnnwords.network.keras_network import KerasNetwork  # noqa: E402 -- loads TensorFlow

MOST = 1e-5  # difference of probabilities
V, B, H = 30, 5, 16
WINDOWS = (1, 3, 7)
WIDTHS = {"wide": 16, "narrow": 12}  # E = H and E != H
KINDS = [(input, False, "narrow", "full") for input in INPUTS]
KINDS += [("embedding", True, width, "full") for width in WIDTHS]
KINDS += [("embedding", False, "narrow", "adaptive")]


def networks(cell: str, reading: str) -> list[NetworkConfig]:
    """All kinds of network with these cells; what they read can be of any length."""
    return [
        NetworkConfig(V, reading, 3, cell, layers, H, input, WIDTHS[width], tie, softmax)
        for layers, (input, tie, width, softmax) in itertools.product((1, 2, 3), KINDS)
    ]


def shaken(config: NetworkConfig, seed: int = 0) -> Any:
    """A Keras network whose every weight, biases too, takes part in the result."""
    network = KerasNetwork(config, seed)
    network.load({name: np.float32(0.6) * weight for name, weight in small_weights(config, seed).items()})
    return network


def drawn_ids(random: np.random.Generator, window: int) -> Any:
    return random.integers(0, V, (B, window)).astype(np.int32)


def drawn_state(config: NetworkConfig, random: np.random.Generator) -> list[tuple[Any, ...]]:
    """A state that some words left."""
    parts = 2 if config.cell == "lstm" else 1
    layers = random.normal(0, 0.5, (config.layers, parts, B, config.units)).astype(np.float32)
    return [tuple(layer) for layer in layers]


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_keras_and_numpy_give_the_same_probabilities(cell, reading):
    random = np.random.default_rng(1)
    cases = networks(cell, reading)
    assert len(cases) == 3 * 6
    for config, window in itertools.product(cases, WINDOWS):
        if window == WINDOWS[0]:
            ours = shaken(config)
            twin = Network(config, ours.export())
        theirs: Any = None
        mine: Any = None
        for _ in range(3 if config.stateful else 1):  # from a clean state, then from what was left
            ids = drawn_ids(random, window)
            logits, theirs = ours.logits(tf.constant(ids), theirs)
            outputs, mine = twin.read_all(ids, mine)
            outputs = outputs if config.stateful else outputs[:, -1]
            assert np.abs(tf.nn.softmax(logits).numpy() - np.exp(twin.scores(outputs))).max() <= MOST, config


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("cell", CELLS)
def test_ranks_and_values_are_read_exactly_whatever_the_precision(cell, precision):
    """By networks for which two ranks above 256, or two values, that are next to each other make a difference."""
    random = np.random.default_rng(7)
    words = NetworkConfig(1_000, "windows", 3, cell, 2, H, "scalar")
    numbers = NetworkConfig(1, "windows", 3, cell, 2, H, "number", output="linear")
    ranks = random.integers(760, 776, (B, 3)).astype(np.int32)
    values = (0.75 + ranks % 16 / 4096).astype(np.float32)
    for config, inputs, slope in ((words, ranks, 0.2), (numbers, values, 819.2)):
        weights = {name: np.float32(0.6) * weight for name, weight in small_weights(config).items()}
        kernel = weights[f"{cell}_1/kernel"]
        kernel *= np.float32(slope)
        bias = weights[f"{cell}_1/bias"]  # of the GRU the first of two
        (bias[0] if cell == "gru" else bias)[:] = -inputs.mean() * kernel[0]
        ours = KerasNetwork(config, precision=precision)
        ours.load(weights)
        found = ours.logits(tf.constant(inputs))[0].numpy()
        twin = Network(config, weights)
        expected = twin.scores(twin.read_all(inputs)[0][:, -1])
        if not config.numbers:
            found = tf.nn.log_softmax(found).numpy()
        assert np.abs(found - expected).max() <= (0.03 if precision == "bfloat16" else 1e-4)


@pytest.mark.parametrize("cell", CELLS)
def test_reading_word_by_word_is_reading_at_once(cell):
    random = np.random.default_rng(3)
    for config, window in itertools.product(networks(cell, "stateful"), WINDOWS):
        network = Network(config, small_weights(config))
        ids = drawn_ids(random, window)
        whole, after = network.read_all(ids)
        state = None
        for t in range(window):
            output, state = network.read(ids[:, t : t + 1], state)
            assert np.abs(output - whole[:, t]).max() <= MOST, config
        assert state is not None
        for a, b in zip(itertools.chain(*after), itertools.chain(*state), strict=True):
            assert np.abs(a - b).max() <= MOST, config


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_written_out_steps_are_those_of_keras_own_layers(cell, reading):
    random = np.random.default_rng(4)
    for config in networks(cell, reading):
        if config.tie or config.softmax == "adaptive":
            continue  # Keras has no layer for these outputs
        ours = shaken(config)
        for window in WINDOWS:
            ids = drawn_ids(random, window)
            state = drawn_state(config, random) if config.stateful else None
            given = None if state is None else [tuple(map(tf.constant, layer)) for layer in state]
            logits, _ = ours.logits(tf.constant(ids), given)
            expected = by_standard_layers(config, ours.export(), ids, state)[0].numpy()
            assert np.abs(tf.nn.softmax(logits).numpy() - expected).max() <= MOST, (config, window)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_gradients_are_those_of_keras_own_layers(cell, reading):
    random = np.random.default_rng(6)
    for layers, window in itertools.product((1, 2), WINDOWS):
        config = NetworkConfig(V, reading, 3, cell, layers, H, "embedding", WIDTHS["narrow"])
        ours = shaken(config)
        ids = drawn_ids(random, window)
        targets = tf.constant(drawn_ids(random, window) if config.stateful else drawn_ids(random, 1)[:, 0])
        state = drawn_state(config, random) if config.stateful else None
        given = None if state is None else [tuple(map(tf.constant, layer)) for layer in state]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(ours.losses(tf.constant(ids), targets, given)[0])
        found = dict(zip(ours.variables, slopes(tape, loss, [v.value for v in ours.trainable]), strict=True))
        with tf.GradientTape() as tape:
            expected, variables = by_standard_layers(config, ours.export(), ids, state)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(targets, expected))
        for name, gradient in zip(variables, slopes(tape, loss, list(variables.values())), strict=True):
            assert np.abs(found[name] - gradient).max() <= MOST, name
            assert np.abs(gradient).max() > MOST or (name.endswith("recurrent_kernel") and window == 1), name


def slopes(tape: Any, loss: Any, variables: list[Any]) -> list[Any]:
    """The gradient of each variable, as an array; 0 where the loss does not depend on it."""
    found = tape.gradient(loss, variables, unconnected_gradients="zero")
    return [tf.convert_to_tensor(gradient).numpy() for gradient in found]


def by_standard_layers(
    config: NetworkConfig, weights: dict[str, Any], ids: Any, state: list[tuple[Any, ...]] | None
) -> tuple[Any, dict[str, Any]]:
    """The probabilities that keras.layers give with these weights, and the variables that hold them."""
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
    """The model that a reader of Keras' guides would build."""
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
    """(output shape, parameters) of each layer in Keras' summary, the input left out."""
    lines: list[str] = []
    model.summary(line_length=78, print_fn=lambda line, **_: lines.append(line))
    found = re.findall(r"\((\w+)\)\s*[^\w(]*\s*(\([^)]*\))\s*\S\s*([\d,]+)", "\n".join(lines))
    return [(shape, int(count.replace(",", ""))) for kind, shape, count in found if kind != "InputLayer"]


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("input", INPUTS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_layer_table_is_that_of_keras(cell, input, reading):
    for layers in (1, 3):
        config = NetworkConfig(1_000, reading, 5, cell, layers, 128, input, 64)
        ours = [("(" + ", ".join(map(str, row["shape"])) + ")", row["parameters"]) for row in config.layer_table()]
        assert ours == summary_rows(standard_model(config))


def test_the_layer_table_of_a_known_network():
    table = NetworkConfig(1_000, window=5, layers=1, units=128, embedding=64).layer_table()
    assert [(row["layer"], row["shape"], row["parameters"]) for row in table] == [
        ("embedding", [None, 5, 64], 64_000),
        ("lstm_1", [None, 128], 98_816),
        ("output", [None, 1_000], 129_000),
    ]


def test_a_tied_network_counts_its_embedding_once():
    table = NetworkConfig(1_000, layers=1, units=128, embedding=64, tie=True).layer_table()
    assert {row["layer"]: row["parameters"] for row in table} == {
        "embedding": 64_000, "lstm_1": 98_816, "projection": 128 * 64, "output": 1_000,
    }  # fmt: skip


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_keras_and_numpy_forecast_the_same_number(cell, reading):
    random = np.random.default_rng(5)
    for layers, window in itertools.product((1, 2, 3), WINDOWS):
        config = NetworkConfig(1, reading, 3, cell, layers, H, "number", output="linear")
        ours = shaken(config)
        twin = Network(config, ours.export())
        values = random.uniform(-0.5, 1.5, (B, window)).astype(np.float32)
        found, _ = ours.logits(tf.constant(values))
        outputs, _ = twin.read_all(values)
        outputs = outputs if config.stateful else outputs[:, -1]
        assert found.shape == (*outputs.shape[:-1], 1)
        assert np.abs(found.numpy() - twin.scores(outputs)).max() <= MOST, config
        targets = values if config.stateful else values[:, -1]
        losses, hits, *_ = ours.losses(tf.constant(values), tf.constant(targets))
        assert np.abs(losses.numpy() - (twin.scores(outputs)[..., 0] - targets) ** 2).max() <= MOST
        assert not hits.numpy().any()
