"""What a run learns: the part of the training loop that knows of words. Its twin for numbers is in `forecast`.

The loop itself only moves windows, losses and weights, so it serves both.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import NetworkConfig, TrainingConfig
from rnnwords.model_file import Model
from rnnwords.network.recurrent import Floats, Network, Weights
from rnnwords.text.corpus import Text, ceiling
from rnnwords.text.prepare import Prepared
from rnnwords.training.reports.samples import SAMPLE

EVALUATED = 100_000  # words of held-out (or, without it, training) text that an evaluation during training looks at
CEILING_UP_TO = 1_000_000  # words; above, the ceiling is no help and costs memory


class Subject(Protocol):
    """What the loop asks of the data that it trains on."""

    train: Text
    held_out: Text | None
    digest: str
    amount: dict[str, Any]  # how much there is to learn from, and of what; the SHA-256 of a held-out text of its own
    ceiling: tuple[int, int] | None  # windows that can be right at the most, all windows
    labels: list[str] | None  # of the rows of the embedding

    def begin(self, vocabulary: Path) -> None:
        """Save what a new run shows to people, under the name that its directory has for it."""

    def first_weights(self) -> Weights:
        """Weights that are better begun with than chance, by name."""

    def sample(self, weights: Weights, generator: np.random.Generator) -> str:
        """What the network makes of a place in the data, drawn anew for every report."""

    def figures(self, loss: float, accuracy: float) -> dict[str, float]:
        """What a mean loss and the share of hits mean, by name; the loss is among them."""

    def metrics(self, best: float | None, accuracy: float | None, looked: int | None) -> dict[str, Any]:
        """The figures of the best model, with the data that they are of and how much of it was looked at."""

    def model(self, weights: Weights, record: dict[str, Any]) -> Model:
        """The network with all that it needs to predict."""


class Words:
    """A text of words, as the loop needs it."""

    def __init__(self, prepared: Prepared, network: NetworkConfig, training: TrainingConfig) -> None:
        self.prepared, self.network, self.training = prepared, network, training
        self.train, self.held_out, self.digest = prepared.train, prepared.held_out, prepared.digest
        self.amount: dict[str, Any] = {"words": prepared.words}
        if prepared.valid_digest:
            self.amount["valid"] = prepared.valid_digest
        self.ceiling: tuple[int, int] | None = None
        if not network.stateful and prepared.words <= CEILING_UP_TO:
            self.ceiling = ceiling(prepared.train, network.window)
        self.labels = list(prepared.vocabulary.words) if network.input == "embedding" else None

    def begin(self, vocabulary: Path) -> None:
        """Save the vocabulary."""
        self.prepared.vocabulary.save(vocabulary)

    def first_weights(self) -> Weights:
        """Biases by which the network begins with the words' frequencies, so that it need not learn those."""
        if self.training.output_start != "glorot":
            return {}
        return frequency_biases(self.network, self.prepared.vocabulary.counts)

    def sample(self, weights: Weights, generator: np.random.Generator) -> str:
        """A guess beside the text's own word, or what else the run is to show."""
        text = self.train if self.held_out is None else self.held_out
        at = int(generator.integers(0, len(text) - self.network.window))
        ids = np.asarray(text[at : at + self.network.window + 1]).astype(np.int64)
        network = Network(self.network, weights)
        return SAMPLE[self.training.sample](network, self.prepared.vocabulary, ids, generator)

    def figures(self, loss: float, accuracy: float) -> dict[str, float]:
        """Loss (nats a word), accuracy, perplexity."""
        return {"loss": loss, "accuracy": accuracy, "perplexity": math.exp(min(loss, 700.0))}

    def metrics(self, best: float | None, accuracy: float | None, looked: int | None) -> dict[str, Any]:
        """Loss, perplexity and accuracy of the best model, the text whose first words they are of, how many words those
        are, and the ceiling of the whole training text."""
        return {
            "of": "training text" if self.held_out is None else "held-out text",
            "words": looked,
            "loss": best,
            "perplexity": None if best is None else math.exp(min(best, 700.0)),
            "accuracy": accuracy,
            "ceiling": list(self.ceiling) if self.ceiling and self.held_out is None else None,
        }

    def model(self, weights: Weights, record: dict[str, Any]) -> Model:
        """The network with its vocabulary."""
        return Model(self.network, self.prepared.vocabulary, weights, record)


def frequency_biases(network: NetworkConfig, counts: Sequence[int]) -> dict[str, Floats]:
    """The biases of the output layer by which the softmax of nothing else gives the (V,) frequencies, one added to each
    count. For an adaptive softmax those of the head and of each cluster."""
    shares = np.asarray(counts, np.float64) + 1
    head = shares
    found: dict[str, Floats] = {}
    if network.clusters:
        head = np.append(
            shares[: network.clusters[0][0]], [shares[first:end].sum() for first, end, _ in network.clusters]
        )
        for number, (first, end, _) in enumerate(network.clusters, start=1):
            found[f"tail_{number}/bias"] = _centred(shares[first:end])
    found["output/bias"] = _centred(head)
    return found


def _centred(shares: NDArray[np.float64]) -> Floats:
    """Logarithms with mean 0: a softmax does not see what is added to all."""
    logarithms = np.log(shares)
    centred: Floats = (logarithms - logarithms.mean()).astype(np.float32)
    return centred
