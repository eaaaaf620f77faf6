"""Events of a training run, in the order in which `train` yields them:

Warned (at any time), Planned, Note, Started, then StepProgress, Saved and Report as training goes on, Note and
PostTrained, Finished. A run that an earlier session finished yields Planned and Finished, and what post-training adds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnwords.config import FittedInterpolation, HeldOutFigures
from rnnwords.lm.perplexity import perplexity
from rnnwords.network.config import NetworkConfig
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.training.settings.config import TrainingConfig


@dataclass(frozen=True)
class Planned:
    """The text is read and all settings are chosen; TensorFlow is not loaded yet."""

    directory: Path
    vocabulary: Vocabulary
    words: int  # of the training text
    validation_words: int  # that an evaluation of the half that chooses weights predicts; 0: there is none
    held_out_words: int  # that the other half predicts; 0: there is none
    prompt: str  # words of the text, none of them <unk>; empty if there are none
    passage: tuple[int, ...]  # token ids of the text that begins with the prompt
    network: NetworkConfig
    training: TrainingConfig
    resumed_step: int | None  # None: a new run
    complete: bool  # an earlier session finished the run: no training follows


@dataclass(frozen=True)
class Started:
    """TensorFlow is loaded, and training starts."""

    precision: str  # of the matrix products: float32 or bfloat16


@dataclass(frozen=True)
class StepProgress:
    """The steps of one graph call are done, about two such calls per second."""

    step: int
    epoch: float  # passes over the text, with the part of the present one
    spent: float  # share of the budget
    loss: float  # of the last step, nats per word
    accuracy: float
    words_per_second: float


@dataclass(frozen=True)
class Report:
    """A line of the history: means over the steps since the last report."""

    step: int
    epoch: float
    loss: float  # nats per word
    accuracy: float | None  # None for a series of numbers
    learning_rate: float
    validation_loss: float | None
    validation_accuracy: float | None
    sample: str
    best: bool = False  # whether the last evaluation was the best so far, so that the model was saved
    words_per_second: float = 0.0  # the only field in which equal runs differ

    @property
    def perplexity(self) -> float:
        """The perplexity of the training text."""
        return perplexity(self.loss)


@dataclass(frozen=True)
class Saved:
    """A file was written: the `model` or a `checkpoint`."""

    what: str
    step: int


@dataclass(frozen=True)
class Note:
    """What happens now, in one line: a step of post-training, a worker that is missing."""

    message: str


@dataclass(frozen=True)
class Warned:
    """A problem that does not end the run."""

    message: str


@dataclass(frozen=True)
class PostTrained:
    """Post-training is done: what the model file has besides the network, if anything."""

    interpolation: FittedInterpolation | None
    held_out: HeldOutFigures | None


@dataclass(frozen=True)
class Finished:
    """The end of the run, or of this session of it.

    `reason`: max_accuracy (the text is learned completely, see `training.best_possible`), patience, budget, already
    (an earlier session finished the run), or one of `request.STOPPED` (the next session resumes).
    """

    reason: str
    step: int
    seconds: float  # of training, over all sessions
    metrics: dict[str, Any]  # of the saved model


Event = Planned | Started | StepProgress | Report | Saved | Note | Warned | PostTrained | Finished
