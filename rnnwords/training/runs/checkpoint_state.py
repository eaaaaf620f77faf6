"""The state in a checkpoint, which is all of it but the tensors: typed, checked, and read from files of every version.

A checksum only shows that a file is as it was written. The rules here refuse a state that no run can have.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from rnnwords.config import Config, one_of, shown, within
from rnnwords.errors import UsageError
from rnnwords.training.runs.checkpoint_metrics import MAX_LOSS, MAX_WORDS, MIN_LOSS, SeriesMetrics, TextMetrics
from rnnwords.training.runs.resume import run_identity
from rnnwords.training.settings.config import MAX_STEPS, PRECISIONS, TrainingConfig

# Names in checkpoints up to format 2.0 -> names now.
OLD_POSITION = {
    "best": "best_loss", "waited": "evaluations_since_best", "looked": "eval_words", "evaluated": "last_evaluation",
    "steps": "steps_since_report", "losses": "loss_sum", "hits": "hit_sum",
}  # fmt: skip
# What a checkpoint may lack: those of versions that did not train until a text was learned completely.
NEW_POSITION = {"best_probability": None, "nearest_loss": None, "near_since": None}
OLD_SETTINGS = {"valid": "validation", "holdout": "validation_split", **TrainingConfig.RENAMED}
OLD_METRICS = {"ceiling": "max_accuracy"}
OLD_REASONS = {"ceiling": "max_accuracy"}
# Settings of post-training, which checkpoints had up to format 1.0: they do not change the training.
POST_TRAINING = {"ngram", "cache", "calibrate"}

REASONS = ("budget", "patience", "max_accuracy")  # why a run is finished
MAX_NAME = 100  # characters of the name of a setting
ROUNDING = 1.0001  # a mean of hits in float32 can be above 1 by that much


def _loss() -> Any:
    return within(MIN_LOSS, MAX_LOSS, default=None)


@dataclass
class Position(Config):
    """The counters and sums of a run, as a checkpoint holds them; its size does not depend on the number of steps."""

    RENAMED: ClassVar[Mapping[str, str]] = OLD_POSITION

    step: int = within(0, MAX_STEPS, default=0)
    seconds: float = within(0.0, 1e10, default=0.0)  # of training, over all sessions of the run
    best_loss: float | None = _loss()  # the lowest of all evaluations
    best_accuracy: float | None = within(0.0, 1.0, default=None)
    evaluations_since_best: int = within(0, MAX_STEPS, default=0)
    eval_words: int | None = within(1, MAX_WORDS, default=None)  # words that an evaluation predicts
    steps_since_report: int = within(0, MAX_STEPS, default=0)
    loss_sum: float = 0.0  # over these steps
    hit_sum: float = 0.0
    epoch_steps: int = within(0, MAX_STEPS, default=0)  # those of these steps that belong to the current epoch
    epoch_hits: float = 0.0
    last_evaluation: tuple[float, float] | None = None  # loss and accuracy, if there was one since the last report
    finished: str | None = one_of(REASONS, default=None)  # the reason
    best_probability: float | None = within(0.0, 1.0, default=None)  # mean of the right words; since format 3.1
    # Of `training.complete_learning`, since format 3.1: the lowest loss, also of evaluations that save no model, and
    # the step from which on it is near the lowest possible one.
    nearest_loss: float | None = _loss()
    near_since: int | None = within(0, MAX_STEPS, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        steps, epoch_steps = self.steps_since_report, self.epoch_steps
        if not epoch_steps <= steps <= self.step:
            raise UsageError(
                f"expected at most {self.step:,} steps since the last report, and as many in the epoch, found "
                f"{steps:,} and {epoch_steps:,}"
            )
        for name, low, high in (
            ("loss_sum", MIN_LOSS * steps, MAX_LOSS * steps),
            ("hit_sum", 0.0, ROUNDING * steps),
            ("epoch_hits", 0.0, ROUNDING * epoch_steps),
        ):
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"`{name}`: expected {low:g} to {high:g}, found {shown(getattr(self, name))}")
        if (self.best_loss is None) != (self.best_accuracy is None):
            raise UsageError("expected loss and accuracy of the best evaluation, found one of the two")
        if self.best_loss is None and (self.evaluations_since_best or self.last_evaluation or self.eval_words):
            raise UsageError("expected the best of the evaluations, found none")
        if (self.near_since or 0) > self.step:
            raise UsageError(f"`near_since`: expected at most {self.step:,}, found {self.near_since:,}")
        if self.evaluations_since_best > self.step or (self.finished and not self.step):
            raise UsageError(f"`step`: expected one step or more per evaluation, found {self.step:,}")
        if self.last_evaluation is not None and not _is_evaluation(self.last_evaluation):
            raise UsageError(f"`last_evaluation`: expected loss and accuracy, found {shown(self.last_evaluation)}")

    def begin_epoch(self) -> None:
        """Reset the sums of the epoch; the next step is its first."""
        self.epoch_steps, self.epoch_hits = 0, 0.0

    def advance(self, losses: Sequence[float], hits: Sequence[float]) -> None:
        """Count steps with these losses and hits. They are added one by one, so the sums do not depend on the calls."""
        self.step += len(losses)
        self.steps_since_report += len(losses)
        self.epoch_steps += len(losses)
        for loss, hit in zip(losses, hits, strict=True):
            self.loss_sum += loss
            self.hit_sum += hit
            self.epoch_hits += hit

    def begin_report(self) -> None:
        """Reset the sums after a report."""
        self.steps_since_report, self.loss_sum, self.hit_sum, self.last_evaluation = 0, 0.0, 0.0, None
        self.begin_epoch()

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Return the position from JSON values, with the names of any version. Raises UsageError.

        Format 1.0 has all losses and hits since the last report instead of their sums, and all reports.
        """
        if isinstance(values, dict):
            values = {name: value for name, value in values.items() if name != "reports"}
            if isinstance(losses := values.get("losses"), list):
                count = {"steps": len(losses), "losses": _sum(losses), "hits": _sum(values.get("hits"))}
                values = {"epoch_steps": 0, "epoch_hits": 0.0, "looked": None} | values | count
            values = {**NEW_POSITION, **values}
            for item in dataclasses.fields(cls):  # those of a new run have defaults; a checkpoint has all
                if item.name not in values and not any(OLD_POSITION.get(name) == item.name for name in values):
                    raise UsageError(f"{cls.__name__}: setting {item.name!r} is missing")
            if isinstance(reason := values.get("finished"), str):
                values["finished"] = OLD_REASONS.get(reason, reason)
        return super().from_json(values)


