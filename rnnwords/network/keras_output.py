"""The output layer in Keras: from hidden outputs to losses, full or adaptive, weights tied or not; or to a number.

Adaptive softmax: Grave et al. 2017, "Efficient softmax approximation for GPUs": the commonest words share a head with
one entry for each cluster of rarer words; a rare word costs its cluster's small product only when it is the target.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from rnnwords.config import NetworkConfig
from rnnwords.network.keras_regularization import Tensor


class Output:
    """The variables of the output layer, by their names in NetworkConfig.shapes, and what is computed with them."""

    def __init__(self, config: NetworkConfig, seed: int, dtype: Any, tied: Any, start: str = "glorot") -> None:
        """`tied` is the Keras variable of the embedding (V, E) if its weights are used here. With `start` normal, the
        weights of the full softmax and its biases begin as standard normal numbers, as the story predictor's do."""
        self.config, self.dtype, self.tied = config, dtype, tied
        self.variables: dict[str, Any] = {}
        for number, (name, shape) in enumerate(config.shapes().items()):
            layer, part = name.split("/")
            if layer in ("projection", "output") or layer.startswith("tail_"):
                first = np.zeros(shape, np.float32)
                if layer == "output" and start == "normal":
                    first = keras.initializers.RandomNormal(stddev=1.0, seed=seed + number)(shape)
                elif part != "bias":
                    first = keras.initializers.GlorotUniform(seed=seed + number)(shape)
                self.variables[name] = keras.Variable(first, name=part)

    def logits(self, x: Tensor) -> Tensor:
        """(N, H) -> (N, V) float32: logits, for an adaptive softmax log-probabilities, for a linear output values."""
        x = self._projected(x)
        head = self._head(x)
        if not self.config.clusters:
            return head
        head = tf.nn.log_softmax(head)
        first = self.config.clusters[0][0]
        parts = [head[:, :first]]
        for number in range(1, len(self.config.clusters) + 1):
            parts.append(tf.nn.log_softmax(self._tail(number, x)) + head[:, first + number - 1, None])
        return tf.concat(parts, axis=1)

    def losses(self, x: Tensor, targets: Tensor, smoothing: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
        """(N, H), (N,) ids -> (N,) losses in nats, (N,) hits as 0 or 1, and (N,) objectives that training lowers.

        The objectives are the losses or, with smoothing, which is for the full softmax only, cross entropies against
        targets that share so much of their probability among all words (Szegedy et al. 2016). With an adaptive softmax
        a hit follows the likeliest branch. For a linear output the targets are numbers and the losses squared errors;
        there are no hits.
        """
        x = self._projected(x)
        head = self._head(x)
        if self.config.numbers:
            losses = tf.square(head[:, 0] - targets)
            return losses, tf.zeros_like(losses), losses
        if not self.config.clusters:
            losses = objectives = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, head)
            if smoothing:
                spread = tf.reduce_logsumexp(head, -1) - tf.reduce_mean(head, -1)
                objectives = (1 - smoothing) * losses + smoothing * spread
            return losses, tf.cast(tf.equal(tf.argmax(head, -1, tf.int32), targets), tf.float32), objectives
        entries = targets
        for number, (first, end, _) in enumerate(self.config.clusters):
            inside = tf.logical_and(targets >= first, targets < end)
            entries = tf.where(inside, self.config.clusters[0][0] + number, entries)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(entries, head)
        hits = tf.equal(tf.argmax(head, -1, tf.int32), entries)
        for number, (first, end, _) in enumerate(self.config.clusters, start=1):
            rows = tf.where(tf.logical_and(targets >= first, targets < end))  # (n, 1)
            own = tf.gather(targets, rows[:, 0]) - first
            tail = self._tail(number, tf.gather(x, rows[:, 0]))
            losses = tf.tensor_scatter_nd_add(losses, rows, tf.nn.sparse_softmax_cross_entropy_with_logits(own, tail))
            right = tf.logical_and(tf.gather(hits, rows[:, 0]), tf.equal(tf.argmax(tail, -1, tf.int32), own))
            hits = tf.tensor_scatter_nd_update(hits, rows, right)
        return losses, tf.cast(hits, tf.float32), losses

    def _projected(self, x: Tensor) -> Tensor:
        return self._product(x, self.variables["projection/kernel"]) if self.config.projects else x

    def _head(self, x: Tensor) -> Tensor:
        if self.config.tie:
            scores = tf.matmul(x, tf.cast(self.tied.value, self.dtype), transpose_b=True)
        else:
            scores = self._product(x, self.variables["output/kernel"])
        return tf.cast(scores, tf.float32) + self.variables["output/bias"].value

    def _tail(self, number: int, x: Tensor) -> Tensor:
        x = self._product(x, self.variables[f"tail_{number}/projection"])
        scores = self._product(x, self.variables[f"tail_{number}/kernel"])
        return tf.cast(scores, tf.float32) + self.variables[f"tail_{number}/bias"].value

    def _product(self, x: Tensor, kernel: Any) -> Tensor:
        return tf.matmul(x, tf.cast(kernel.value, self.dtype))
