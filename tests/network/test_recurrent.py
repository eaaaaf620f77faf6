"""The numpy network alone: against the formulas of the textbook, written out one number at a time."""

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnwords.config import CELLS, INPUTS, READINGS, NetworkConfig
from rnnwords.errors import ModelError
from rnnwords.network import recurrent as module
from rnnwords.network.cells import sigmoid
from rnnwords.network.recurrent import Network, check_shapes, log_softmax
from tests.helpers import small_weights

Array = Any
V, H = 24, 16
KINDS = [(input, False, 16, "full") for input in INPUTS]
KINDS += [("embedding", True, 16, "full"), ("embedding", True, 5, "full"), ("embedding", False, 5, "adaptive")]
NETWORKS = [
    NetworkConfig(V, reading, 3, cell, layers, H, input, embedding, tie, softmax)
    for reading, cell, layers, (input, tie, embedding, softmax) in itertools.product(READINGS, CELLS, (1, 3), KINDS)
]
some_networks = pytest.mark.parametrize(
    "config", NETWORKS, ids=lambda c: f"{c.reading}-{c.cell}-{c.layers}-{c.input}-{c.embedding}-{c.tie}-{c.softmax}"
)
ids = np.random.default_rng(0).integers(0, V, (9, 5))


def network_of(config: NetworkConfig) -> Network:
    return Network(config, small_weights(config))


def logistic(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array]:
    """Gates one by one, as in the papers; Keras keeps them side by side in the order i, f, c, o."""
    Wi, Wf, Wc, Wo = np.split(W, 4, axis=1)
    Ui, Uf, Uc, Uo = np.split(U, 4, axis=1)
    bi, bf, bc, bo = np.split(b, 4)
    i, f = logistic(x @ Wi + h @ Ui + bi), logistic(x @ Wf + h @ Uf + bf)
    o = logistic(x @ Wo + h @ Uo + bo)
    c = f * c + i * np.tanh(x @ Wc + h @ Uc + bc)
    return o * np.tanh(c), c


def gru(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array]:
    """The reset gate acts behind the recurrent product; the update gate keeps the old state where it is 1."""
    Wz, Wr, Wn = np.split(W, 3, axis=1)
    Uz, Ur, Un = np.split(U, 3, axis=1)
    (bz, br, bn), (cz, cr, cn) = (np.split(row, 3) for row in b)
    z = logistic(x @ Wz + bz + h @ Uz + cz)
    r = logistic(x @ Wr + br + h @ Ur + cr)
    n = np.tanh(x @ Wn + bn + r * (h @ Un + cn))
    return z * h + (1 - z) * n, c


def simple(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array]:
    return np.tanh(x @ W + h @ U + b), c


def by_the_book(config: NetworkConfig, weights: Any, words: list[int]) -> Array:
    """(T,) words -> (T, V) probabilities of the next word behind each, in double precision."""
    weights = {name: weight.astype(np.float64) for name, weight in weights.items()}
    step = {"lstm": lstm, "gru": gru, "simple": simple}[config.cell]
    h = c = np.zeros((config.layers, config.units))
    found = []
    for word in words:
        if config.input == "embedding":
            x = weights["embedding/embeddings"][word]
        else:
            x = np.eye(config.vocabulary_size)[word] if config.input == "one-hot" else np.array([float(word)])
        for layer in range(config.layers):
            own = [weights[f"{config.cell}_{layer + 1}/{part}"] for part in ("kernel", "recurrent_kernel", "bias")]
            h, c = h.copy(), c.copy()
            h[layer], c[layer] = step(x, h[layer], c[layer], *own)
            x = h[layer]
        found.append(output_by_the_book(config, weights, x))
    return np.array(found)


def output_by_the_book(config: NetworkConfig, weights: Any, x: Array) -> Array:
    def softmax(scores: Array) -> Array:
        return np.exp(scores) / np.exp(scores).sum()

    if config.tie:
        if config.projects:
            x = x @ weights["projection/kernel"]
        return softmax(weights["embedding/embeddings"] @ x + weights["output/bias"])
    head = softmax(x @ weights["output/kernel"] + weights["output/bias"])
    if config.softmax == "full":
        return head
    first = config.clusters[0][0]
    parts = [head[:first]]
    for number in range(len(config.clusters)):
        projection, kernel, bias = (weights[f"tail_{number + 1}/{part}"] for part in ("projection", "kernel", "bias"))
        parts.append(head[first + number] * softmax(x @ projection @ kernel + bias))
    return np.concatenate(parts)


@some_networks
def test_probabilities_are_those_of_the_textbook(config):
    network = network_of(config)
    outputs, _ = network.read_all(ids)
    found = np.exp(network.scores(outputs))
    for row, words in enumerate(ids[:3]):
        expected = by_the_book(config, network.weights, words.tolist())
        np.testing.assert_allclose(found[row], expected, atol=2e-5)
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)


