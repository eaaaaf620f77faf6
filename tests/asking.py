"""Tiny models for the tests of prediction, made in a moment and without TensorFlow."""

import contextlib
import io
import itertools
import select
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords.cli import run
from rnnwords.config import NetworkConfig, TextConfig
from rnnwords.model_file import Model
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.tokenizer import tokenize
from rnnwords.text.vocabulary import Vocabulary
from tests.helpers import contracting
from tests.processes import LIMIT, killed_at_end, start

FABLE = "had a general council to consider what measures they could take . they said this , had a cat ."


def vocabulary_of(text, config=None, **cuts):
    config = config or TextConfig()
    return Vocabulary.build(Counter(tokenize(text, config)), config, **cuts)


def chain(text=FABLE, config=None, stateful=False, window=3, words=None, **cuts):
    """A model that knows nothing but which word follows which in the text, the commonest with 98 %.

    One-hot words, no memory, and the transitions' logits as output weights.
    """
    vocabulary = vocabulary_of(text, config, **cuts)
    size = len(vocabulary)
    network = NetworkConfig(
        vocabulary_size=size, reading="stateful" if stateful else "windows", window=window, cell="simple", layers=1,
        units=size, input="one-hot",
    )  # fmt: skip
    follows = np.zeros((size, size))
    ids = vocabulary.encode(vocabulary.tokenize(text))
    for word, following in itertools.pairwise(ids):
        follows[word, following] += 1
    share = np.full((size, size), 0.02 / max(1, size - 1))
    share[np.arange(size), follows.argmax(axis=1)] = 0.98
    weights = {
        "simple_1/kernel": 20 * np.eye(size),  # tanh(20) is 1
        "simple_1/recurrent_kernel": np.zeros((size, size)),
        "simple_1/bias": np.zeros(size),
        "output/kernel": np.log(share),
        "output/bias": np.zeros(size),
    }
    training = {"words": len(ids)} if words is None else {"words": words}
    return Model(network, vocabulary, {name: weight.astype(np.float32) for name, weight in weights.items()}, training)


def random_model(vocabulary, seed=0, **settings):
    """A model with random weights: every word before it changes a prediction. See `contracting`."""
    chosen = {"units": 8, "embedding": 6, "cell": "lstm", "layers": 2, "window": 3, **settings}
    network = NetworkConfig(vocabulary_size=len(vocabulary), **chosen)
    generator = np.random.default_rng(seed)
    weights = {
        name: generator.standard_normal(shape, dtype=np.float32) * np.float32(0.8)
        for name, shape in network.shapes().items()
    }
    return Model(network, vocabulary, contracting(network, weights), {"words": sum(vocabulary.counts)})


def plain_vocabulary(size, unk=False, text=None):
    """Words w0, w1, ... of falling counts, the last of them <unk> if asked for."""
    words = [f"w{rank}" for rank in range(size - unk)] + ["<unk>"] * unk
    return Vocabulary(words, list(range(3 * size, 2 * size, -1)), text or TextConfig())


def saved(model, directory: Path) -> Path:
    path = directory / "model.safetensors"
    model.save(path)
    return path


def ask(capsys, monkeypatch, *arguments, stdin=None):
    """Run the command line in this process: (status, stdout, stderr)."""
    if stdin is not None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
    capsys.readouterr()
    status = run([str(argument) for argument in arguments])
    found = capsys.readouterr()
    return status, found.out, found.err


@contextlib.contextmanager
def coprocess(*arguments, cwd):
    """The program held open: what asks it a line and waits for the line of the answer. Must end well."""
    process: Any = start(*arguments, cwd=cwd, stdin=subprocess.PIPE)

    def answer(line):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        assert select.select([process.stdout], [], [], LIMIT)[0], "no answer while the writer waits"
        return process.stdout.readline()

    with killed_at_end(process):
        yield answer
        process.stdin.close()
        assert process.wait(LIMIT) == 0


__all__ = [
    "FABLE",
    "Predictor",
    "ask",
    "chain",
    "coprocess",
    "plain_vocabulary",
    "random_model",
    "saved",
    "vocabulary_of",
]
