"""Perplexity of a loss, and its value in JSON."""

import math


def perplexity(loss: float) -> float:
    """Return e to the loss in nats per word; inf where a float cannot hold it.

    >>> perplexity(0.0)
    1.0
    """
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def finite(number: float) -> float | None:
    """Return the number, or None for infinity and NaN, which JSON does not have."""
    return float(number) if math.isfinite(number) else None
