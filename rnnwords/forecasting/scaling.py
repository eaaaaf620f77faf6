"""Min-max scaling: the lowest training value becomes 0, the highest 1. Later values may lie outside."""

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import SeriesConfig
from rnnwords.errors import CorpusError
from rnnwords.network.overflow import MAX_INPUT

SeriesValues = NDArray[np.float64]


def fit(column: str, values: SeriesValues) -> SeriesConfig:
    """Return the scaling of the (N,) training values. Raises UsageError if all are equal."""
    return SeriesConfig(column, float(values.min()), float(values.max()))


def scaled(series: SeriesConfig, values: SeriesValues) -> NDArray[np.float32]:
    """Return values (N,) as inputs of the network. Raises CorpusError for one too far outside the training values."""
    with np.errstate(over="ignore"):
        inputs = (values - series.low) / series.span
    allowed = np.abs(inputs) <= MAX_INPUT
    if not allowed.all():
        value = values[np.argmin(allowed)]
        raise CorpusError(
            f"column {series.column}: expected values near {series.low:,g} to {series.high:,g}, the range of the "
            f"training values, found {value:,g}"
        )
    return inputs.astype(np.float32)


def unscaled(series: SeriesConfig, numbers: NDArray[np.floating]) -> SeriesValues:
    """Return outputs of the network as values."""
    values: SeriesValues = series.low + numbers.astype(np.float64) * series.span
    return values
