"""Digits of values that people read: enough to tell the values of a series apart, whatever their size."""

import math

_DIGITS = 4  # of the range of the series
_JSON_DIGITS = 7  # of the range: a float32, as the network computes, has no more


def decimals(span: float, digits: int = _DIGITS) -> int:
    """Return the decimals after which a value of a series with this range (highest - lowest) has no more to tell.

    Negative: even digits before the decimal point have not.
    """
    return digits - 1 - math.floor(math.log10(span)) if span > 0 else digits


def value_text(value: float, span: float) -> str:
    """Return a value of a series with this range: 1,008.64, 0.0123 or 9.024e-09."""
    places = decimals(span)
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{min(15, max(3, places + math.floor(math.log10(abs(value)))))}e}"
    return f"{value:,.{min(15, max(0 if abs(value) >= 1e9 else 2, places))}f}"


def rounded(value: float, span: float) -> float:
    """Return a value with the digits that a forecast has, for JSON."""
    return round(value, max(6, decimals(span, _JSON_DIGITS)))


def short(number: float) -> str:
    """Return an error, or a difference of values, with four digits or more."""
    return f"{number:,.2f}" if 1 <= abs(number) < 1e9 else f"{number:.4g}"
