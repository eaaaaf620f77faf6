"""What a run tells as it goes; the command line shows it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Progress:
    """Where a run is, after every graph call."""

    step: int
    spent: float  # share of the budget
    loss: float  # of the last steps, nats a word
    accuracy: float
    words_per_second: float


@dataclass(frozen=True)
class Report:
    """One line of history: means over the steps since the last report."""

    step: int
    epoch: float
    loss: float  # nats a word
    accuracy: float | None  # None where numbers are learned: they are near or far, never right
    learning_rate: float
    held_out_loss: float | None
    held_out_accuracy: float | None
    sample: str
    words_per_second: float = 0.0  # the one number that two equal runs need not share

    @property
    def perplexity(self) -> float:
        """exp(loss), where a float can hold it."""
        return math.exp(min(self.loss, 700.0))


@dataclass(frozen=True)
class Saved:
    """A model or a checkpoint was written."""

    what: str
    step: int


@dataclass(frozen=True)
class Warned:
    """Something is not as it should be, but the run goes on."""

    message: str


@dataclass(frozen=True)
class Finished:
    """The run's end. `reason`: ceiling, patience, budget, already (it was complete), or a signal's name."""

    reason: str
    step: int
    seconds: float
    metrics: dict[str, Any]


Event = Progress | Report | Saved | Warned | Finished


@dataclass
class Position:
    """What a checkpoint holds beside the tensors: of one size, however long the run."""

    step: int = 0
    seconds: float = 0.0  # of training, over all sessions of the run
    best: float | None = None  # lowest evaluated loss
    best_accuracy: float | None = None
    waited: int = 0  # evaluations since the best
    looked: int | None = None  # words that an evaluation looks at
    steps: int = 0  # since the last report
    losses: float = 0.0  # their sum over these steps
    hits: float = 0.0
    epoch_steps: int = 0  # those of these steps that are of the last epoch
    epoch_hits: float = 0.0
    evaluated: tuple[float, float] | None = None  # loss and accuracy of the evaluation since the last report
    finished: str | None = None

    def begin_epoch(self) -> None:
        """The next step is the first of an epoch."""
        self.epoch_steps, self.epoch_hits = 0, 0.0

    def advance(self, losses: Sequence[float], hits: Sequence[float]) -> None:
        """Take steps with these losses and hits, added one by one: how many come in a call is no matter."""
        self.step += len(losses)
        self.steps += len(losses)
        self.epoch_steps += len(losses)
        for loss, hit in zip(losses, hits, strict=True):
            self.losses += loss
            self.hits += hit
            self.epoch_hits += hit

    def reported(self) -> None:
        """Begin anew behind a report."""
        self.steps, self.losses, self.hits, self.evaluated = 0, 0.0, 0.0, None
        self.begin_epoch()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """From such values, or from those of a checkpoint of format 1, which have every loss, hit and report."""
        if "reports" in values:
            losses, hits = values["losses"], values["hits"]
            sums = {"steps": len(losses), "losses": math.fsum(losses), "hits": math.fsum(hits)}
            values = {name: value for name, value in values.items() if name != "reports"} | sums
        found = cls(**values)
        found.evaluated = (found.evaluated[0], found.evaluated[1]) if found.evaluated else None
        return found
