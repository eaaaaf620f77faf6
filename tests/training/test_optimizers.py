"""Optimizers: updates equal those of Keras or of the formulas in numpy. RMSProp is in test_recipes."""

from typing import Any

import numpy as np
import pytest

from rnnwords.training.settings.config import TrainingConfig

tf: Any = pytest.importorskip("tensorflow")
keras: Any = pytest.importorskip("keras")
from rnnwords.training.optimization.optimizers import make_optimizer  # noqa: E402 -- loads TensorFlow

ROWS, WIDTH = 6, 3
SHAPES = {"embedding": (ROWS, WIDTH), "kernel": (WIDTH, 4), "bias": (4,)}
RATES = (0.1, 0.05, 0.2, 0.01)
DECAY = 0.3
EVERY = [0, 1, 2, 3, 4, 5, 2, 2]  # rows that a step uses, one of them three times


def drawn(seed: int) -> list[Any]:
    random = np.random.default_rng(seed)
    return [random.normal(size=shape).astype(np.float32) for shape in SHAPES.values()]


def variables_of(values: list[Any]) -> list[Any]:
    return [keras.Variable(value, name=name) for name, value in zip(SHAPES, values, strict=True)]


def gradients(step: int, rows: list[int]) -> tuple[list[Any], list[Any]]:
    """Return the gradients of a step that uses these rows of the embedding, sparse as in training, and dense."""
    _, *others = drawn(100 + step)
    parts = np.random.default_rng(200 + step).normal(size=(len(rows), WIDTH)).astype(np.float32)
    whole = np.zeros((ROWS, WIDTH), np.float32)
    np.add.at(whole, rows, parts)
    sparse = tf.IndexedSlices(tf.constant(parts), tf.constant(rows), tf.constant([ROWS, WIDTH]))
    return [sparse, *map(tf.constant, others)], [whole, *others]


def moved(optimizer: Any, variables: list[Any], rate: float, given: list[Any]) -> list[Any]:
    """Return the variables after one more step."""
    optimizer.learning_rate.assign(rate)
    optimizer.apply(given, variables)
    return [variable.numpy() for variable in variables]


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_updates_equal_those_of_keras(name):
    """AdamW without decay of biases. An embedding of which all rows are used is updated as any matrix."""
    ours, theirs = variables_of(drawn(1)), variables_of(drawn(1))
    own = make_optimizer(TrainingConfig(seed=1, optimizer=name, weight_decay=DECAY), ours)
    standard: Any = {
        "adam": keras.optimizers.Adam,
        "adamw": lambda **options: keras.optimizers.AdamW(weight_decay=DECAY, **options),
        "sgd": keras.optimizers.SGD,
    }[name](learning_rate=0.0)
    if name == "adamw":
        standard.exclude_from_weight_decay(var_list=[theirs[2]])
    standard.build(theirs)
    for step, rate in enumerate(RATES):
        sparse, dense = gradients(step, EVERY)
        found = moved(own, ours, rate, sparse)
        expected = moved(standard, theirs, rate, [tf.constant(gradient) for gradient in dense])
        for one, other in zip(found, expected, strict=True):  # float32 has 1 - 0.999 ** step to five digits only
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_only_the_used_rows_of_an_embedding_are_updated(name):
    """Their moments are those of their last update."""
    variables = variables_of(drawn(1))
    optimizer = make_optimizer(TrainingConfig(seed=1, optimizer=name, weight_decay=DECAY), variables)
    decay = DECAY if name == "adamw" else 0.0
    table = drawn(1)[0].astype(np.float64)
    m, v = np.zeros_like(table), np.zeros_like(table)
    for step, (rate, rows) in enumerate(zip(RATES, ([0, 2, 2], [1], [0, 5], [5, 2, 5]), strict=True)):
        sparse, (gradient, *_) = gradients(step, rows)
        found = moved(optimizer, variables, rate, sparse)[0]
        read = sorted(set(rows))
        m[read] = 0.9 * m[read] + 0.1 * gradient[read]
        v[read] = 0.999 * v[read] + 0.001 * gradient[read].astype(np.float64) ** 2
        first, second = m[read] / (1 - 0.9 ** (step + 1)), v[read] / (1 - 0.999 ** (step + 1))
        table[read] -= rate * (first / np.sqrt(second) + decay * table[read])
        np.testing.assert_allclose(found, table, rtol=1e-4, atol=1e-5)
    assert (found[[3, 4]] == drawn(1)[0][[3, 4]]).all()


@pytest.mark.parametrize("clip", [0.5, 1e6, None])
def test_gradients_are_clipped_by_global_norm(clip):
    variables = variables_of(drawn(1))
    optimizer = make_optimizer(TrainingConfig(seed=1, optimizer="sgd", clip_norm=clip), variables)
    sparse, dense = gradients(0, [0, 2, 2])
    found = moved(optimizer, variables, 0.1, sparse)
    norms = [np.linalg.norm(gradient) for gradient in dense]
    np.testing.assert_allclose(optimizer.norms.numpy(), norms, rtol=1e-5)
    share = 0.5 / np.linalg.norm(norms) if clip == 0.5 else 1.0
    assert share < 0.5 or clip != 0.5
    for one, start, gradient in zip(found, drawn(1), dense, strict=True):
        np.testing.assert_allclose(one, start - 0.1 * share * gradient, rtol=1e-5, atol=1e-6)
