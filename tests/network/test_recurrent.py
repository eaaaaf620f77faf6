"""The numpy network against the equations of the layers, written out number by number."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnwords.errors import ModelError
from rnnwords.network import recurrent as module
from rnnwords.network.cells import sigmoid
from rnnwords.network.config import INPUTS, MODES, RNN_CELLS, NetworkConfig
from rnnwords.network.recurrent import Network, check_shapes, log_softmax
from tests.models import small_weights
from tests.reference import by_the_book

V, H = 24, 16
KINDS = [(input, False, 16, "full") for input in INPUTS]
KINDS += [("embedding", True, 16, "full"), ("embedding", True, 5, "full"), ("embedding", False, 5, "adaptive")]
NETWORKS = [
    NetworkConfig(V, mode, 3, cell, layers, H, input, embedding, tie, softmax)
    for mode, cell, layers, (input, tie, embedding, softmax) in itertools.product(MODES, RNN_CELLS, (1, 3), KINDS)
]
some_networks = pytest.mark.parametrize(
    "config", NETWORKS, ids=lambda c: f"{c.mode}-{c.cell}-{c.layers}-{c.input}-{c.embedding}-{c.tie}-{c.softmax}"
)
ids = np.random.default_rng(0).integers(0, V, (9, 5))


def network_of(config: NetworkConfig) -> Network:
    return Network(config, small_weights(config))


@some_networks
def test_probabilities_equal_the_reference_implementation(config):
    network = network_of(config)
    outputs, _ = network.forward_sequence(ids)
    probs = np.exp(network.log_probs(outputs))
    for row, words in enumerate(ids[:3]):
        expected = by_the_book(config, network.weights, words.tolist())
        np.testing.assert_allclose(probs[row], expected, atol=2e-5)
    np.testing.assert_allclose(probs.sum(axis=-1), 1, atol=1e-5)


@some_networks
def test_outputs_and_states_have_their_shapes_and_types(config):
    network = network_of(config)
    for batch, length in ((1, 1), (2, 1), (1, 4), (9, 5)):
        words = ids[:batch, :length]
        outputs, state = network.forward_sequence(words)
        assert outputs.shape == (batch, length, H)
        last, same = network.forward(words)
        assert (last == outputs[:, -1]).all()
        assert len(state) == config.layers
        for layer, other in zip(state, same, strict=True):
            assert len(layer) == (2 if config.cell == "lstm" else 1)
            assert all(part.shape == (batch, H) and part.dtype == np.float32 for part in layer)
            assert all((one == two).all() for one, two in zip(layer, other, strict=True))
        scores = network.log_probs(last)
        assert scores.shape == (batch, V)
        assert scores.dtype == outputs.dtype == np.float32
        assert network.log_probs(outputs).shape == (batch, length, V)


@some_networks
def test_sequence_equals_its_single_steps(config):
    network = network_of(config)
    outputs, state = network.forward_sequence(ids)
    carried = None
    for t in range(ids.shape[1]):
        one, carried = network.forward(ids[:, t : t + 1], carried)
        np.testing.assert_allclose(one, outputs[:, t], atol=1e-5)
    for layer, other in zip(state, carried or (), strict=True):
        for part, same in zip(layer, other, strict=True):
            np.testing.assert_allclose(part, same, atol=1e-5)
    alone = np.concatenate([network.forward(ids[row : row + 1])[0] for row in range(len(ids))])
    np.testing.assert_allclose(alone, outputs[:, -1], atol=1e-5)


@some_networks
def test_forward_steps_returns_the_state_after_each_step(config):
    network = network_of(config)
    outputs, states = network.forward_steps(ids)
    expected, last = network.forward_sequence(ids)
    assert (outputs == expected).all()
    assert len(states) == ids.shape[1]
    assert all((one == two).all() for layer, other in zip(states[-1], last, strict=True)
               for one, two in zip(layer, other, strict=True))  # fmt: skip
    for t, state in enumerate(states):
        assert (state[-1][0] == outputs[:, t]).all()
        _, shorter = network.forward_sequence(ids[:, : t + 1])
        for layer, other in zip(state, shorter, strict=True):
            for one, two in zip(layer, other, strict=True):
                np.testing.assert_allclose(one, two, atol=1e-5)


@some_networks
def test_forward_does_not_change_state_or_weights(config):
    network = network_of(config)
    _, state = network.forward(ids[:, :2])
    before = [[part.copy() for part in layer] for layer in state]
    weights = {name: weight.copy() for name, weight in network.weights.items()}
    first = network.forward(ids[:, 2:], state)[0]
    scores = network.log_probs(first).copy()
    again = network.forward(ids[:, 2:], state)[0]
    assert (first == again).all()
    assert (network.log_probs(first) == scores).all()
    assert all((part == old).all() for layer, old_layer in zip(state, before, strict=True)
               for part, old in zip(layer, old_layer, strict=True))  # fmt: skip
    assert all((network.weights[name] == weight).all() for name, weight in weights.items())


@pytest.mark.parametrize("cell", RNN_CELLS)
def test_table_of_input_products_equals_computed_products(monkeypatch, cell):
    config = NetworkConfig(V, cell=cell, layers=2, units=H, embedding=7)
    from_table = network_of(config)
    size = V * config.gates * H * 4
    monkeypatch.setattr(module, "MAX_TABLE_BYTES", size - 1)
    computed = network_of(config)
    monkeypatch.setattr(module, "MAX_TABLE_BYTES", size)
    at_the_limit = network_of(config)
    assert computed._table is None
    assert at_the_limit._table is not None
    for words in (ids[:2, :3], ids[:1, :1], ids, ids[::-1]):
        expected = computed.forward(words)[0]
        for network in (from_table, at_the_limit):
            np.testing.assert_allclose(network.forward(words)[0], expected, atol=1e-5)


huge = arrays(np.float32, st.integers(1, 20), elements=st.floats(-(2.0**126), 2.0**126, width=32))


@given(huge)
def test_probabilities_sum_to_one_for_huge_logits(scores):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_probs = log_softmax(scores)
        assert log_probs.dtype == np.float32
        assert (log_probs <= 0).all()
        assert np.exp(log_probs.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)
    assert log_probs[scores.argmax()] == log_probs.max()
    assert (log_softmax(np.stack([scores, scores[::-1]])) == np.stack([log_probs, log_softmax(scores[::-1])])).all()


@given(arrays(np.float32, st.integers(1, 20), elements=st.floats(-(2.0**127), 2.0**127, width=32)))
def test_sigmoid_never_overflows(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = sigmoid(x.copy())
    assert result.dtype == np.float32
    assert ((result >= 0) & (result <= 1)).all()
    np.testing.assert_allclose(result, 1 / (1 + np.exp(-np.clip(x.astype(np.float64), -500, 500))), atol=1e-6)


@pytest.mark.parametrize("cell", RNN_CELLS)
def test_huge_weights_give_finite_probabilities(cell):
    config = NetworkConfig(V, cell=cell, layers=2, units=H, embedding=7)
    weights = {name: np.float32(1e4) * weight for name, weight in small_weights(config).items()}
    scores = Network(config, weights).log_probs(Network(config, weights).forward(ids)[0])
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, atol=1e-5)


def test_shape_error_names_the_tensor_and_both_shapes():
    config = NetworkConfig(V, layers=1, units=H, embedding=7)
    weights = small_weights(config)
    wrong = {**weights, "lstm_1/kernel": weights["lstm_1/kernel"][:5]}
    with pytest.raises(ModelError, match=r"tensor lstm_1/kernel: expected shape \(7, 64\), found \(5, 64\)"):
        Network(config, wrong)
    missing = {name: weight for name, weight in weights.items() if name != "output/bias"}
    with pytest.raises(ModelError, match=r"tensor output/bias: expected shape \(24,\), found no such tensor"):
        Network(config, missing)
    with pytest.raises(ModelError, match="expected only the tensors of this network, found surprise"):
        Network(config, {**weights, "surprise": weights["output/bias"]})
    check_shapes(config, {name: weight.shape for name, weight in weights.items()})
