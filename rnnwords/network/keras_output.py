"""The output layer in Keras: full or adaptive softmax, tied or not, or a linear layer; logits and losses.

Adaptive softmax (Grave et al. 2017, "Efficient softmax approximation for GPUs"): the head has the most frequent tokens
and one entry per cluster of rarer tokens. The small product of a cluster is computed only for targets in it.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from rnnwords.network.config import NetworkConfig
from rnnwords.network.keras_regularization import Tensor


class OutputLayer:
    """The output layer; `variables` has its weights by the names of NetworkConfig.shapes. N rows."""

    def __init__(self, config: NetworkConfig, seed: int, dtype: Any, tied: Any, init: str = "glorot") -> None:
        """Create the initial weights. `tied` is the Keras variable of the embedding (V, E) if the output uses it.

        `init` normal: weights and biases of the full softmax are standard normal, as in the recipe `tutorial`.
        """
        self.config, self.dtype, self.tied = config, dtype, tied
        self.variables: dict[str, Any] = {}
        for number, (name, shape) in enumerate(config.shapes().items()):
            layer, part = name.split("/")
            if layer in ("projection", "output") or layer.startswith("tail_"):
                initial = np.zeros(shape, np.float32)
                if layer == "output" and init == "normal":
                    initial = keras.initializers.RandomNormal(stddev=1.0, seed=seed + number)(shape)
                elif part != "bias":
                    initial = keras.initializers.GlorotUniform(seed=seed + number)(shape)
                self.variables[name] = keras.Variable(initial, name=part)

    def logits(self, x: Tensor) -> Tensor:
        """Return float32 logits (N, V) of outputs (N, H); log-probabilities if adaptive, values if linear."""
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
        """Return losses in nats, hits (0 or 1) and objectives to minimize, each (N,), of outputs (N, H), targets (N,).

        The objectives are the losses or, with label smoothing (Szegedy et al. 2016; full softmax only), cross entropies
        with targets that spread the share `smoothing` over all tokens. A hit of an adaptive softmax is a correct
        prediction along the most probable branch. Of a linear output, the losses are squared errors and there are no
        hits.
        """
        x = self._projected(x)
        head = self._head(x)
        if self.config.numeric:
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
            correct = tf.logical_and(tf.gather(hits, rows[:, 0]), tf.equal(tf.argmax(tail, -1, tf.int32), own))
            hits = tf.tensor_scatter_nd_update(hits, rows, correct)
        return losses, tf.cast(hits, tf.float32), losses

    def _projected(self, x: Tensor) -> Tensor:
        return self._product(x, self.variables["projection/kernel"]) if self.config.projects else x

    def _head(self, x: Tensor) -> Tensor:
        if self.config.tie:
            logits = tf.matmul(x, tf.cast(self.tied.value, self.dtype), transpose_b=True)
        else:
            logits = self._product(x, self.variables["output/kernel"])
        return tf.cast(logits, tf.float32) + self.variables["output/bias"].value

    def _tail(self, number: int, x: Tensor) -> Tensor:
        x = self._product(x, self.variables[f"tail_{number}/projection"])
        logits = self._product(x, self.variables[f"tail_{number}/kernel"])
        return tf.cast(logits, tf.float32) + self.variables[f"tail_{number}/bias"].value

    def _product(self, x: Tensor, kernel: Any) -> Tensor:
        return tf.matmul(x, tf.cast(kernel.value, self.dtype))
