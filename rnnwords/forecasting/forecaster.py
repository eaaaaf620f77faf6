"""`Forecaster`: a network of numbers, asked for the next value; and how its forecasts are judged.

A forecaster is worth something if it beats the one that needs no network: tomorrow as today.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import UsageError
from rnnwords.forecasting.scaling import Numbers, scaled, unscaled
from rnnwords.model_file import Model
from rnnwords.network.recurrent import Network

BATCH = 512  # windows read at a time


@dataclass(frozen=True)
class Errors:
    """How far forecasts are from what came, in the unit of the values."""

    rmse: float  # root of the mean squared error
    mae: float  # mean absolute error

    @classmethod
    def of(cls, forecasts: Numbers, real: Numbers) -> Self:
        """(N,) forecasts against (N,) real values."""
        differences = forecasts - real
        return cls(float(np.sqrt(np.mean(differences**2))), float(np.mean(np.abs(differences))))


@dataclass(frozen=True, eq=False)
class Judgement:
    """Forecasts one step ahead, each from the real values before it, beside what came and beside the naive forecast."""

    real: Numbers  # (N,)
    forecasts: Numbers  # (N,)
    next: float  # the forecast of the value after the last one
    network: Errors
    naive: Errors  # tomorrow as today

    @property
    def beats(self) -> bool:
        """Whether the network is better than "tomorrow as today" by both measures."""
        return self.network.rmse < self.naive.rmse and self.network.mae < self.naive.mae


class Forecaster:
    """A model of numbers. Values are in their own unit; scaling is the model's own, from what it was trained on."""

    def __init__(self, model: Model) -> None:
        """Raises UsageError for a model of words."""
        if model.series is None:
            raise UsageError(
                "this model predicts words, not numbers; ask it with rnnwords predict, or name another --model"
            )
        self.series = model.series
        self.window = model.network.window
        self.network = Network(model.network, model.weights)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load a model file. Raises ModelNotFoundError, ModelError for a damaged one, UsageError for one of words."""
        return cls(Model.load(path))

    def forecast(self, values: Numbers) -> Numbers:
        """(N,) values, oldest first -> (N - T + 1,) forecasts: of the value after each window of T, the last of which
        is not known yet. Raises UsageError for fewer values than a window has."""
        if len(values) < self.window:
            raise UsageError(f"expected {self.window:,} values or more, a whole window; got {len(values):,}")
        windows = np.lib.stride_tricks.sliding_window_view(scaled(self.series, values), self.window)  # (., T)
        parts: list[NDArray[np.float32]] = []
        for start in range(0, len(windows), BATCH):
            outputs, _ = self.network.read(windows[start : start + BATCH])
            parts.append(self.network.scores(outputs)[:, 0])
        return unscaled(self.series, np.concatenate(parts))

    def judge(self, before: Numbers, real: Numbers) -> Judgement:
        """Forecast each of the (N,) real values from those before it, which begin with `before`, at least a window."""
        every = self.forecast(np.concatenate([before[-self.window :], real]))
        naive = np.concatenate([before[-1:], real[:-1]])
        return Judgement(real, every[:-1], float(every[-1]), Errors.of(every[:-1], real), Errors.of(naive, real))
