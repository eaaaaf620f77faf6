"""Gradients of the output layer in numpy: full softmax, tied or not, and adaptive softmax; and how gradients are kept.

The gradient of a matrix is kept as the product of two small ones, so that an update can scale these instead of it.
Shapes as in `network.cells`; N predictions.
"""

from typing import NamedTuple

import numpy as np

from rnnwords.network.recurrent import Floats, Ids, Network, log_softmax


class ProductGradient(NamedTuple):
    """The gradient left^T right of a matrix, or of some of its columns."""

    left: Floats  # (N, K)
    right: Floats  # (N, M)
    columns: Ids | None = None  # (M,); None: all

    def dense(self, shape: tuple[int, ...]) -> Floats:
        """Return the gradient of the whole matrix."""
        dense = np.zeros(shape, np.float32)
        dense[:, slice(None) if self.columns is None else self.columns] = self.left.T @ self.right
        return dense


class RowGradient(NamedTuple):
    """The gradient of some rows of a weight, or of all."""

    values: Floats
    rows: Ids | None = None  # distinct; None: all

    def dense(self, shape: tuple[int, ...]) -> Floats:
        """Return the gradient of the whole weight."""
        dense = np.zeros(shape, np.float32)
        dense[slice(None) if self.rows is None else self.rows] = self.values
        return dense


Gradients = dict[str, ProductGradient | RowGradient]  # by the names of NetworkConfig.shapes


def sums_by_row(ids: Ids, values: Floats) -> RowGradient:
    """Return the sums of the values (N, M) with equal ids (N,)."""
    rows, places = np.unique(ids, return_inverse=True)
    sums = np.zeros((len(rows), values.shape[1]), np.float32)
    np.add.at(sums, places, values)
    return RowGradient(sums, rows)


def output_gradients(
    network: Network, outputs: Floats, targets: Ids, gradients: Gradients, log_probs: Floats | None, min_gradient: float
) -> tuple[Floats, Floats]:
    """Add the gradients of the layer; return log P (N,) of the targets, and the gradient (N, H) of its inputs."""
    config, weights = network.config, network.weights
    x: Floats = outputs @ weights["projection/kernel"] if config.projects else outputs
    if log_probs is None:
        log_probs = network.log_probs(outputs)
    own, d_logits = _softmax_gradients(log_probs, targets)
    words = np.flatnonzero((d_logits.max(axis=0) > min_gradient) | (d_logits.min(axis=0) < 0))
    d_logits = d_logits[:, words]
    gradients["output/bias"] = RowGradient(d_logits.sum(axis=0), words)
    if config.tie:
        kernel = weights["embedding/embeddings"][words].T
        gradients["embedding/embeddings"] = RowGradient(d_logits.T @ x, words)
    else:
        kernel = weights["output/kernel"][:, words]
        gradients["output/kernel"] = ProductGradient(x, d_logits, words)
    d_x: Floats = d_logits @ kernel.T
    if config.projects:
        gradients["projection/kernel"] = ProductGradient(outputs, d_x)
        d_x = d_x @ weights["projection/kernel"].T
    return own, d_x


def _softmax_gradients(log_probs: Floats, targets: Ids) -> tuple[Floats, Floats]:
    """Return log P (N,) of the targets and the gradient (N, V) of the logits."""
    rows = np.arange(len(targets))
    gradient: Floats = np.exp(log_probs)
    gradient[rows, targets] -= 1
    return log_probs[rows, targets], gradient


def adaptive_gradients(
    network: Network, outputs: Floats, targets: Ids, gradients: Gradients, log_probs: Floats | None, min_gradient: float
) -> tuple[Floats, Floats]:
    """See `output_gradients`: a target in a tail has the probability of its cluster, times that in the cluster.

    Computes the probabilities again, and all gradients: `log_probs` and `min_gradient` have no effect.
    """
    weights, clusters = network.weights, network.config.clusters
    head = targets.copy()
    for number, (first, end, _) in enumerate(clusters):
        head[(targets >= first) & (targets < end)] = clusters[0][0] + number
    logits: Floats = outputs @ weights["output/kernel"] + weights["output/bias"]
    own, d_logits = _softmax_gradients(log_softmax(logits), head)
    gradients["output/kernel"] = ProductGradient(outputs, d_logits)
    gradients["output/bias"] = RowGradient(d_logits.sum(axis=0))
    d_outputs: Floats = d_logits @ weights["output/kernel"].T
    for number, (first, end, _) in enumerate(clusters, start=1):
        rows = np.flatnonzero((targets >= first) & (targets < end))
        projection, kernel, bias = (weights[f"tail_{number}/{part}"] for part in ("projection", "kernel", "bias"))
        x: Floats = outputs[rows] @ projection
        tail: Floats = x @ kernel + bias
        in_tail, d_tail = _softmax_gradients(log_softmax(tail), targets[rows] - first)
        own[rows] += in_tail
        d_x: Floats = d_tail @ kernel.T
        gradients[f"tail_{number}/kernel"] = ProductGradient(x, d_tail)
        gradients[f"tail_{number}/bias"] = RowGradient(d_tail.sum(axis=0))
        gradients[f"tail_{number}/projection"] = ProductGradient(outputs[rows], d_x)
        d_outputs[rows] += d_x @ projection.T
    return own, d_outputs
