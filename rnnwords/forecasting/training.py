"""`train_forecaster`: from a series of numbers to a model file.

Windows, network, loop, checkpoints and resuming are those of `training`. Test values take no part in the training:
neither scaling nor the choice of the best weights uses them.
"""

import contextlib
import math
import secrets
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords.config import SeriesConfig, TextConfig
from rnnwords.errors import CorpusError, ModelError, UsageError
from rnnwords.forecasting.digits import value_text
from rnnwords.forecasting.scaling import fit, scaled, unscaled
from rnnwords.forecasting.series import Series
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.network.recurrent import Network, Weights
from rnnwords.text.encoded import cut_at
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.training.events import Event, Warned
from rnnwords.training.runs.checkpoint import OTHER_KIND, RunDirectory
from rnnwords.training.runs.checkpoint_state import Position
from rnnwords.training.runs.resume import resumed_config
from rnnwords.training.session import run_session
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.request import FREE_SETTINGS, StopRequest, check_names, given
from rnnwords.training.task import RunPlan, TrainingTask

TEST_SPLIT = 0.1  # share of the series, at its end, if there is no file of test values
SAMPLE_VALUES = 3  # of a window, in a report
NETWORK_DEFAULTS: dict[str, Any] = {"window": 60, "layers": 4, "units": 50, "cell": "lstm"}
# Measured in benchmarks/results/forecast-settings.md.
TRAINING_DEFAULTS: dict[str, Any] = {
    "optimizer": "adam", "learning_rate": 3e-3, "schedule": "cosine", "warmup": 0.0, "weight_decay": 0.0,
    "batch_size": 32, "dropout": 0.2, "clip_norm": 1.0, "short_windows": 0.0, "ema": 0.0, "precision": "float32",
    "epochs": 100,
}  # fmt: skip


@dataclass(frozen=True)
class ForecastRequest:
    """A training run on a series. None, or a missing setting: the default. Raises UsageError for unknown settings."""

    series: Series
    directory: Path  # of the run
    test_split: float = TEST_SPLIT  # share of the series, at its end, that training does not use
    network: Mapping[str, Any] = field(default_factory=dict)  # names of NETWORK_DEFAULTS
    training: Mapping[str, Any] = field(default_factory=dict)  # fields of TrainingConfig
    seed: int | None = None  # None: a random one
    restart: bool = False  # discard an earlier run in the directory instead of resuming it

    def __post_init__(self) -> None:
        check_names(self.network, NETWORK_DEFAULTS, self.training)

    def settings(self) -> dict[str, Any]:
        """Return all that decides the result of a run, by setting, as JSON values."""
        training = {name: value for name, value in given(self.training).items() if name not in FREE_SETTINGS}
        comma = {"decimal": ","} if self.series.decimal == "," else {}  # a run without the setting has a point
        return {
            "corpus": self.series.digest, **comma, "column": self.series.column, "test_split": self.test_split,
            **NETWORK_DEFAULTS, **given(self.network), "dropout": TRAINING_DEFAULTS["dropout"], **training,
        }  # fmt: skip


@dataclass(frozen=True)
class ForecastPlan(RunPlan):
    """A run on a series whose settings are complete."""

    series: Series
    cut: int  # number of training values; test values follow
    scaling: SeriesConfig

    def task(self) -> "SeriesTask":
        """Return the series as the training loop uses it."""
        return SeriesTask(self)


@dataclass(frozen=True)
class ForecastPlanned:
    """The settings of a run on a series are complete: the counterpart of the event Planned."""

    plan: ForecastPlan
    resumed_step: int | None  # None: a new run
    complete: bool  # an earlier session finished the run: no training follows


def train_forecaster(
    request: ForecastRequest, *, stop: StopRequest | None = None
) -> Generator[Event | ForecastPlanned, None, None]:
    """Train a model of a series, or resume the run in the directory, and yield what happens, as `training.train` does.

    ForecastPlanned takes the place of Planned. Raises CorpusError, UsageError, ResumeError, ModelError, TrainingError,
    SaveError, MissingDependencyError.
    """
    directory = RunDirectory(request.directory)
    with directory.locked():
        warnings: list[str] = []
        plan = make_forecast_plan(request, warnings.append)
        yield from (Warned(message) for message in warnings)
        yield ForecastPlanned(plan, plan.position.step if plan.position else None, plan.complete)
        yield (yield from run_session(plan, restart=request.restart, stop=stop))


