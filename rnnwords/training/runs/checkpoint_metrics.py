"""The metrics in a checkpoint: those of the best model of a text or of a series, typed and checked."""

import math
import sys
from dataclasses import dataclass

from rnnwords.config import Config, one_of, shown, within
from rnnwords.errors import UsageError
from rnnwords.lm.perplexity import finite, perplexity

# A mean of losses in float32 is not negative, but for rounding.
MIN_LOSS, MAX_LOSS = -1e-3, 3.4028235e38
MAX_WORDS = 10**12


@dataclass(frozen=True)
class TextMetrics(Config):
    """The metrics of the best model of a text, as `TextTask.metrics` returns them."""

    max_accuracy: tuple[int, int] | None
    of: str = one_of(("training text", "validation text"))
    words: int | None = within(1, MAX_WORDS)
    loss: float | None = within(MIN_LOSS, MAX_LOSS)
    perplexity: float | None = within(0.0, sys.float_info.max)
    accuracy: float | None = within(0.0, 1.0)
    # Earlier versions lack these.
    lowest_loss: float | None = within(0.0, MAX_LOSS, default=None)
    max_mean_probability: float | None = within(0.0, 1.0, default=None)
    mean_probability: float | None = within(0.0, 1.0, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        pair, exact = self.max_accuracy, None if self.loss is None else finite(perplexity(self.loss))
        if pair is not None:
            counts = len(pair) == 2 and all(type(one) is int for one in pair)
            if not (counts and 0 <= pair[0] <= pair[1] <= MAX_WORDS and pair[1]):
                raise UsageError(f"`max_accuracy`: expected two counts of windows, found {shown(pair)}")
        if (self.loss or 0) < 700 and not _are_close(self.perplexity, exact):  # earlier versions stopped at 700
            raise UsageError(f"`perplexity`: expected {shown(exact)}, found {shown(self.perplexity)}")


@dataclass(frozen=True)
class SeriesMetrics(Config):
    """The metrics of the best model of a series, as `SeriesTask.metrics` returns them."""

    of: str = one_of(("training part",))
    values: int | None = within(1, MAX_WORDS)
    loss: float | None = within(MIN_LOSS, MAX_LOSS)
    rmse: float | None = within(0.0, 1e35)


def _are_close(one: float | None, other: float | None) -> bool:
    return one is other or (one is not None and other is not None and math.isclose(one, other, rel_tol=1e-6))
