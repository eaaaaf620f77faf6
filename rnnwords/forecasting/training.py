"""What a run on numbers will do, settled before TensorFlow is loaded; and the series as the training loop needs it.

Windows, network, loop, checkpoints and how they are resumed are those of words. What is held out is never looked at
before the end: neither the scaling nor the choice of the best weights knows of it.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords.config import NetworkConfig, SeriesConfig, TextConfig, TrainingConfig
from rnnwords.errors import CorpusError, ModelError, UsageError
from rnnwords.forecasting.scaling import fit, scaled, unscaled
from rnnwords.forecasting.series import Series
from rnnwords.model_file import Model
from rnnwords.network.recurrent import Network, Weights
from rnnwords.text.corpus import Text, cut_at
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.training.checkpoint import Checkpoint, RunDirectory
from rnnwords.training.plan import FREE, check_same, resumed

HOLD_OUT = 0.1  # of the series, at its end, where no file of test values is named
SHOWN = 3  # values of a window in a sample
# What a run does where nobody said; the experiments behind it are in benchmarks/results/forecast-settings.md.
DEFAULTS: dict[str, Any] = {
    "optimizer": "adam", "learning_rate": 3e-3, "schedule": "cosine", "warmup": 0.0, "weight_decay": 0.0,
    "batch_size": 32, "dropout": 0.2, "clip_norm": 1.0, "short_windows": 0.0, "ema": 0.0, "precision": "float32",
    "epochs": 100,
}  # fmt: skip


@dataclass(frozen=True)
class ForecastAsked:
    """The wishes of a user: None means "choose for me"."""

    series: Series
    hold_out: float  # share of the series at its end that training may not see
    network: Mapping[str, Any]
    training: Mapping[str, Any]
    seed: int | None = None

    def settings(self) -> dict[str, Any]:
        """All that decides the result of a run, by name, as JSON values."""
        named = {**self.network, **{name: value for name, value in self.training.items() if name not in FREE}}
        return {
            "corpus": self.series.digest, "column": self.series.column, "holdout": self.hold_out,
            **{name.replace("_", "-"): value for name, value in named.items()},
        }  # fmt: skip


@dataclass(frozen=True)
class ForecastPlan:
    """All that a run on numbers needs, complete: the twin of `plan.Plan`."""

    directory: RunDirectory
    series: Series
    cut: int  # values before it are for training
    scaling: SeriesConfig
    network: NetworkConfig
    training: TrainingConfig
    asked: dict[str, Any]
    found: Checkpoint | None
    begun: float

    def subject(self) -> "Numbers":
        """The series as the training loop needs it."""
        return Numbers(self)


def make_forecast_plan(
    directory: RunDirectory,
    asked: ForecastAsked,
    seed: Callable[[], int],
    warn: Callable[[str], None],
    *,
    restart: bool = False,
) -> ForecastPlan:
    """Settle everything. `seed` is called if a new run needs one; with `restart` it always does.

    Raises CorpusError if the series is too short, UsageError (all values are the same, settings out of range, a
    directory of words), ResumeError, ModelError (all checkpoints damaged).
    """
    begun = time.monotonic()
    series, window = asked.series, asked.network["window"]
    given = {name: value for name, value in asked.training.items() if value is not None}
    TrainingConfig(seed=0, **given)
    cut = cut_at(len(series), asked.hold_out)
    if cut <= window:
        held_out = f" and {len(series) - cut:,} held out" if cut < len(series) else ""
        raise CorpusError(
            f"{series.name}, column {series.column}: {cut:,} values to learn from{held_out}; windows of {window:,} "
            f"values need {window + 1:,} or more; a smaller --window needs fewer"
        )
    found = None if restart else directory.newest(warn)
    wishes = asked.settings()
    if not restart:
        _refuse_words(directory, found)
    if found:
        seeds = {} if asked.seed is None else {"seed": (found.state["training"].get("seed"), asked.seed)}
        check_same(directory, found, wishes, seeds)
        training = resumed(found, given)
    else:
        chosen = dict(DEFAULTS)
        if {"iterations", "seconds"} & set(given):
            del chosen["epochs"]
        training = TrainingConfig(**{**chosen, **given, "seed": seed()})
        training = dataclasses.replace(training, batch_size=min(training.batch_size or 1, cut - window))
    config = NetworkConfig(vocabulary_size=1, input="number", output="linear", **asked.network)
    scaling = fit(series.column, series.values[:cut])
    return ForecastPlan(directory, series, cut, scaling, config, training, wishes, found, begun)


def _refuse_words(directory: RunDirectory, found: Checkpoint | None) -> None:
    """Raise UsageError if the directory has a run or a model of words, which would be lost."""
    words = found is not None and "column" not in found.state.get("asked", {})
    if not found and directory.model.exists():
        try:
            words = Model.load(directory.model).series is None
        except ModelError:
            words = False  # nobody can use it
    if words:
        raise UsageError(f"{directory.path} holds a model of words; name another directory with --model")


class Numbers:
    """A series of numbers, as the training loop needs it: see `subject.Subject`."""

    def __init__(self, plan: ForecastPlan) -> None:
        self.network, self.scaling = plan.network, plan.scaling
        self.train: Text = scaled(plan.scaling, plan.series.values[: plan.cut])  # (N,) float32, 0 to 1
        self.held_out: Text | None = None
        self.digest = plan.series.digest
        self.amount = {"values": plan.cut}
        self.ceiling: tuple[int, int] | None = None
        self.labels: list[str] | None = None

    def begin(self, vocabulary: Path) -> None:
        """Numbers have no vocabulary."""

    def first_weights(self) -> Weights:
        """None are known."""
        return {}

    def sample(self, weights: Weights, generator: np.random.Generator) -> str:
        """`815.2 816.1 818.4 -> 817.9 (821.3)`: values of the series, the network's next one, and the series' own."""
        window = self.network.window
        at = int(generator.integers(0, len(self.train) - window))
        values = np.asarray(self.train[at : at + window + 1], np.float32)
        network = Network(self.network, weights)
        next_one = network.scores(network.read(values[None, :-1])[0])[0]
        *before, real, forecast = [
            f"{value:,g}"
            for value in unscaled(self.scaling, np.append(values[-SHOWN - 1 :], next_one)).round(4).tolist()
        ]
        return f"{' '.join(before)} -> {forecast} ({real})"

    def figures(self, loss: float, accuracy: float) -> dict[str, float]:
        """Mean squared error of the scaled values, and its root in the unit of the values."""
        return {"loss": loss, "RMSE": math.sqrt(loss) * (self.scaling.high - self.scaling.low)}

    def metrics(self, best: float | None, accuracy: float | None, looked: int | None) -> dict[str, Any]:
        """Loss and RMSE of the best weights, on the first so many values of what they were trained on."""
        rmse = None if best is None else self.figures(best, 0)["RMSE"]
        return {"of": "training part", "values": looked, "loss": best, "rmse": rmse}

    def model(self, weights: Weights, record: dict[str, Any]) -> Model:
        """The network with its column and scaling."""
        symbol = "_".join(self.scaling.column.split())
        vocabulary = Vocabulary([symbol], [len(self.train)], TextConfig())
        return Model(self.network, vocabulary, weights, record, self.scaling)
