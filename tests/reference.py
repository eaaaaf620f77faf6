"""Recurrent networks by the formulas of the papers, one word at a time in double precision."""

from typing import Any

import numpy as np

from rnnwords.network.config import NetworkConfig

Array = Any


def logistic(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array]:
    """LSTM step with separate gates, as in the papers. Keras concatenates them in the order i, f, c, o."""
    Wi, Wf, Wc, Wo = np.split(W, 4, axis=1)
    Ui, Uf, Uc, Uo = np.split(U, 4, axis=1)
    bi, bf, bc, bo = np.split(b, 4)
    i, f = logistic(x @ Wi + h @ Ui + bi), logistic(x @ Wf + h @ Uf + bf)
    o = logistic(x @ Wo + h @ Uo + bo)
    c = f * c + i * np.tanh(x @ Wc + h @ Uc + bc)
    return o * np.tanh(c), c


def gru(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array]:
    """GRU step with the reset gate after the recurrent product. An update gate of 1 keeps the old state."""
    Wz, Wr, Wn = np.split(W, 3, axis=1)
    Uz, Ur, Un = np.split(U, 3, axis=1)
    (bz, br, bn), (cz, cr, cn) = (np.split(row, 3) for row in b)
    z = logistic(x @ Wz + bz + h @ Uz + cz)
    r = logistic(x @ Wr + br + h @ Ur + cr)
    n = np.tanh(x @ Wn + bn + r * (h @ Un + cn))
    return z * h + (1 - z) * n, c


def simple(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array]:
    return np.tanh(x @ W + h @ U + b), c


def by_the_book(config: NetworkConfig, weights: Any, words: list[int]) -> Array:
    """(T,) ids -> (T, V) probabilities of the next word after each, in double precision."""
    weights = {name: weight.astype(np.float64) for name, weight in weights.items()}
    step = {"lstm": lstm, "gru": gru, "simple": simple}[config.cell]
    h = c = np.zeros((config.layers, config.units))
    found = []
    for word in words:
        if config.input == "embedding":
            x = weights["embedding/embeddings"][word]
        else:
            x = np.eye(config.vocabulary_size)[word] if config.input == "one-hot" else np.array([float(word)])
        for layer in range(config.layers):
            own = [weights[f"{config.cell}_{layer + 1}/{part}"] for part in ("kernel", "recurrent_kernel", "bias")]
            h, c = h.copy(), c.copy()
            h[layer], c[layer] = step(x, h[layer], c[layer], *own)
            x = h[layer]
        found.append(output_by_the_book(config, weights, x))
    return np.array(found)


def output_by_the_book(config: NetworkConfig, weights: Any, x: Array) -> Array:
    def softmax(scores: Array) -> Array:
        return np.exp(scores) / np.exp(scores).sum()

    if config.tie:
        if config.projects:
            x = x @ weights["projection/kernel"]
        return softmax(weights["embedding/embeddings"] @ x + weights["output/bias"])
    head = softmax(x @ weights["output/kernel"] + weights["output/bias"])
    if config.softmax == "full":
        return head
    first = config.clusters[0][0]
    parts = [head[:first]]
    for number in range(len(config.clusters)):
        projection, kernel, bias = (weights[f"tail_{number + 1}/{part}"] for part in ("projection", "kernel", "bias"))
        parts.append(head[first + number] * softmax(x @ projection @ kernel + bias))
    return np.concatenate(parts)