def make_forecast_plan(request: ForecastRequest, warn: Callable[[str], None]) -> ForecastPlan:
    """Complete the settings. `warn` is called with a line for each damaged checkpoint.

    Raises CorpusError if the series is too short, UsageError (all values are equal, settings out of range, a directory
    of words), ResumeError, ModelError (all checkpoints damaged).
    """
    begun = time.monotonic()
    series, network = request.series, NETWORK_DEFAULTS | given(request.network)
    training_settings, window = given(request.training), network["window"]
    TrainingConfig(seed=0, **training_settings)
    config = NetworkConfig(vocabulary_size=1, input="number", output="linear", **network)
    cut = cut_at(len(series), request.test_split)
    if cut <= window:
        split = f", without {len(series) - cut:,} test values" if cut < len(series) else ""
        raise CorpusError(
            f"{series.name}, column {series.column}: expected {window + 1:,} or more training values, found {cut:,}"
            f"{split}; add values, or choose a smaller `window` than {window:,}"
        )
    directory = RunDirectory(request.directory)
    settings = request.settings()
    checkpoint = None if request.restart else directory.resumable(settings, request.seed, lambda _: config, cut, warn)
    if checkpoint:
        training = resumed_config(checkpoint.state.training, training_settings)
    else:
        if not request.restart and directory.model.exists():
            with contextlib.suppress(ModelError):  # a damaged model is of no use
                if Model.load(directory.model).series is None:
                    raise UsageError(OTHER_KIND.format("numbers", directory.path, "words"))
        chosen = TRAINING_DEFAULTS | training_settings
        if {"iterations", "seconds"} & set(training_settings):
            del chosen["epochs"]
        chosen["seed"] = secrets.randbelow(2**32) if request.seed is None else request.seed
        training = TrainingConfig(**{**chosen, "batch_size": min(chosen["batch_size"], cut - window)})
    scaling = fit(series.column, series.values[:cut])
    return ForecastPlan(directory, config, training, settings, checkpoint, begun, series, cut, scaling)


class SeriesTask(TrainingTask):
    """A series that a network learns."""

    def __init__(self, plan: ForecastPlan) -> None:
        self.network, self.scaling = plan.network, plan.scaling
        self.train = scaled(plan.scaling, plan.series.values[: plan.cut])  # (N,) float32, 0 to 1
        self.digest, self.data_record = plan.series.digest, {"values": plan.cut}

    def sample(self, weights: Weights, generator: np.random.Generator) -> str:
        """Return `815.2 816.1 818.4 -> 817.9 (821.3)`: values of the series, the forecast, and the next value."""
        window = self.network.window
        at = int(generator.integers(0, len(self.train) - window))
        values = np.asarray(self.train[at : at + window + 1], np.float32)
        network = Network(self.network, weights)
        forecast = network.values(network.forward(values[None, :-1])[0])
        numbers = unscaled(self.scaling, np.append(values[-SAMPLE_VALUES - 1 :], forecast))
        *before, real, next_one = [value_text(value, self.scaling.span) for value in numbers.tolist()]
        return f"{' '.join(before)} -> {next_one} ({real})"

    def figures(self, loss: float, accuracy: float) -> dict[str, float]:
        """Return the mean squared error of the scaled values, and its root in the unit of the series."""
        return {"loss": loss, "RMSE": math.sqrt(max(0.0, loss)) * self.scaling.span}

    def metrics(self, position: Position) -> dict[str, Any]:
        """Return loss and RMSE of the best weights on the first training values, and their number."""
        loss = position.best_loss
        rmse = None if loss is None else self.figures(loss, 0)["RMSE"]
        return {"of": "training part", "values": position.eval_words, "loss": loss, "rmse": rmse}

    def model(self, weights: Weights, record: dict[str, Any]) -> Model:
        """Return the network with column and scaling."""
        vocabulary = Vocabulary(["_".join(self.scaling.column.split())], [len(self.train)], TextConfig())
        return Model(self.network, vocabulary, weights, record, self.scaling)