@dataclass(frozen=True)
class CheckpointState(Config):
    """The state of a run. `from_json` reads that of every version and refuses one that contradicts itself."""

    settings: dict[str, Any]  # that were requested; equal ones resume the run
    position: Position
    training: TrainingConfig
    metrics: dict[str, Any]  # of the best model
    run: str  # see `run_identity`
    precision: str = one_of(PRECISIONS[1:])  # that was chosen

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(corpus := self.settings.get("corpus"), str):
            raise UsageError(f"expected the SHA-256 of the corpus, found {shown(corpus)}")
        training, position = self.training, self.position
        for name in ("batch_size", "optimizer", "learning_rate", "schedule"):
            if getattr(training, name) is None:
                raise UsageError(f"`{name}`: expected the value of the run, found none")
        if not (training.epochs or training.iterations or training.seconds):
            raise UsageError("expected a budget, one of `epochs`, `iterations` and `seconds`, found none")
        metrics = (SeriesMetrics if self.numeric else TextMetrics).from_json(self.metrics)
        words = metrics.values if isinstance(metrics, SeriesMetrics) else metrics.words
        found: tuple[Any, ...] = metrics.loss, words
        expected: tuple[Any, ...] = position.best_loss, position.eval_words
        if isinstance(metrics, TextMetrics):
            found = *found, metrics.accuracy, metrics.mean_probability
            expected = *expected, position.best_accuracy, position.best_probability
        if found != expected:
            raise UsageError(f"expected the metrics of the position, {shown(expected)}, found {shown(found)}")

    @property
    def numeric(self) -> bool:
        """Whether the run learns a series of numbers; else a text."""
        return "column" in self.settings

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Return the state from the JSON values of a checkpoint of any version. Raises UsageError."""
        state = upgraded(values)
        typed = super().from_json(state)
        identity = run_identity(_settings(typed.settings), _settings(state["training"]), typed.precision)
        if typed.run != identity and "asked" not in _object(values):
            raise UsageError(f"`run`: expected {identity[:12]}..., of these settings, found {shown(typed.run)}")
        return typed


def upgraded(values: object) -> dict[str, Any]:
    """Return the state of a checkpoint of any version with the names of this version. Raises UsageError."""
    state = _object(values)
    if "asked" not in state:
        return state
    asked = {name: value for name, value in _settings(state["asked"]).items() if name not in POST_TRAINING}
    settings = {OLD_SETTINGS.get(name := key.replace("-", "_"), name): value for key, value in asked.items()}
    if settings.get("sample") == "classic":
        settings["sample"] = "tutorial"
    if "column" in settings:
        settings["test_split"] = settings.pop("validation_split", None)
    metrics = {OLD_METRICS.get(name, name): value for name, value in _object(state.get("metrics")).items()}
    if metrics.get("of") == "held-out text":
        metrics["of"] = "validation text"
    if "column" not in settings:
        metrics = {"words": None, **metrics}  # the first checkpoints of format 1.0 have no words
    rest = {name: value for name, value in state.items() if name != "asked"}
    run = run_identity(asked, _settings(state.get("training")), str(state.get("precision", ""))[:MAX_NAME])
    return {**rest, "settings": settings, "metrics": metrics, "run": run}


def _object(values: object) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UsageError(f"expected an object, found {shown(values)}")
    return values


def _settings(values: object) -> dict[str, Any]:
    """Return settings that are plain values, whose names are short. Raises UsageError for others."""
    for name, value in _object(values).items():
        if len(name) > MAX_NAME or not isinstance(value, bool | int | float | str | None):
            raise UsageError(f"expected settings that are numbers or texts, found {shown(name)}: {shown(value)}")
    return _object(values)


def _sum(values: object) -> float:
    """Return the sum of a list of losses or hits."""
    if not isinstance(values, list) or not all(type(one) in (int, float) and abs(one) <= MAX_LOSS for one in values):
        raise UsageError(f"expected a list of losses or hits, found {shown(values)}")
    return math.fsum(values)


def _is_evaluation(pair: tuple[Any, ...]) -> bool:
    numbers = len(pair) == 2 and all(type(one) in (int, float) for one in pair)
    return numbers and MIN_LOSS <= pair[0] <= MAX_LOSS and 0 <= pair[1] <= 1
