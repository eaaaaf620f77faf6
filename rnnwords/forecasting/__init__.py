"""The numeric sibling: forecasts of the next value of a series."""
