"""A training step: losses, hits and objectives of every output layer, reported losses, averages of the weights."""

from typing import Any

import numpy as np
import pytest

from rnnwords.network.config import NetworkConfig
from rnnwords.training.settings.config import TrainingConfig
from tests.models import small_weights

tf: Any = pytest.importorskip("tensorflow")
from rnnwords.network.keras_network import KerasNetwork  # noqa: E402 -- loads TensorFlow
from rnnwords.training.optimization.steps import Steps  # noqa: E402

V, B, T = 40, 80, 2
KINDS: dict[str, dict[str, Any]] = {"full": {}, "tied": {"tie": True}, "adaptive": {"softmax": "adaptive"}}
SMALL = NetworkConfig(V, "windows", T, "simple", 1, 6, embedding=5)


def network_of(kind: str) -> Any:
    config = NetworkConfig(V, "windows", T, "simple", 1, 16, embedding=12, **KINDS[kind])
    network = KerasNetwork(config)
    network.load(small_weights(config))
    return network


def most_probable(config: NetworkConfig, log_p: Any) -> Any:
    """Return the most probable word (B,) of the most probable branch: a word of the head, or a cluster."""
    first = config.clusters[0][0] if config.clusters else V
    masses = [np.exp(log_p[:, start:end]).sum(axis=1) for start, end, _ in config.clusters]
    branch = np.column_stack([np.exp(log_p[:, :first]), *masses]).argmax(axis=1)
    best = branch.copy()
    for number, (start, end, _) in enumerate(config.clusters):
        best = np.where(branch == first + number, start + log_p[:, start:end].argmax(axis=1), best)
    return best


