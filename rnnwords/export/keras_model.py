"""The network as a Keras model of stock layers, from which a `.keras` file is saved. Imports Keras.

The input is a batch (B, T) of token ids. With a window, the output is (B, V), the probabilities of the next token after
the last ids, as many as the window has; without one, it is (B, T, V), the probabilities after each id. Letters of
shapes as in `network.cells`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rnnwords.lm.interface import Floats
from rnnwords.network.config import NetworkConfig

Tensor = Any
RECURRENT = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple": keras.layers.SimpleRNN}


def save(config: NetworkConfig, weights: Mapping[str, Floats], path: Path) -> None:
    """Write a `.keras` file."""
    with tf.device("CPU"):  # also where a GPU is present, which may have no room
        model = build(config)
        for layer in model.layers:
            if parts := layer_weights(layer.name, config, weights):
                layer.set_weights(parts)
        model.save(path)


def reader(path: Path) -> Callable[[NDArray[np.int64]], Floats]:
    """Open a `.keras` file, and return the function that gives its output for (B, T) ids.

    Only for the file that `save` has just written: it is opened as its users will, and no other file is ever loaded.
    """
    with tf.device("CPU"):  # a GPU may round products to TF32
        model = keras.saving.load_model(path, safe_mode=True)

    def read(ids: NDArray[np.int64]) -> Floats:
        with tf.device("CPU"):
            probs: Floats = np.asarray(model(ids))
        return probs

    return read


def build(config: NetworkConfig) -> Any:
    """Return the model with zeros as weights, which are initialized at once, and whose settings never change."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = _inputs(config, ids if config.stateful else ids[:, -config.window :])
    for number in range(1, config.layers + 1):
        x = RECURRENT[config.cell](
            config.units, return_sequences=config.stateful or number < config.layers, kernel_initializer="zeros",
            recurrent_initializer="zeros", name=f"{config.cell}_{number}",
        )(x)  # fmt: skip
    return keras.Model(ids, _probabilities(config, x), name="next_word")


def _inputs(config: NetworkConfig, ids: Tensor) -> Tensor:
    """Return the inputs (B, T, E), (B, T, V) or (B, T, 1) of the first layer."""
    if config.input == "embedding":
        return keras.layers.Embedding(config.vocabulary_size, config.embedding, "zeros", name="embedding")(ids)
    if config.input == "one-hot":
        return keras.ops.one_hot(ids, config.vocabulary_size)  # the layer CategoryEncoding drops the axis of one id
    return keras.ops.expand_dims(keras.ops.cast(ids, "float32"), -1)


def _probabilities(config: NetworkConfig, x: Tensor) -> Tensor:
    """Return probabilities (..., V) of outputs (..., H): of an adaptive softmax, p(cluster) * p(word | cluster)."""
    dense = partial(keras.layers.Dense, kernel_initializer="zeros")
    if config.projects:
        x = dense(config.embedding, use_bias=False, name="projection")(x)
    if not config.clusters:
        return dense(config.vocabulary_size, activation="softmax", name="output")(x)
    start = config.clusters[0][0]
    head = dense(start + len(config.clusters), activation="softmax", name="output")(x)
    parts = [head[..., :start]]
    for number, (first, end, width) in enumerate(config.clusters, start=1):
        cluster = head[..., start + number - 1 : start + number]
        projected = dense(width, use_bias=False, name=f"tail_{number}_projection")(x)
        tail = dense(end - first, activation="softmax", name=f"tail_{number}")(projected)
        parts.append(keras.layers.Multiply(name=f"tail_{number}_probs")([tail, cluster]))
    return keras.layers.Concatenate(name="probs")(parts)


def layer_weights(name: str, config: NetworkConfig, weights: Mapping[str, Floats]) -> list[Floats]:
    """Return the weights of a layer by its name, in the order of Keras; none for a layer without weights."""
    if name == "output" and config.tie:  # no stock layer has both the weights of an embedding and a bias
        return [weights["embedding/embeddings"].T, weights["output/bias"]]
    if name.endswith("_projection"):
        return [weights[f"{name.removesuffix('_projection')}/projection"]]
    keys = (key for key in config.shapes() if key.split("/")[0] == name and not key.endswith("/projection"))
    return [weights[key] for key in keys]