@some_networks
def test_shapes_and_types(config):
    network = network_of(config)
    for batch, length in ((1, 1), (2, 1), (1, 4), (9, 5)):
        words = ids[:batch, :length]
        outputs, state = network.read_all(words)
        assert outputs.shape == (batch, length, H)
        last, same = network.read(words)
        assert (last == outputs[:, -1]).all()
        assert len(state) == config.layers
        for layer, other in zip(state, same, strict=True):
            assert len(layer) == (2 if config.cell == "lstm" else 1)
            assert all(part.shape == (batch, H) and part.dtype == np.float32 for part in layer)
            assert all((one == two).all() for one, two in zip(layer, other, strict=True))
        scores = network.scores(last)
        assert scores.shape == (batch, V)
        assert scores.dtype == outputs.dtype == np.float32
        assert network.scores(outputs).shape == (batch, length, V)


@some_networks
def test_words_read_at_once_are_words_read_one_by_one(config):
    network = network_of(config)
    outputs, state = network.read_all(ids)
    carried = None
    for t in range(ids.shape[1]):
        one, carried = network.read(ids[:, t : t + 1], carried)
        np.testing.assert_allclose(one, outputs[:, t], atol=1e-5)
    for layer, other in zip(state, carried or (), strict=True):
        for part, same in zip(layer, other, strict=True):
            np.testing.assert_allclose(part, same, atol=1e-5)
    alone = np.concatenate([network.read(ids[row : row + 1])[0] for row in range(len(ids))])
    np.testing.assert_allclose(alone, outputs[:, -1], atol=1e-5)


@some_networks
def test_reading_changes_neither_state_nor_weights(config):
    network = network_of(config)
    _, state = network.read(ids[:, :2])
    before = [[part.copy() for part in layer] for layer in state]
    weights = {name: weight.copy() for name, weight in network.weights.items()}
    first = network.read(ids[:, 2:], state)[0]
    scores = network.scores(first).copy()
    again = network.read(ids[:, 2:], state)[0]
    assert (first == again).all()
    assert (network.scores(first) == scores).all()
    assert all((part == old).all() for layer, old_layer in zip(state, before, strict=True)
               for part, old in zip(layer, old_layer, strict=True))  # fmt: skip
    assert all((network.weights[name] == weight).all() for name, weight in weights.items())


@pytest.mark.parametrize("cell", CELLS)
def test_looked_up_products_are_those_that_are_worked_out(monkeypatch, cell):
    config = NetworkConfig(V, cell=cell, layers=2, units=H, embedding=7)
    looked_up = network_of(config)
    size = V * config.gates * H * 4
    monkeypatch.setattr(module, "TABLE_BYTES", size - 1)
    worked_out = network_of(config)
    monkeypatch.setattr(module, "TABLE_BYTES", size)
    at_the_border = network_of(config)
    assert worked_out._table is None
    assert at_the_border._table is not None
    for words in (ids[:2, :3], ids[:1, :1], ids, ids[::-1]):
        expected = worked_out.read(words)[0]
        for network in (looked_up, at_the_border):
            np.testing.assert_allclose(network.read(words)[0], expected, atol=1e-5)


huge = arrays(np.float32, st.integers(1, 20), elements=st.floats(-(2.0**126), 2.0**126, width=32))


@given(huge)
def test_log_probabilities_sum_to_one_for_huge_scores(scores):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = log_softmax(scores)
        assert found.dtype == np.float32
        assert (found <= 0).all()
        assert np.exp(found.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)
    assert found[scores.argmax()] == found.max()
    assert (log_softmax(np.stack([scores, scores[::-1]])) == np.stack([found, log_softmax(scores[::-1])])).all()


@given(arrays(np.float32, st.integers(1, 20), elements=st.floats(-(2.0**127), 2.0**127, width=32)))
def test_the_sigmoid_never_overflows(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sigmoid(x.copy())
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-np.clip(x.astype(np.float64), -500, 500))), atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_huge_weights_give_probabilities(cell):
    config = NetworkConfig(V, cell=cell, layers=2, units=H, embedding=7)
    weights = {name: np.float32(1e4) * weight for name, weight in small_weights(config).items()}
    scores = Network(config, weights).scores(Network(config, weights).read(ids)[0])
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, atol=1e-5)


def test_weights_that_do_not_fit_are_named_with_both_shapes():
    config = NetworkConfig(V, layers=1, units=H, embedding=7)
    weights = small_weights(config)
    wrong = {**weights, "lstm_1/kernel": weights["lstm_1/kernel"][:5]}
    with pytest.raises(ModelError, match=r"tensor lstm_1/kernel: expected shape \(7, 64\), found \(5, 64\)"):
        Network(config, wrong)
    missing = {name: weight for name, weight in weights.items() if name != "output/bias"}
    with pytest.raises(ModelError, match=r"tensor output/bias \(24,\) is missing"):
        Network(config, missing)
    with pytest.raises(ModelError, match="tensor surprise is not part of this network"):
        Network(config, {**weights, "surprise": weights["output/bias"]})
    check_shapes(config, {name: weight.shape for name, weight in weights.items()})
