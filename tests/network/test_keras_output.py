"""The gradients of softmax layer and tied embedding that are written by hand, against those of TensorFlow."""

from typing import Any

import numpy as np
import pytest

tf: Any = pytest.importorskip("tensorflow")
from rnnwords.network.keras_output import rows_of, softmax_losses  # noqa: E402 -- loads TensorFlow

N, H, V = 7, 5, 11


def drawn(*shape: int) -> Any:
    return tf.constant(np.random.default_rng(sum(shape)).standard_normal(shape, dtype=np.float32))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_gradients_equal_those_of_tensorflow(transposed: bool, smoothing: float, dtype: str) -> None:
    x, kernel, bias = drawn(N, H), drawn(V, H) if transposed else drawn(H, V), drawn(V)
    targets, weights = tf.constant([0, 3, 10, 3, 1, 9, 0]), drawn(N)

    def gradients(objectives_of: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch([x, kernel, bias])
            objective = tf.reduce_sum(weights * objectives_of(tf.cast(x, dtype), tf.cast(kernel, dtype)))
        return [gradient.numpy() for gradient in tape.gradient(objective, [x, kernel, bias])]

    def plain(x: Any, kernel: Any) -> Any:
        logits = tf.cast(tf.matmul(x, kernel, transpose_b=transposed), tf.float32) + bias
        wanted = (1 - smoothing) * tf.one_hot(targets, V) + smoothing / V
        return -tf.reduce_sum(wanted * tf.nn.log_softmax(logits), -1)

    def ours(x: Any, kernel: Any) -> Any:
        return softmax_losses(x, kernel, bias, targets, smoothing, transposed=transposed)[2]

    tolerance = 1e-5 if dtype == "float32" else 2.0**-5  # bfloat16 has 8 bits, and sums of up to 11 products
    for one, other in zip(gradients(ours), gradients(plain), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def test_with_label_smoothing_only_the_objectives_have_a_gradient() -> None:
    x, kernel, bias = drawn(N, H), drawn(H, V), drawn(V)
    with tf.GradientTape() as tape:
        tape.watch(x)
        losses = softmax_losses(x, kernel, bias, tf.zeros(N, tf.int32), 0.3)[0]
    assert tape.gradient(losses, x) is None


def test_rows_of_a_tied_embedding_have_the_gradient_of_a_gather_as_a_dense_tensor() -> None:
    table, ids, weights = tf.Variable(drawn(V, H)), tf.constant([[0, 3, 3], [10, 0, 3]]), drawn(2, 3, H)

    def gradient(gather: Any) -> Any:
        with tf.GradientTape() as tape:
            objective = tf.reduce_sum(weights * gather(table, ids))
        return tape.gradient(objective, table)

    dense = gradient(rows_of)
    assert not isinstance(dense, tf.IndexedSlices)
    np.testing.assert_allclose(dense, tf.convert_to_tensor(gradient(tf.gather)), rtol=1e-6)
