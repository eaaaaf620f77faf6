"""What a network learns, as the training loop uses it: a text here, a series of numbers in `forecasting.training`.

The loop itself only handles batches, losses and weights.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rnnwords.lm.perplexity import finite, perplexity
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.network.recurrent import Floats, Ids, Network, Weights
from rnnwords.text.encoded import EncodedText
from rnnwords.text.prepare import Prepared
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.training.best_possible import BestPossible, best_possible, best_possible_of_streams
from rnnwords.training.continuation.base import ANCESTORS, Base
from rnnwords.training.distillation import Teacher
from rnnwords.training.runs.checkpoint import Checkpoint, RunDirectory
from rnnwords.training.runs.checkpoint_state import Position
from rnnwords.training.settings.config import TrainingConfig

EVAL_WORDS = 100_000  # words at the beginning of the validation (or training) text that an evaluation predicts
MAX_LEARNED_WORDS = 1_000_000  # no network learns a longer text completely, and the best figures would cost memory
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
    best_possible: BestPossible | None = None  # on the training text, where there is no validation text
    vocabulary: Vocabulary | None = None  # of a text

    def initial_weights(self) -> Weights:
        """Return weights that replace random initial ones, by name."""
        return {}

    def teacher(self, directory: Path) -> Teacher | None:
        """Return the teacher of the run, if it has one, whose outputs are saved in the directory."""
        return None

    def sample(self, weights: Weights, generator: np.random.Generator) -> str:
        """Return a prediction at a random position of the data, for a report."""

    def figures(self, loss: float, accuracy: float) -> dict[str, float]:
        """Return the figures that a report shows of a mean loss and an accuracy, by name."""

    def metrics(self, position: Position) -> dict[str, Any]:
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
    seconds_after: float = field(default=0.0, kw_only=True)  # of what follows training: a time budget includes them

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

    def __init__(
        self,
        prepared: Prepared,
        network: NetworkConfig,
        training: TrainingConfig,
        base: Base | None = None,
        teacher: Model | None = None,
    ) -> None:
        """`base` is the model that the run continues from, `teacher` one whose predictions it learns."""
        self._teacher = teacher
        self.vocabulary, self.network, self.training, self.base = prepared.vocabulary, network, training, base
        self.train, self.validation, self.digest = prepared.train, prepared.validation, prepared.digest
        self.data_record = {"words": prepared.words}
        if prepared.validation_digest:
            self.data_record["validation"] = prepared.validation_digest
        if base:
            self.data_record[ANCESTORS] = base.ancestors()
        if teacher:
            self.data_record["teacher"] = {name: teacher.training.get(name) for name in ("run", "corpus", "step")}
        if prepared.validation is None and prepared.words <= MAX_LEARNED_WORDS:
            text, window = prepared.train, network.window
            self.best_possible = best_possible_of_streams(text) if network.stateful else best_possible(text, window)

    def initial_weights(self) -> Weights:
        """Return the weights of the model that the run continues from.

        For a new model these are biases of the output layer that give the word frequencies, unless the recipe
        initializes them.
        """
        if self.base:
            return self.base.initial_weights(self.vocabulary, self.data_record["words"], self.training.seed)
        if self.training.output_init != "glorot":
            return {}
        return frequency_biases(self.network, self.vocabulary.counts)

    def teacher(self, directory: Path) -> Teacher | None:
        """See TrainingTask."""
        if self._teacher is None:
            return None
        return Teacher.of(self._teacher, self.train, self.network, self.training, directory)

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

    def metrics(self, position: Position) -> dict[str, Any]:
        """Return the text, the number of its first words that are predicted, and the figures on them.

        The best possible figures are those of all windows of the training text.
        """
        loss, best = position.best_loss, self.best_possible
        return {
            "of": "training text" if self.validation is None else "validation text", "words": position.eval_words,
            "loss": loss, "perplexity": None if loss is None else finite(perplexity(loss)),
            "accuracy": position.best_accuracy, "mean_probability": position.best_probability,
            "max_accuracy": [best.correct, best.words] if best else None,
            "lowest_loss": best.loss if best else None,
            "max_mean_probability": best.probability if best else None,
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
