"""What a network learns, as the training loop uses it: a text here, a series of numbers in `forecasting.training`.

The loop itself only handles batches, losses and weights.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rnnwords.lm.perplexity import finite, perplexity
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.network.recurrent import Floats, Ids, Network, Weights
from rnnwords.text.encoded import EncodedText
from rnnwords.text.prepare import Prepared
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.training.batches import max_accuracy
from rnnwords.training.config import TrainingConfig
from rnnwords.training.runs.checkpoint import Checkpoint, RunDirectory
from rnnwords.training.runs.checkpoint_state import Position

EVAL_WORDS = 100_000  # words at the beginning of the validation (or training) text that an evaluation predicts
MAX_ACCURACY_WORDS = 1_000_000  # of longer texts no network reaches the maximum accuracy, and it would cost memory
SHOWN_WORDS = 8  # of a window, at most
SAMPLE_TRIES = 100  # positions of a sample, of which the first is taken that shows no <unk>
GENERATED_WORDS = 30
TEMPERATURE = 0.8


class TrainingTask(Protocol):
    """The data of a run, and what its losses mean."""

    train: EncodedText
    validation: EncodedText | None = None
    digest: str
    data_record: dict[str, Any]  # size of the data and digest of a validation file, for the model file
    # Windows of the training text that can be predicted correctly, and all windows.
    max_accuracy: tuple[int, int] | None = None
    vocabulary: Vocabulary | None = None  # of a text

    def initial_weights(self) -> Weights:
        """Return weights that replace random initial ones, by name."""
        return {}

    def sample(self, weights: Weights, generator: np.random.Generator) -> str:
        """Return a prediction at a random position of the data, for a report."""

    def figures(self, loss: float, accuracy: float) -> dict[str, float]:
        """Return the figures that a report shows of a mean loss and an accuracy, by name."""

    def metrics(self, loss: float | None, accuracy: float | None, eval_words: int | None) -> dict[str, Any]:
        """Return the metrics of the best model as JSON values, with the data that they are of."""

    def model(self, weights: Weights, record: dict[str, Any]) -> Model:
        """Return the model of these weights."""


@dataclass(frozen=True)
class RunPlan:
    """A run whose settings are complete; its subclasses have the data."""

    directory: RunDirectory
    network: NetworkConfig
    training: TrainingConfig
    settings: Mapping[str, Any]  # that were requested; equal ones resume the run
    checkpoint: Checkpoint | None  # the state from which the run is resumed
    begun: float  # time.monotonic() before the data was read: the start of a time budget

    @property
    def position(self) -> Position | None:
        """A copy of the position from which the run is resumed; None for a new run."""
        return dataclasses.replace(self.checkpoint.state.position) if self.checkpoint else None

    @property
    def complete(self) -> bool:
        """Whether an earlier session finished the run."""
        return self.position is not None and self.position.finished is not None

    def task(self) -> TrainingTask:
        """Return the data of the run."""
        raise NotImplementedError


class TextTask(TrainingTask):
    """A text that a network learns."""

    vocabulary: Vocabulary

    def __init__(self, prepared: Prepared, network: NetworkConfig, training: TrainingConfig) -> None:
        self.vocabulary, self.network, self.training = prepared.vocabulary, network, training
        self.train, self.validation, self.digest = prepared.train, prepared.validation, prepared.digest
        self.data_record = {"words": prepared.words}
        if prepared.validation_digest:
            self.data_record["validation"] = prepared.validation_digest
        if not network.stateful and prepared.words <= MAX_ACCURACY_WORDS:
            self.max_accuracy = max_accuracy(prepared.train, network.window)

    def initial_weights(self) -> Weights:
        """Return the biases of the output layer that give the word frequencies, unless the recipe initializes them."""
        if self.training.output_init != "glorot":
            return {}
        return frequency_biases(self.network, self.vocabulary.counts)

    def sample(self, weights: Weights, generator: np.random.Generator) -> str:
        """Return a prediction, in the style of the setting `sample`, at a random position of the evaluated text."""
        text = self.train if self.validation is None else self.validation
        unk = self.vocabulary.unk_id
        for _ in range(SAMPLE_TRIES):
            at = int(generator.integers(0, len(text) - self.network.window))
            ids = np.asarray(text[at : at + self.network.window + 1]).astype(np.int64)
            if unk is None or unk not in ids[-SHOWN_WORDS - 1 :]:
                break
        network = Network(self.network, weights)
        return SAMPLE[self.training.sample](network, self.vocabulary, ids, generator)

    def figures(self, loss: float, accuracy: float) -> dict[str, float]:
        """Return loss (nats per word), accuracy and perplexity."""
        return {"loss": loss, "accuracy": accuracy, "perplexity": perplexity(loss)}

    def metrics(self, loss: float | None, accuracy: float | None, eval_words: int | None) -> dict[str, Any]:
        """Return the text, the number of its first words that are predicted, loss, perplexity and accuracy on them.

        `max_accuracy` counts all windows of the training text.
        """
        return {
            "of": "training text" if self.validation is None else "validation text", "words": eval_words,
            "loss": loss, "perplexity": None if loss is None else finite(perplexity(loss)), "accuracy": accuracy,
            "max_accuracy": list(self.max_accuracy) if self.max_accuracy and self.validation is None else None,
        }  # fmt: skip

    def model(self, weights: Weights, record: dict[str, Any]) -> Model:
        """Return the network with its vocabulary."""
        return Model(self.network, self.vocabulary, weights, record)


def frequency_biases(network: NetworkConfig, counts: Sequence[int]) -> dict[str, Floats]:
    """Return the biases of the output layer whose softmax alone gives the word frequencies of (V,) counts plus 1.

    For an adaptive softmax these are the biases of the head and of each cluster.
    """
    frequencies = np.asarray(counts, np.float64) + 1
    parts = {"output/bias": frequencies}
    if network.clusters:
        sums = [frequencies[first:end].sum() for first, end, _ in network.clusters]
        parts["output/bias"] = np.append(frequencies[: network.clusters[0][0]], sums)
        for number, (first, end, _) in enumerate(network.clusters, start=1):
            parts[f"tail_{number}/bias"] = frequencies[first:end]
    logarithms = {name: np.log(part) for name, part in parts.items()}
    # The softmax does not change with a constant that is added to all logits: each part gets the mean 0.
    return {name: (part - part.mean()).astype(np.float32) for name, part in logarithms.items()}


def word_sample(network: Network, vocabulary: Vocabulary, ids: Ids, generator: np.random.Generator) -> str:
    """Return `had a general -> council (council)`: words of the text, the predicted next word, and that of the text."""
    best = _best(network, vocabulary, ids)
    return f"{' '.join(vocabulary.decode(ids[-SHOWN_WORDS - 1 : -1]))} -> {best} ({vocabulary.words[int(ids[-1])]})"


def tutorial_sample(network: Network, vocabulary: Vocabulary, ids: Ids, generator: np.random.Generator) -> str:
    """Return `['had', 'a', 'general'] - [council] vs [council]`, as in the tutorial: text, then prediction."""
    best = _best(network, vocabulary, ids)
    return f"{vocabulary.decode(ids[-SHOWN_WORDS - 1 : -1])} - [{vocabulary.words[int(ids[-1])]}] vs [{best}]"


def text_sample(network: Network, vocabulary: Vocabulary, ids: Ids, generator: np.random.Generator) -> str:
    """Return words sampled from the network after the window."""
    sampled: list[int] = []
    outputs, state = network.forward(ids[None, :-1])
    for _ in range(GENERATED_WORDS):
        log_probs = _log_probs(network, vocabulary, outputs).astype(np.float64) / TEMPERATURE
        probs = np.exp(log_probs - log_probs.max())
        sampled.append(int(generator.choice(len(probs), p=probs / probs.sum())))
        if network.config.stateful:
            outputs, state = network.forward(np.array([sampled[-1:]]), state)
        else:
            outputs, _ = network.forward(np.array([[*ids[:-1], *sampled][-network.config.window :]]))
    return vocabulary.detokenize(sampled)


def _best(network: Network, vocabulary: Vocabulary, ids: Ids) -> str:
    """Return the most probable word after all ids but the last one."""
    return vocabulary.words[int(_log_probs(network, vocabulary, network.forward(ids[None, :-1])[0]).argmax())]


def _log_probs(network: Network, vocabulary: Vocabulary, outputs: Floats) -> Floats:
    """Return (V,) log-probabilities of the outputs (1, H), without <unk>, as `generate` writes none."""
    log_probs: Floats = network.log_probs(outputs)[0]
    if vocabulary.unk_id is not None and len(vocabulary) > 1:
        log_probs[vocabulary.unk_id] = -np.inf
    return log_probs


SAMPLE: dict[str, Callable[[Network, Vocabulary, Ids, np.random.Generator], str]]
SAMPLE = {"word": word_sample, "tutorial": tutorial_sample, "text": text_sample}
