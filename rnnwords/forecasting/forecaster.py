"""`Forecaster`: one-step forecasts of a network, and their errors next to those of the naive forecast.

The naive forecast repeats the last value; only a network with smaller errors is useful.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from rnnwords.errors import UsageError
from rnnwords.forecasting.scaling import SeriesValues, scaled, unscaled
from rnnwords.model_file import Model
from rnnwords.network.recurrent import Network

BATCH = 512  # windows per pass


@dataclass(frozen=True)
class ForecastErrors:
    """Errors of forecasts, in the unit of the values."""

    rmse: float  # root of the mean squared error
    mae: float  # mean absolute error

    @classmethod
    def of(cls, forecasts: SeriesValues, real: SeriesValues) -> Self:
        """Return the errors of (N,) forecasts of (N,) real values."""
        differences = forecasts - real
        return cls(float(np.sqrt(np.mean(differences**2))), float(np.mean(np.abs(differences))))


@dataclass(frozen=True, eq=False)
class ForecastEvaluation:
    """One-step forecasts, each from the real values before it, and their errors."""

    real: SeriesValues  # (N,)
    forecasts: SeriesValues  # (N,)
    next: float  # forecast of the value after the last real one
    network: ForecastErrors
    naive: ForecastErrors  # of the forecast that repeats the last value

    @property
    def beats_naive(self) -> bool:
        """Whether both errors of the network are smaller than those of the naive forecast."""
        return self.network.rmse < self.naive.rmse and self.network.mae < self.naive.mae


class Forecaster:
    """A model of a series of numbers. All values are in the unit of the series; the model has the scaling."""

    def __init__(self, model: Model) -> None:
        """Raises UsageError for a model of words."""
        if model.series is None:
            raise UsageError("expected a model of numbers, found one of words; use rnnwords predict")
        self.series = model.series
        self.window = model.network.window
        self.network = Network(model.network, model.weights)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load a model file. Raises ModelNotFoundError, ModelError for a damaged one, UsageError for one of words."""
        return cls(Model.load(path))

    def forecast(self, values: SeriesValues) -> SeriesValues:
        """Return forecasts (N - T + 1,) of the value after each window of T of the values (N,), oldest first.

        The last one forecasts the value after all of them. Raises UsageError for fewer values than a window has.
        """
        if len(values) < self.window:
            raise UsageError(f"expected {self.window:,} or more values, a whole window, found {len(values):,}")
        windows = np.lib.stride_tricks.sliding_window_view(scaled(self.series, values), self.window)  # (., T)
        batches = [windows[start : start + BATCH] for start in range(0, len(windows), BATCH)]
        outputs = [self.network.values(self.network.forward(batch)[0]) for batch in batches]
        return unscaled(self.series, np.concatenate(outputs))

    def evaluate(self, before: SeriesValues, real: SeriesValues) -> ForecastEvaluation:
        """Forecast each of the (N,) real values from those before it; `before` has at least a window of values."""
        forecasts = self.forecast(np.concatenate([before[-self.window :], real]))
        naive = np.concatenate([before[-1:], real[:-1]])
        return ForecastEvaluation(
            real, forecasts[:-1], float(forecasts[-1]),
            ForecastErrors.of(forecasts[:-1], real), ForecastErrors.of(naive, real),
        )  # fmt: skip
