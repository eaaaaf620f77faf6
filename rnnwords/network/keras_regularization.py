"""Regularization in the training pass: dropout of units and of weights, and shortened windows.

Shapes as in `network.cells`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

Tensor = Any  # TensorFlow has no types that mypy can follow


@dataclass(frozen=True)
class Regularization:
    """Dropout and shortened windows of one step. All random numbers follow from one seed tensor."""

    seed: Tensor  # (2,) int32: seed of the run, step
    dropout: Tensor | float | None = None
    variational: bool = False  # one mask for all time steps
    weight_dropout: float = 0.0  # of the recurrent kernels
    short_windows: Tensor | float | None = None  # share of windows that start late
    activation_penalty: float = 0.0  # see `activation_penalties`
    change_penalty: float = 0.0
    first: int = 0  # index of the first row in the whole batch: a row gets the same random numbers on every device


class Dropout:
    """Dropout with masks that follow from the seed of the step.

    Units: a mask per time step or, if variational, one for all time steps (Gal & Ghahramani 2016). Weights: one mask of
    the recurrent kernel for all time steps (DropConnect, Wan et al. 2013; Merity, Keskar & Socher 2018).
    """

    def __init__(self, regularization: Regularization | None) -> None:
        with_weights = regularization is not None and regularization.weight_dropout > 0
        self.weights = regularization if with_weights else None
        self.units = regularization if regularization is not None and regularization.dropout is not None else None
        self.uses = 0

    def __call__(self, x: Tensor) -> Tensor:
        mask = self._mask(x.shape, x.dtype)
        return x if mask is None else x * mask

    def segments(self, outputs: list[Tensor], size: int) -> list[Tensor]:
        """Return T outputs (B, H) as segments (B, t, H) of `size` time steps, the last maybe shorter.

        The masks are those of one segment of all T time steps.
        """
        rows, units = outputs[0].shape
        mask = self._mask((rows, len(outputs), units), outputs[0].dtype)
        segments = []
        for start in range(0, len(outputs), size):
            segment = tf.stack(outputs[start : start + size], axis=1)
            if mask is not None:
                segment *= mask[:, start : start + size] if mask.shape[1] > 1 else mask
            segments.append(segment)
        return segments

    def _mask(self, shape: Sequence[int], dtype: Any) -> Tensor | None:
        """Return the factors of the next outputs (B, H) or (B, T, H); None without dropout."""
        if self.units is None:
            return None
        self.uses += 1
        if self.units.variational and len(shape) == 3:
            shape = (shape[0], 1, shape[2])
        uniform = _uniform(shape, tf.add(self.units.seed, [self.uses, 0]), self.units.first)
        return _scaled_mask(uniform, self.units.dropout, dtype)

    def kernel(self, layer: int, kernel: Tensor) -> Tensor:
        """Return a recurrent kernel with some weights set to zero and the others scaled to keep the mean."""
        if self.weights is None:
            return kernel
        uniform = tf.random.stateless_uniform(kernel.shape, tf.add(self.weights.seed, [201 + layer, 0]))
        return kernel * _scaled_mask(uniform, self.weights.weight_dropout, kernel.dtype)


def _scaled_mask(uniform: Tensor, rate: Tensor | float, dtype: Any) -> Tensor:
    """Return 0 where the random number is below the rate, elsewhere 1 / (1 - rate)."""
    return tf.cast(uniform >= rate, dtype) / tf.cast(1 - rate, dtype)


def _uniform(shape: Sequence[int], seed: Tensor, first: int) -> Tensor:
    """Return random numbers from 0 to 1: the rows from `first` on of those of a larger batch."""
    if not first:
        return tf.random.stateless_uniform(shape, seed)
    skipped, extra = divmod(first * math.prod(shape[1:]), 4)  # Philox generates four numbers per count
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    counter = tf.concat([counter[:1] + skipped, counter[1:]], 0)
    count = math.prod(shape)
    uniform = tf.raw_ops.StatelessRandomUniformV2(shape=(extra + count,), key=key, counter=counter, alg=1)
    return tf.reshape(uniform[extra:], shape)


def activation_penalties(x: Tensor, outputs: Tensor, regularization: Regularization | None) -> Tensor:
    """Return what activations add to the loss (Merity, McCann & Socher 2017, "Revisiting activation regularization"):
    the mean square of the outputs `x` after dropout, and of the changes of the (B, T, H) `outputs` from step to step.
    """
    if regularization is None:
        return 0.0
    penalty: Tensor = 0.0
    if regularization.activation_penalty:
        penalty += regularization.activation_penalty * tf.reduce_mean(tf.square(tf.cast(x, tf.float32)))
    if regularization.change_penalty and outputs.shape[1] > 1:
        changes = tf.cast(outputs[:, 1:], tf.float32) - tf.cast(outputs[:, :-1], tf.float32)
        penalty += regularization.change_penalty * tf.reduce_mean(tf.square(changes))
    return penalty


def state_mask(shape: Sequence[int], regularization: Regularization | None) -> Tensor | None:
    """Return (B, T) factors of the state before each time step: 0 where a shortened window starts, else 1.

    Shortened windows train the network to predict from fewer words than a whole window. None without them.
    """
    batch, window = shape
    if regularization is None or regularization.short_windows is None or window < 2:
        return None
    rows = (regularization.first + batch,)
    short = tf.random.stateless_uniform(rows, tf.add(regularization.seed, [101, 0])) < regularization.short_windows
    start = tf.random.stateless_uniform(rows, tf.add(regularization.seed, [102, 0]), 1, window, tf.int32)
    return 1.0 - tf.one_hot(tf.where(short, start, 0)[regularization.first :], window)
