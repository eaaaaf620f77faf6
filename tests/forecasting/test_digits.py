"""Digits of values: enough to tell the values of a series apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import SeriesConfig
from rnnwords.errors import UsageError
from rnnwords.forecasting.digits import rounded, short, value_text


@pytest.mark.parametrize(
    ("value", "span", "text"),
    [
        (794.561234, 400, "794.56"), (1008.64, 700, "1,008.64"), (0.8498, 0.08, "0.84980"),
        (9.024e-9, 1e-9, "9.024e-09"),
        (0.0, 5, "0.000"), (1_234_567_890_123.0, 500_000, "1,234,567,890,123"),
        (1e12 + 0.5, 1, "1,000,000,000,000.500"), (-3e-20, 1e-18, "-3.000e-20"), (5e14, 1e14, "500,000,000,000,000"),
    ],
)  # fmt: skip
def test_values_as_people_read_them(value, span, text):
    assert value_text(value, span) == text


@given(st.floats(-14, 14), st.floats(0, 1), st.floats(-1, 1))
def test_no_digits_of_the_range_are_lost(exponent, where, offset):
    span = 10**exponent
    value = span * (where + offset * 10)
    assert abs(float(value_text(value, span).replace(",", "")) - value) <= span / 1e3
    assert abs(rounded(value, span) - value) <= span / 1e6


def test_errors_have_four_digits():
    assert [short(number) for number in (12.606, 9.8599e-10, 1234.5, 0.0)] == ["12.61", "9.86e-10", "1,234.50", "0"]


@pytest.mark.parametrize(("low", "high"), [(8.5e-9, 9.6e-9), (1e12, 1e12 + 1000), (1e9, 1e9 + 0.5), (-1e-300, 1e-300)])
def test_any_two_values_that_differ_can_be_scaled(low, high):
    assert SeriesConfig("x", low, high).span == high - low
    with pytest.raises(UsageError, match="values that differ"):
        SeriesConfig("x", high, high)
