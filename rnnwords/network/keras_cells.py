"""Time steps of the recurrent layers in Keras: LSTM, GRU and simple units, and gradients of their shared weights.

`network.cells` has the same equations in numpy, with sources and shapes.
"""

from typing import Any

import tensorflow as tf

from rnnwords.network.keras_regularization import Tensor

LayerState = tuple[Tensor, ...]  # (h,) or (h, c), each (B, H) float32


def lstm_step(x: Tensor, recurrent: Tensor | None, state: LayerState | None) -> LayerState:
    """Return (h, c) of an LSTM from input and recurrent products (B, 4H)."""
    if recurrent is not None:
        x += tf.cast(recurrent, tf.float32)
    i, f, g, o = tf.split(x, 4, axis=1)
    c = tf.sigmoid(i) * tf.tanh(g)
    if state is not None:
        c += tf.sigmoid(f) * state[1]
    return tf.sigmoid(o) * tf.tanh(c), c


def gru_step(x: Tensor, recurrent: Tensor, state: LayerState | None) -> LayerState:
    """Return (h,) of a GRU from input and recurrent products (B, 3H), both with bias."""
    z, r, n = tf.split(x, 3, axis=1)
    zh, rh, nh = tf.split(recurrent, 3, axis=-1)
    z = tf.sigmoid(z + zh)
    h = (1 - z) * tf.tanh(n + tf.sigmoid(r + rh) * nh)
    return (h if state is None else h + z * state[0],)


def simple_step(x: Tensor, recurrent: Tensor | None, state: LayerState | None) -> LayerState:
    """Return (h,) of simple units from input and recurrent products (B, H)."""
    return (tf.tanh(x if recurrent is None else x + tf.cast(recurrent, tf.float32)),)


def with_joint_gradient(products: Tensor, recurrent: Tensor, states: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return input products (B, T, GH) and recurrent kernel (H, GH), with another gradient of the kernel.

    The gradient is one product over all time steps instead of a sum of T small ones. The caller appends the state
    (B, H) of each step to `states`. Recurrent products are added to `products`, so both have the same gradient.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def identity(products: Tensor, recurrent: Tensor) -> tuple[Tensor, Any]:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            inputs = tf.reshape(tf.stack(states, axis=1), (-1, recurrent.shape[0]))
            outputs = tf.cast(tf.reshape(upstream, (-1, recurrent.shape[1])), recurrent.dtype)
            return upstream, tf.matmul(inputs, outputs, transpose_a=True)

        return tf.identity(products), gradient

    return identity(products, recurrent), tf.stop_gradient(recurrent)


def per_step(bias: Tensor, steps: int) -> list[Tensor]:
    """Return a copy of the bias for each step, so that one operation sums its gradients, in a fixed order.

    The gradients of a shared tensor are summed by AddN. For a batch of one its order depends on timing, so the last bit
    of the sum would differ between equal runs.
    """
    copies: list[Tensor] = tf.unstack(tf.tile(bias[None], (steps, 1)))
    return copies
