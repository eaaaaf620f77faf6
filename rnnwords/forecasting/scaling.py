"""Min-max scaling: the lowest value of the training part is 0, the highest 1. Values that came later may lie beyond."""

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import SeriesConfig
from rnnwords.errors import CorpusError

Numbers = NDArray[np.float64]


def fit(column: str, values: Numbers) -> SeriesConfig:
    """The scaling of the (N,) values of the training part. Raises UsageError if they are all the same."""
    return SeriesConfig(column, float(values.min()), float(values.max()))


def scaled(series: SeriesConfig, values: Numbers) -> NDArray[np.float32]:
    """Values as the network reads them. Raises CorpusError for one that lies too far beyond what was learned."""
    with np.errstate(over="ignore"):
        found = ((values - series.low) / (series.high - series.low)).astype(np.float32)
    if not np.isfinite(found).all():
        value = values[np.argmin(np.isfinite(found))]
        raise CorpusError(
            f"column {series.column}: expected values near {series.low:,g} to {series.high:,g}, the range that was "
            f"learned; got {value:,g}"
        )
    return found


def unscaled(series: SeriesConfig, numbers: NDArray[np.floating]) -> Numbers:
    """What the network gives as values again."""
    found: Numbers = series.low + numbers.astype(np.float64) * (series.high - series.low)
    return found
