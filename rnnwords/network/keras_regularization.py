"""What training adds to a pass: dropout of units and of weights, and windows that start late.

Shapes as in `network.arrays`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

Tensor = Any  # TensorFlow has no types that mypy can follow


@dataclass(frozen=True)
class Noise:
    """What training adds to a pass: dropout, and windows that start late. All of it follows from one seed tensor."""

    seed: Tensor  # (2,) int32: (seed of the run, step)
    dropout: Tensor | float | None = None
    variational: bool = False  # the same units are dropped for all words of a step
    weight_dropout: float = 0.0  # of the recurrent kernels
    short_windows: float = 0.0
    first: int = 0  # the place of these rows in the whole batch, whose numbers they get wherever they are computed


class Dropout:
    """Dropout whose masks follow from the seed of the step. Each word has a mask of its own or, if variational,
    all T words the same (Gal & Ghahramani 2016). That of weights (DropConnect, Wan et al. 2013, on
    recurrent kernels after Merity, Keskar & Socher 2018) is the same for all words of the step."""

    def __init__(self, noise: Noise | None) -> None:
        self.weights = noise if noise is not None and noise.weight_dropout > 0 else None
        self.noise = noise if noise is not None and noise.dropout is not None else None
        self.uses = 0

    def __call__(self, x: Tensor) -> Tensor:
        factors = self._factors(x.shape, x.dtype)
        return x if factors is None else x * factors

    def pieces(self, outputs: list[Tensor], size: int) -> list[Tensor]:
        """T outputs (B, H) as (B, t, H) with t = `size` words or, in the last, fewer: the parts of what they would be
        in one piece."""
        rows, units = outputs[0].shape
        factors = self._factors((rows, len(outputs), units), outputs[0].dtype)
        found = []
        for start in range(0, len(outputs), size):
            piece = tf.stack(outputs[start : start + size], axis=1)
            if factors is not None:
                piece *= factors[:, start : start + size] if factors.shape[1] > 1 else factors
            found.append(piece)
        return found

    def _factors(self, shape: Sequence[int], dtype: Any) -> Tensor | None:
        """What the next outputs (B, H) or (B, T, H) are multiplied by; None: they stay as they are."""
        if self.noise is None:
            return None
        self.uses += 1
        if self.noise.variational and len(shape) == 3:
            shape = (shape[0], 1, shape[2])
        draw = _drawn(shape, tf.add(self.noise.seed, [self.uses, 0]), self.noise.first)
        return _kept(draw, self.noise.dropout, dtype)

    def kernel(self, layer: int, kernel: Tensor) -> Tensor:
        """A kernel without some of its weights, the others larger to make up for them."""
        if self.weights is None:
            return kernel
        draw = tf.random.stateless_uniform(kernel.shape, tf.add(self.weights.seed, [201 + layer, 0]))
        return kernel * _kept(draw, self.weights.weight_dropout, kernel.dtype)


def _kept(draw: Tensor, rate: Tensor | float, dtype: Any) -> Tensor:
    """0 where the number drawn from 0 to 1 is below the rate; elsewhere what keeps the mean."""
    return tf.cast(draw >= rate, dtype) / tf.cast(1 - rate, dtype)


def _drawn(shape: Sequence[int], seed: Tensor, first: int) -> Tensor:
    """Numbers from 0 to 1 of this shape: the rows from `first` on of those that a larger batch would get."""
    if not first:
        return tf.random.stateless_uniform(shape, seed)
    skipped, extra = divmod(first * math.prod(shape[1:]), 4)  # Philox makes four numbers a count
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    counter = tf.concat([counter[:1] + skipped, counter[1:]], 0)
    count = math.prod(shape)
    draw = tf.raw_ops.StatelessRandomUniformV2(shape=(extra + count,), key=key, counter=counter, alg=1)
    return tf.reshape(draw[extra:], shape)


def late_starts(shape: Sequence[int], noise: Noise | None) -> Tensor | None:
    """(B, T) factors for the state before each word: 0 where a window starts late, so that the network also learns to
    predict from fewer words than a whole window; else 1."""
    batch, window = shape
    if noise is None or noise.short_windows <= 0 or window < 2:
        return None
    rows = (noise.first + batch,)
    late = tf.random.stateless_uniform(rows, tf.add(noise.seed, [101, 0])) < noise.short_windows
    start = tf.random.stateless_uniform(rows, tf.add(noise.seed, [102, 0]), 1, window, tf.int32)
    return 1.0 - tf.one_hot(tf.where(late, start, 0)[noise.first :], window)