@pytest.mark.parametrize("kind", KINDS)
def test_losses_and_hits_follow_from_the_probabilities(kind):
    network = network_of(kind)
    ids = tf.constant(np.random.default_rng(1).integers(0, V, (B, T)).astype(np.int32))
    scores = network.logits(ids)[0]
    log_p = tf.nn.log_softmax(scores).numpy()
    best = most_probable(network.config, log_p)
    if kind == "adaptive":
        np.testing.assert_allclose(scores, log_p, atol=1e-5)  # of probabilities that sum to 1
        assert best.max() >= network.config.clusters[0][0]
    targets = np.where(np.arange(B) % 2, best, np.arange(B) // 2).astype(np.int32)  # every word, and right guesses
    losses, hits, objectives, _ = network.losses(ids, tf.constant(targets))
    np.testing.assert_allclose(losses, -log_p[np.arange(B), targets], atol=1e-5)
    assert (hits.numpy() == (best == targets)).all()
    assert (objectives.numpy() == losses.numpy()).all()


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_label_smoothing_changes_the_objective_and_not_the_loss(kind):
    """The objective is the cross entropy against targets of which a share is spread over all words."""
    network, share = network_of(kind), 0.1
    random = np.random.default_rng(2)
    ids, targets = random.integers(0, V, (B, T)).astype(np.int32), random.integers(0, V, B).astype(np.int32)
    log_p = tf.nn.log_softmax(network.logits(tf.constant(ids))[0]).numpy()
    losses, _, objectives, _ = network.losses(tf.constant(ids), tf.constant(targets), smoothing=share)
    spread = (1 - share) * np.eye(V)[targets] + share / V
    np.testing.assert_allclose(losses, -log_p[np.arange(B), targets], atol=1e-5)
    np.testing.assert_allclose(objectives, -(spread * log_p).sum(axis=1), atol=1e-5)


def steps_of(**settings: Any) -> Steps:
    return Steps(SMALL, TrainingConfig(seed=1, batch_size=B, optimizer="sgd", **settings), "float32")


def drawn_windows(seed: int) -> Any:
    """(1, B, T + 1)"""
    return np.random.default_rng(seed).integers(0, V, (1, B, T + 1)).astype(np.int32)


@pytest.mark.parametrize("smoothing", [0.0, 0.4])
def test_a_step_minimizes_the_objective_and_returns_the_loss(smoothing):
    ids, rate = drawn_windows(3), 0.5
    twin = KerasNetwork(SMALL)
    twin.load(small_weights(SMALL))
    with tf.GradientTape() as tape:
        losses, hits, objectives, _ = twin.losses(
            tf.constant(ids[0, :, :-1]), tf.constant(ids[0, :, -1]), smoothing=smoothing
        )
        objective = tf.reduce_mean(objectives)
    slopes = tape.gradient(objective, [variable.value for variable in twin.trainable])
    steps = steps_of(label_smoothing=smoothing)
    steps.network.load(small_weights(SMALL))
    losses_run, hits_run, _ = steps.run(ids, np.array([[rate, 0, 0]], np.float32), 0)
    assert losses_run[0] == pytest.approx(losses.numpy().mean(), rel=1e-5)
    assert hits_run[0] == pytest.approx(hits.numpy().mean())
    assert abs(losses_run[0] - float(objective)) > 0.01 or not smoothing
    for (name, start), slope in zip(small_weights(SMALL).items(), slopes, strict=True):
        expected = start - rate * tf.convert_to_tensor(slope).numpy()
        np.testing.assert_allclose(steps.network.export()[name], expected, atol=1e-5)


def test_each_step_has_its_own_dropout_rate():
    ids = drawn_windows(3)
    loss = {}
    for made_for, share in ((0.6, 0.6), (0.3, 0.3), (0.6, 0.3), (0.6, 0.0), (0.0, 0.0)):
        steps = steps_of(dropout=made_for)
        steps.network.load(small_weights(SMALL))
        loss[made_for, share] = float(steps.run(ids, np.array([[0.5, share, 0]], np.float32), 0)[0][0])
    assert loss[0.6, 0.3] == loss[0.3, 0.3] != loss[0.6, 0.6]
    assert loss[0.6, 0.0] == pytest.approx(loss[0.0, 0.0], rel=1e-6)


def test_averages_of_the_weights_are_evaluated_and_exported():
    """New weights enter with a share of 0.75, and more in the first steps: 0.9, then 9 of 11."""
    steps = steps_of(ema=0.25)
    expected = steps.export()
    for step, share in enumerate((9 / 10, 9 / 11, 9 / 12, 0.75)):
        steps.run(drawn_windows(step), np.array([[0.5, 0, 0]], np.float32), step)
        own = steps.network.export()
        expected = {name: average + share * (own[name] - average) for name, average in expected.items()}
        found = steps.export()
        for name, average in expected.items():
            np.testing.assert_allclose(found[name], average, rtol=1e-5, atol=1e-6)
            assert np.abs(average - own[name]).max() > 1e-4
    text = np.random.default_rng(9).integers(0, V, 60)
    loss, *_ = steps.evaluate(text)
    assert all((steps.network.export()[name] == weight).all() for name, weight in own.items())
    other = steps_of()
    other.network.load(found)
    assert loss == pytest.approx(other.evaluate(text)[0], rel=1e-6)


def test_slow_averages_are_updated_rarely_with_the_decay_of_all_steps():
    """A decay of 0.995 per step: every fourth step updates them, with 0.995^4, and faster at first."""
    steps = steps_of(ema=0.995)
    average = steps.export()
    for step in range(12):
        steps.run(drawn_windows(step), np.array([[0.5, 0, 0]], np.float32), step)
        if moves := (step + 1) // 4 if step % 4 == 3 else 0:
            own, share = steps.network.export(), 9 / (moves + 9)
            average = {name: old + share * (own[name] - old) for name, old in average.items()}
        for name, found in steps.export().items():
            np.testing.assert_allclose(found, average[name], rtol=1e-5, atol=1e-6)
    before, late = steps.export(), 4 * 10_000 - 1  # late enough that new weights enter with 1 - 0.995^4
    steps.run(drawn_windows(0), np.array([[0.5, 0, 0]], np.float32), late)
    own = steps.network.export()
    for name, found in steps.export().items():
        np.testing.assert_allclose(found, own[name] + 0.995**4 * (before[name] - own[name]), rtol=1e-4, atol=1e-6)


WORDS, SEGMENT = 5, 2  # three segments


def long_steps(cell: Any, mode: Any, batch: int, **settings: Any) -> Steps:
    config = NetworkConfig(V, mode, WORDS, cell, 2, 6, embedding=6, tie=True)
    steps = Steps(config, TrainingConfig(seed=1, batch_size=batch, optimizer="sgd", **settings), "float32")
    steps.network.load(small_weights(config))
    return steps


@pytest.mark.parametrize(("mode", "variational"), [("stateful", False), ("stateful", True), ("windows", False)])
@pytest.mark.parametrize("cell", ["lstm", "gru", "simple"])
def test_segments_give_the_gradients_of_one_segment(cell, mode, variational, monkeypatch):
    """Two steps, the second from the state after the first, with dropout and with windows that start late."""
    regularization = {"dropout": 0.4, "weight_dropout": 0.3, "short_windows": 0.5, "variational": variational}
    ids = np.random.default_rng(4).integers(0, V, (2, 3, WORDS + 1)).astype(np.int32)
    found = []
    for words in (SEGMENT, WORDS):
        monkeypatch.setattr("rnnwords.network.keras_network.SEGMENT", words)
        steps = long_steps(cell, mode, 3, **regularization)
        losses, _, norms = steps.run(ids, np.full((2, 3), 0.4, np.float32), 0)
        found.append((losses, norms, *steps.tensors().values()))
        assert norms.min() > 1e-4
    for in_segments, at_once in zip(*found, strict=True):
        np.testing.assert_allclose(in_segments, at_once, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple"])
def test_gradients_of_segments_are_summed_in_one_order(cell, monkeypatch):
    """Equal bit for bit, with a batch of one, which is most sensitive to the order."""
    monkeypatch.setattr("rnnwords.network.keras_network.SEGMENT", SEGMENT)
    ids = np.random.default_rng(5).integers(0, V, (16, 1, WORDS + 1)).astype(np.int32)
    steps = long_steps(cell, "stateful", 1, dropout=0.4)
    start = {name: tensor.copy() for name, tensor in steps.tensors().items()}
    found = set()
    for _ in range(20):
        steps.restore(start)
        steps.run(ids, np.full((16, 3), 0.4, np.float32), 0)
        found.add(b"".join(tensor.tobytes() for tensor in steps.tensors().values()))
    assert len(found) == 1
