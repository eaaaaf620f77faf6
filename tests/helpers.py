"""What several test files share: small texts, a small model, a child process."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from rnnwords.config import NetworkConfig, TextConfig
from rnnwords.model_file import Model
from rnnwords.text.vocabulary import Vocabulary

ROOT = Path(__file__).parent.parent
FABLE = ROOT / "corpora" / "belling_the_cat.txt"
FABLES = ROOT / "corpora" / "fables.txt"
GOLDEN = Path(__file__).parent / "golden"
LARGEST_NORM = 0.9  # spectral norm of one gate's recurrent kernel in random networks: below 1, so that they contract
WORDS = ("the", "mouse", ",", "cat", ".", "a", "bell", "said", "to", "who", "will", "?")

ODD = (
    ["<unk>", "<eos>", "<UNK>", "\n", "\r", "\0", "\x85", "\u2028", "\u2029", "\u00a0", "\u3000", "\ufeff", "..", "--"],
    ["\u05d0\u05d1", "\u202e", "\u0301", "\u093f", "\u0915\u094d", "\u200d", "\u4e2d\u6587", "\u304b", "\U0001f600"],
)
# Text of all kinds: letters of several scripts, marks, joiners, quotation marks, and characters that look like line
# ends or blanks but are none. Lone surrogates cannot come out of a UTF-8 file.
texts = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
        st.text("ab'\u2019\u2018\"\u201c\u201d\u201e-_.,*=<>0129 \n", max_size=8),
        st.sampled_from([*ODD[0], *ODD[1]]),
    ),
    max_size=12,
).map("".join)


def write(path: Path, content: str | bytes) -> Path:
    """`path`, which now holds exactly `content`."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def contracting(network: NetworkConfig, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights with recurrent kernels scaled down to a spectral norm of at most LARGEST_NORM per gate.

    The order of additions, and so the rounding of a sum, differs between processors. A recurrent network with large
    random weights is chaotic: each step amplifies rounding differences, until two ways to compute the same output
    differ by more than any sensible tolerance. With recurrent kernels of norm below 1 these differences decay.
    """
    found = dict(weights)
    for layer in range(1, network.layers + 1):
        name = f"{network.cell}_{layer}/recurrent_kernel"
        gates = np.split(found[name].astype(np.float64), network.gates, axis=1)
        scaled = [gate * min(1.0, LARGEST_NORM / np.linalg.norm(gate, 2)) for gate in gates]
        found[name] = np.concatenate(scaled, axis=1).astype(np.float32)
    return found


def small_weights(network: NetworkConfig, seed: int = 0) -> dict[str, Any]:
    """Random weights large enough for every part of the network to affect its scores; see `contracting`."""
    random = np.random.default_rng(seed)
    drawn = {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in network.shapes().items()}
    return contracting(network, drawn)


def small_model(words: Sequence[str] = WORDS, seed: int = 0, **options: Any) -> Model:
    """An untrained model that predicts something definite: one LSTM layer of 8 units unless `options` say else."""
    network = NetworkConfig(len(words), **{"window": 3, "layers": 1, "units": 8, "embedding": 6, **options})
    vocabulary = Vocabulary(words, [2 * (len(words) - rank) for rank in range(len(words))], TextConfig())
    return Model(network, vocabulary, small_weights(network, seed), {"seed": seed})


def run_python(
    script: str, *arguments: str | Path, before: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a script in a child process, behind the command `before` if one is given."""
    return subprocess.run(
        [*before, sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT, env={**os.environ, **(environment or {})}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
