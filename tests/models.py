"""Tiny models with known or random weights, made in milliseconds and without TensorFlow."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords.config import TextConfig
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.text.tokens.tokenizer import tokenize
from rnnwords.text.vocabulary import Vocabulary
from tests.texts import FABLE_TEXT, WORDS

LARGEST_NORM = 0.9  # spectral norm of one gate's recurrent kernel in random networks


def vocabulary_of(text, config=None, **limits):
    """Return the vocabulary of a text, cut as `limits` say."""
    config = config or TextConfig()
    return Vocabulary.build(Counter(tokenize(text, config)), config, **limits)


def plain_vocabulary(size, unk=False, text=None):
    """Return a vocabulary of the words w0, w1, ... with falling counts, the last of them <unk> on request."""
    words = [f"w{number}" for number in range(size - unk)] + ["<unk>"] * unk
    return Vocabulary(words, list(range(3 * size, 2 * size, -1)), text or TextConfig())


def contracting(network: NetworkConfig, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights with recurrent kernels scaled down to a spectral norm of at most LARGEST_NORM per gate.

    The order of additions, and so the rounding of a sum, differs between processors. A recurrent network with large
    random weights is chaotic: each step amplifies rounding differences, until two ways to compute the same output
    differ by more than any sensible tolerance. With recurrent kernels of norm below 1 these differences decay.
    """
    scaled = dict(weights)
    for layer in range(1, network.layers + 1):
        name = f"{network.cell}_{layer}/recurrent_kernel"
        gates = np.split(scaled[name].astype(np.float64), network.gates, axis=1)
        gates = [gate * min(1.0, LARGEST_NORM / np.linalg.norm(gate, 2)) for gate in gates]
        scaled[name] = np.concatenate(gates, axis=1).astype(np.float32)
    return scaled


def small_weights(network: NetworkConfig, seed: int = 0) -> dict[str, Any]:
    """Return random weights, large enough that every part of the network changes its output; see `contracting`."""
    random = np.random.default_rng(seed)
    weights = {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in network.shapes().items()}
    return contracting(network, weights)


def small_model(words: Sequence[str] = WORDS, seed: int = 0, **options: Any) -> Model:
    """Return a model of `small_weights`: one LSTM layer of 8 units unless `options` change it."""
    network = NetworkConfig(len(words), **{"window": 3, "layers": 1, "units": 8, "embedding": 6, **options})
    vocabulary = Vocabulary(words, [2 * (len(words) - number) for number in range(len(words))], TextConfig())
    return Model(network, vocabulary, small_weights(network, seed), {"seed": seed})


def random_model(vocabulary, seed=0, **settings):
    """Return a model with random weights in which every word of the context changes a prediction; see `contracting`."""
    chosen = {"units": 8, "embedding": 6, "cell": "lstm", "layers": 2, "window": 3, **settings}
    network = NetworkConfig(vocabulary_size=len(vocabulary), **chosen)
    generator = np.random.default_rng(seed)
    weights = {
        name: generator.standard_normal(shape, dtype=np.float32) * np.float32(0.8)
        for name, shape in network.shapes().items()
    }
    return Model(network, vocabulary, contracting(network, weights), {"words": sum(vocabulary.counts)})


def chain(text=FABLE_TEXT, config=None, stateful=False, window=3, words=None, **limits):
    """Return a network that is a bigram table: the most frequent follower of each word has a probability of 98 %.

    Input is one-hot, the recurrent kernel is zero, and the output kernel holds the logarithms of the table.
    """
    vocabulary = vocabulary_of(text, config, **limits)
    size = len(vocabulary)
    network = NetworkConfig(
        vocabulary_size=size, mode="stateful" if stateful else "windows", window=window, cell="simple", layers=1,
        units=size, input="one-hot",
    )  # fmt: skip
    follows = np.zeros((size, size))
    ids = vocabulary.encode(vocabulary.tokenize(text))
    for word, following in itertools.pairwise(ids):
        follows[word, following] += 1
    table = np.full((size, size), 0.02 / max(1, size - 1))
    table[np.arange(size), follows.argmax(axis=1)] = 0.98
    weights = {
        "simple_1/kernel": 20 * np.eye(size),  # tanh(20) is 1
        "simple_1/recurrent_kernel": np.zeros((size, size)),
        "simple_1/bias": np.zeros(size),
        "output/kernel": np.log(table),
        "output/bias": np.zeros(size),
    }
    training = {"words": len(ids)} if words is None else {"words": words}
    return Model(network, vocabulary, {name: weight.astype(np.float32) for name, weight in weights.items()}, training)


def saved(model, directory: Path) -> Path:
    """Save the model in the directory, and return the path of the file."""
    path = directory / "model.safetensors"
    model.save(path)
    return path


def log_probs_after(lm, ids):
    """Return (V,) log-probabilities after these ids from the beginning of a text."""
    return lm.log_probs([lm.advance(lm.initial_state(), ids)])[0]


def log_probs_along(lm, ids):
    """Return (N, V) log-probabilities before each of N ids, read at once."""
    start = lm.initial_state()
    return lm.log_probs([start, *lm.advance_each(start, ids)[:-1]])
