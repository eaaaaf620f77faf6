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


def softmax_losses(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor,
    targets: Tensor,
    smoothing: float = 0.0,
    *,
    transposed: bool = False,
    soft: Tensor | None = None,
    share: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `OutputLayer.losses` does, of outputs (N, H), a kernel (H, V), transposed (V, H), and a bias (V,).

    The gradient of the logits is written here, because TensorFlow's takes five more passes over (N, V) numbers, about
    2 % of a float32 step (benchmarks/training.py). Rows are weighted in the small factors of the products. With label
    smoothing or soft targets, only the objectives have a gradient.
    """
    hard = 1.0 if soft is None else 1.0 - share

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def objectives_of(x: Tensor, kernel: Tensor, bias: Tensor) -> tuple[tuple[Tensor, ...], Any]:
        logits = tf.cast(tf.matmul(x, kernel, transpose_b=transposed), tf.float32) + bias
        hits = tf.cast(tf.equal(tf.argmax(logits, -1, tf.int32), targets), tf.float32)
        log_probs = tf.nn.log_softmax(logits)
        losses = objectives = -tf.gather(log_probs, targets, batch_dims=1)
        if smoothing:
            objectives = (1 - smoothing) * losses - smoothing * tf.reduce_mean(log_probs, -1)
        if soft is not None:
            objectives = hard * objectives - share * tf.reduce_sum(soft * log_probs, -1)

        def gradient(upstream: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            places = tf.stack([tf.range(tf.shape(targets)[0]), targets], axis=1)
            probs = tf.exp(log_probs)
            if smoothing:
                probs -= hard * smoothing / bias.shape[0]
            if soft is not None:
                probs -= share * soft
            errors = tf.tensor_scatter_nd_sub(
                probs, places, tf.fill(tf.shape(targets), hard * (1.0 - smoothing))
            )  # (N, V)
            d_bias = tf.matmul(upstream[None], errors)[0]
            errors, rows = tf.cast(errors, x.dtype), tf.cast(upstream[:, None], x.dtype)
            d_x = rows * tf.matmul(errors, kernel, transpose_b=not transposed)
            weighted = rows * x
            factors = (errors, weighted) if transposed else (weighted, errors)
            return d_x, tf.matmul(*factors, transpose_a=True), d_bias

        return (objectives, losses, hits), gradient

    objectives, losses, hits = objectives_of(x, kernel, bias)
    plain = soft is None and not smoothing
    return (objectives if plain else tf.stop_gradient(losses)), hits, objectives


def rows_of(table: Tensor, ids: Tensor) -> Tensor:
    """Return the rows (B, T, E) of a table (V, E) that also is the kernel of the output layer, with a dense gradient.

    That of tf.gather is sparse. TensorFlow would add the dense one of the output layer by appending its V rows, and the
    optimizer would sort, gather and scatter all rows.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def gather(table: Tensor) -> tuple[Tensor, Any]:
        def gradient(upstream: Tensor) -> Tensor:
            rows = tf.reshape(upstream, (-1, table.shape[1]))
            return tf.math.unsorted_segment_sum(rows, tf.reshape(ids, (-1,)), table.shape[0])

        return tf.gather(table, ids), gradient

    return gather(tf.convert_to_tensor(table))


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

    def losses(
        self, x: Tensor, targets: Tensor, smoothing: float = 0.0, soft: Tensor | None = None, share: float = 0.0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return losses in nats, hits (0 or 1) and objectives to minimize, each (N,), of outputs (N, H), targets (N,).

        The objectives are the losses or, with label smoothing (Szegedy et al. 2016; full softmax only), cross entropies
        with targets that spread the share `smoothing` over all tokens. A hit of an adaptive softmax is a correct
        prediction along the most probable branch. With `soft` targets, probabilities (N, V) for a full softmax, the
        cross entropy with them has the weight `share` in the objectives, and the rest 1 - `share`. Of a linear output,
        the losses are squared errors and there are no hits.
        """
        x = self._projected(x)
        if not self.config.numeric and not self.config.clusters:
            kernel = tf.cast((self.tied if self.config.tie else self.variables["output/kernel"]).value, self.dtype)
            bias = tf.convert_to_tensor(self.variables["output/bias"].value)
            return softmax_losses(
                x, kernel, bias, targets, smoothing, transposed=self.config.tie, soft=soft, share=share
            )
        head = self._head(x)
        if self.config.numeric:
            losses = tf.square(head[:, 0] - targets)
            return losses, tf.zeros_like(losses), losses
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
